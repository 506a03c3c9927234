"""MQTT 5: the user properties of a message, which are pairs of texts, in whatever a client keeps them."""

from typing import Any, ClassVar

from telemetry_kit.carriers._base import Names, is_mapping
from telemetry_kit.carriers._pairs import Pairs

PAHO, GMQTT = "UserProperty", "user_property"
"""Where they stand: an attribute of paho's `Properties`, which aiomqtt has too, and a key of gmqtt's dictionaries."""


class MqttProperties(Pairs):
    """The user properties of an MQTT 5 message: pairs of texts, paho's `Properties` or gmqtt's. The last of a name counts.

    What a message of MQTT 3 has, `None`, becomes an empty list.

    >>> MqttProperties([("traceparent", "old"), ("Traceparent", "new")]).get("traceparent")
    ['new']
    """

    __slots__ = ()

    max_value: ClassVar[int | None] = 65_535
    """Bytes of a text in MQTT."""

    def pick(self, names: Names) -> dict[str, list[str]]:
        return {field: values[-1:] for field, values in super().pick(names).items() if values}

    def _pairs(self) -> Any:
        data = self.data
        if isinstance(data, (list, tuple)):
            return data
        return (data.get(GMQTT) if is_mapping(data) else getattr(data, PAHO, None)) or []

    def _keep(self, pairs: Any) -> None:
        """Put the pairs where they stood. A list was changed in place: paho would append what is set there."""
        data = self.data
        if isinstance(data, (list, tuple)):
            self.data = pairs
        elif is_mapping(data):
            if pairs or GMQTT in data:
                data[GMQTT] = list(pairs)
        elif pairs and not getattr(data, PAHO, None):
            setattr(data, PAHO, pairs)
