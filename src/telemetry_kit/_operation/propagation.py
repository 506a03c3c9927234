"""What an operation does with carriers and links: where a call goes on from, and where its context goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetry_kit._core import faults, late

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link


def evaluate(site: str, given: Any, declared: Any, args: tuple[Any, ...] | None, kwargs: dict[str, Any]) -> Any:
    """What was given to a call goes first, then what was declared: as it is, or called with the call's arguments,
    which a `with` block doesn't have."""
    if given is not None or declared is None:
        return given
    if not callable(declared):
        return declared
    if args is None:
        return None
    try:
        return declared(*args, **kwargs)
    except Exception as fault:
        faults.record(site, fault)
        return None


def go_on_from(carrier: Any, links: Any, *, public: bool) -> tuple[Context | None, list[Link] | None]:
    """The context that a call goes on from, None for the current one, and its links; at a public endpoint both are
    links."""
    with late.late_import():
        from telemetry_kit import propagation

    try:
        linked = [] if links is None else propagation.links_to(links)
        if public:
            where, incoming = propagation.extract_public(carrier)
            return where, propagation.links_to([*incoming, *linked]) or None
        return None if carrier is None else propagation.extract(carrier), linked or None
    except Exception as fault:
        faults.record("operation.carrier", fault)
        return None, None


def send(carrier: Any, context: Context | None) -> None:
    """Put `context` into an outgoing carrier."""
    with late.late_import():
        from telemetry_kit import propagation

    try:
        propagation.inject(carrier, context)
    except Exception as fault:
        faults.record("operation.carrier", fault)
