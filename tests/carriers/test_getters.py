"""The kit's getter and setter in the hands of other people's propagators, and headers whose classes are odd."""

from collections import ChainMap
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import baggage, propagate
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator, default_getter, default_setter

from telemetry_kit.carriers import AmqpHeaders, AsgiHeaders, HttpHeaders, KafkaHeaders, NatsHeaders, WsgiEnviron
from telemetry_kit.propagation import extract, inject, link_to
from telemetry_kit.w3c import StrictTraceContextPropagator

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def use() -> Iterator[Any]:
    """Makes a propagator the host's, for the test."""
    before = propagate.get_global_textmap()
    yield lambda *parts: propagate.set_global_textmap(CompositePropagator(list(parts)))
    propagate.set_global_textmap(before)


class OwnMapping(TextMapPropagator):
    """Reads and writes a mapping of its own: the environment's, a gateway's."""

    fields = {"gateway"}  # type: ignore[assignment]

    def __init__(self, own: Any) -> None:
        self.own = own
        self.got: list[Any] = []

    def extract(self, carrier: Any, context: Any = None, getter: Any = default_getter) -> Context:
        self.got = [sorted(getter.keys(self.own)), *(getter.get(self.own, key) for key in (*self.own, "missing"))]
        return context or Context()

    def inject(self, carrier: Any, context: Any = None, setter: Any = default_setter) -> None:
        setter.set(self.own, "Written-By", "me")
        setter.set(carrier, "Gateway", "7")


@pytest.mark.parametrize("own", [{"X-Trace": "1"}, {"x": ["1", "2"]}, {"T": ("a",)}, {"Number": 7}, {}])
def test_a_propagator_s_own_mapping_is_read_as_the_api_reads_it(use: Any, own: dict[str, Any]) -> None:
    """Text, lists, other types, names in their own case: what the API's getter finds, the kit's finds."""
    apis, kits = OwnMapping(own), OwnMapping(own)
    apis.extract({})
    use(kits)
    extract({"host": "a"})

    assert apis.got == kits.got


def test_a_propagator_s_own_mapping_is_written_as_the_api_writes_it(use: Any) -> None:
    """Its names keep their case; what is to be sent has names in lower case."""
    part = OwnMapping({})
    use(part)

    assert {"gateway": "7"} == inject({})
    assert {"Written-By": "me"} == part.own


class Prefixed(TextMapPropagator):
    """Baggage with a header for each entry, as Jaeger's and OpenTracing's have it."""

    fields = set()  # type: ignore[assignment]

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def extract(self, carrier: Any, context: Any = None, getter: Any = default_getter) -> Context:
        context = context or Context()
        for name in getter.keys(carrier):
            if name.startswith(self.prefix):
                values = getter.get(carrier, name)
                if values:
                    context = baggage.set_baggage(name[len(self.prefix) :], values[0], context)
        return context

    def inject(self, carrier: Any, context: Any = None, setter: Any = default_setter) -> None: ...


@pytest.mark.parametrize("prefix", ["uberctx-", "ot-baggage-"])
@pytest.mark.parametrize("spell", [str.title, str.upper, str.lower])
def test_prefixes_are_read_in_any_case(use: Any, prefix: str, spell: Any) -> None:
    """Go's clients and nginx send them in title case, HTTP/2 in lower case, WSGI in upper case."""
    use(Prefixed(prefix), StrictTraceContextPropagator())
    sent = {spell(f"{prefix}tenant"): "acme", spell(f"{prefix}tier"): "gold", "Accept": "*/*", "traceparent": PARENT}
    carriers = [
        sent,
        HttpHeaders(list(sent.items())),
        AsgiHeaders([(name.encode(), value.encode()) for name, value in sent.items()]),
        WsgiEnviron({"HTTP_" + name.upper().replace("-", "_"): value for name, value in sent.items()}),
        KafkaHeaders([(name, value.encode()) for name, value in sent.items()]),
        AmqpHeaders(sent),
        NatsHeaders({name: [value] for name, value in sent.items()}),
    ]

    for carrier in carriers:
        assert {"tenant": "acme", "tier": "gold"} == dict(baggage.get_all(extract(carrier, Context()))), carrier
        assert link_to(carrier) is not None


@pytest.mark.timeout(20)
def test_ten_thousand_prefixed_headers_take_no_longer_than_they_must(use: Any) -> None:
    """SEC 1: a propagator that looks for each of them is shown a bounded number, read in one look."""
    use(Prefixed("uberctx-"))
    headers = [(f"Uberctx-{number}", "x") for number in range(10_000)]

    assert 1_000 < len(baggage.get_all(extract(headers, Context()))) <= 1_024


class Meta(type):
    """A class of classes that are all equal and have no hash."""

    def __eq__(cls, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Plain(dict[str, str], metaclass=Meta):
    """Headers as a mapping."""


class Multi(dict[str, list[str]], metaclass=Meta):
    """Headers that hand out all values of a name."""

    def get_all(self, name: str) -> list[str]:
        return self.get(name, [])


def test_headers_whose_class_has_no_hash() -> None:
    """Each is read by what it can do, whatever its class is equal to."""
    assert [PARENT] == HttpHeaders(Plain({"Traceparent": PARENT})).get("traceparent")
    assert [PARENT] == HttpHeaders(Multi({"Traceparent": [PARENT]})).get("traceparent")
    assert link_to(Plain({"traceparent": PARENT})) is not None
    assert PARENT == inject(Plain({"accept": "*/*"}), extract({"traceparent": PARENT}, Context()))["traceparent"]


class Name(str):
    """A name that can't be looked up in a set."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


def test_names_that_have_no_hash() -> None:
    """They are as good as any other text."""
    assert [PARENT] == HttpHeaders([(Name("Accept"), "*/*"), (Name("TraceParent"), PARENT)]).get("traceparent")
    assert [PARENT] == KafkaHeaders([(Name("accept"), b""), (Name("traceparent"), PARENT.encode())]).get("traceparent")


def test_many_classes_of_headers_are_not_kept() -> None:
    """A client that makes a class for each request costs a look at each, and no memory for ever."""
    from telemetry_kit.carriers import _http

    for number in range(3 * _http.MAX_READERS):
        kind = type(f"Headers{number}", (Multi,), {})
        assert [PARENT] == HttpHeaders(kind({"traceparent": [PARENT]})).get("traceparent")

    assert len(_http._readers) <= _http.MAX_READERS


def test_what_stands_in_a_mapping_behind_is_replaced_too() -> None:
    """A `ChainMap` deletes in its first mapping only: no stale context stays beside the new one."""
    behind = {"Accept": "*/*", "Tracestate": "stale=1", "Baggage": "stale=1"}
    headers = inject(ChainMap({"Traceparent": PARENT.replace("0af", "1af")}, behind), extract({"traceparent": PARENT}))

    assert {"Accept": "*/*", "traceparent": PARENT} == dict(headers)
    assert "Tracestate" in behind


class Pairs(Sequence[tuple[bytes, bytes]]):
    """Headers as h11 has them: a sequence of pairs that is no list, and can't be changed."""

    def __init__(self, *pairs: tuple[bytes, bytes]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, place: Any) -> Any:
        return self.pairs[place]


def test_a_sequence_of_pairs_is_read_and_written_as_a_list_of_them() -> None:
    """What is written comes back as a new object."""
    given = Pairs((b"host", b"shop"), (b"traceparent", PARENT.encode()), (b"baggage", b"a=1"), (b"baggage", b"b=2"))
    context = extract(given, Context())

    assert {"a": "1", "b": "2"} == dict(baggage.get_all(context))
    assert ((b"host", b"shop"), (b"traceparent", PARENT.encode()), (b"baggage", b"a=1,b=2")) == inject(given, context)
    assert ["host", "traceparent", "baggage", "baggage"] == HttpHeaders(given).keys()
    assert 4 == len(given)
