"""What context costs on the way in and out, and what hostile headers cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry_kit.carriers import AsgiHeaders
from telemetry_kit.propagation import extract, inject
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator
from tests.bench.harness import Report

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REQUEST = {
    "host": "shop.example",
    "accept": "application/json",
    "user-agent": "bench/1.0",
    "content-type": "application/json",
    "content-length": "120",
    "cookie": "a=b",
}
SCOPE = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in REQUEST.items()]}
TRACED = {**REQUEST, "traceparent": PARENT}
FULL = {**TRACED, "tracestate": "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "baggage": "userId=alice,serverNode=DF%2028"}

MALFORMED = {
    "traceparent": {"x": "x" * 8192, "blanks inside": PARENT[:20] + " " * 8150 + PARENT[20:]},
    "tracestate": {
        "commas": "," * 8192,
        "no values": "a," * 4096,
        "upper case": "A=1," * 2048,
        "33 members": ("k{}=1," * 1400)[:8192],
        "one key": "a=1," * 2048,
    },
    "baggage": {
        "commas": "," * 8192,
        "no values": "a," * 4096,
        "equals signs": "=," * 4096,
        "semicolons": "a=" + ";" * 8190,
        "a bad last property": "a=1" + ";p" * 4090 + ";(",
        "percent signs": "a=" + "%" * 8190,
        "blanks between": " a" * 4096,
        "pairs of blanks": "a  " * 2730,
        "a bad last character": "k=" + "v" * 8180 + "(",
        "too many members": "a=1," * 2048,
        "8 MB": "k=" + "v" * 8_000_000,
    },
}
BLANKS = {"blanks": " " * 8192, "tabs": "\t" * 8192, "blanks in a member": "a" + " " * 8180 + "=1"}
WELL_FORMED = {
    "tracestate": ",".join(f"k{number:02}={'v' * 250}" for number in range(32)),
    "baggage": ",".join(f"key{number}={'v' * 36}" for number in range(180)),
}


def strict() -> CompositePropagator:
    """The kit's own."""
    return CompositePropagator([StrictTraceContextPropagator(), StrictBaggagePropagator()])


def run(report: Report) -> None:
    """Everything with the API's propagators, as most hosts have them, then hostile input with both."""
    before = propagate.get_global_textmap()
    apis = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    propagate.set_global_textmap(apis)
    asgi = AsgiHeaders(SCOPE)

    def nothing() -> None:
        pass

    report.extra("extract of nothing, empty dict", "<= 180 ns", lambda: extract({}), lambda: nothing())
    report.extra("extract of nothing, dict of 6 headers", "<= 180 ns", lambda: extract(REQUEST), lambda: nothing())
    report.extra("extract of nothing, ASGI, 6 headers", "<= 400 ns", lambda: extract(asgi), lambda: nothing())
    report.extra("the same, the carrier made as well", "", lambda: extract(AsgiHeaders(SCOPE)), lambda: nothing())
    _against_the_api(report, "", extract, propagate.extract)
    strict_trace, api_trace = StrictTraceContextPropagator(), TraceContextTextMapPropagator()
    _pair(report, "the strict propagator alone", strict_trace, api_trace)
    propagate.set_global_textmap(strict())
    _against_the_api(report, ", strict", extract, apis.extract)
    for name, propagator in (("api", apis), ("strict", strict())):
        propagate.set_global_textmap(propagator)
        _hostile(report, name)
    propagate.set_global_textmap(before)


def _against_the_api(report: Report, how: str, ours: Callable[..., Context], theirs: Callable[..., Context]) -> None:
    report.ratio(f"extract of a traceparent{how} / the API's", "<= 1.15", lambda: ours(TRACED), lambda: theirs(TRACED))
    report.ratio(f"extract of all three{how} / the API's", "<= 1.15", lambda: ours(FULL), lambda: theirs(FULL))
    context = extract(FULL, Context())
    bare = extract(TRACED, Context())
    api = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    report.ratio(
        f"inject of a span{how} / the API's", "<= 1.15", lambda: inject({}, bare), lambda: api.inject({}, bare)
    )
    report.ratio(
        f"inject of all{how} / the API's", "<= 1.15", lambda: inject({}, context), lambda: api.inject({}, context)
    )
    for field, value in WELL_FORMED.items():
        headers = {"traceparent": PARENT, field: value}
        report.ratio(
            f"8 KB of well-formed {field}{how} / the API's",
            "<= 1.00",
            partial(ours, headers),
            partial(theirs, headers),
        )


def _pair(report: Report, name: str, ours: TextMapPropagator, theirs: TextMapPropagator) -> None:
    report.ratio(
        f"{name}, extract / the API's", "<= 1.15", lambda: ours.extract(TRACED), lambda: theirs.extract(TRACED)
    )
    context = extract(TRACED, Context())
    report.ratio(
        f"{name}, inject / the API's", "<= 1.15", lambda: ours.inject({}, context), lambda: theirs.inject({}, context)
    )


def _hostile(report: Report, propagator: str) -> None:
    def nothing() -> None:
        pass

    for field, cases in MALFORMED.items():
        for name, value in {**cases, **BLANKS}.items():
            headers = {"traceparent": PARENT, field: value}
            target = "<= 50 µs" if name in BLANKS else "<= 300 µs"
            measured = f"8 KB of {field}: {name} ({propagator})"
            report.extra(measured, target, partial(extract, headers), lambda: nothing())
