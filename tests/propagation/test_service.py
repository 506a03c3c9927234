"""A real HTTP service between two neighbours: what it is sent, and what it sends on for that.

The facts are those that W3C's own suite (https://github.com/w3c/trace-context/tree/main/test) asks of a service, with
keys of level 2 as it has them since its issue 583.
"""

import http.client
import http.server
import threading
from collections.abc import Iterator

import pytest
from opentelemetry import propagate
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import TraceFlags

from telemetry_kit.carriers import HttpHeaders
from telemetry_kit.propagation import attached, extract, inject
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator

TRACE_ID = "12345678901234567890123456789012"
SPAN_ID = "1234567890123456"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


class Service(http.server.BaseHTTPRequestHandler):
    """Continues the trace, and answers with the headers that it would call others with, three times."""

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("service")

    def do_GET(self) -> None:
        sent = []
        with attached(extract(HttpHeaders(self.headers))), self.tracer.start_as_current_span("serve"):
            for _ in range(3):
                with self.tracer.start_as_current_span("call"):
                    sent.append(inject({}))
        self.send_response(200)
        for number, headers in enumerate(sent):
            for name, value in headers.items():
                self.send_header(f"x-{number}-{name}", value)
        self.end_headers()

    def log_message(self, *args: object) -> None:  # type: ignore[override]
        """Tests are quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """The service, with the strict propagators configured."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([StrictTraceContextPropagator(), StrictBaggagePropagator()]))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield "127.0.0.1", server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()
    propagate.set_global_textmap(before)


def call(address: tuple[str, int], *headers: tuple[str, str]) -> list[dict[str, str]]:
    """What the service sends on for a request with these headers, of each of its three calls."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.putrequest("GET", "/")
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    received = {name.lower(): value for name, value in response.getheaders()}
    connection.close()
    prefixes = [f"x-{number}-" for number in range(3)]
    return [
        {name.removeprefix(prefix): value for name, value in received.items() if name.startswith(prefix)}
        for prefix in prefixes
    ]


def trace_id(sent: dict[str, str]) -> str:
    """The trace that a call belongs to."""
    version, trace_id, span_id, _flags = sent["traceparent"].split("-")
    assert ("00", 32, 16) == (version, len(trace_id), len(span_id))
    return trace_id


def test_without_headers_a_trace_is_started(address: tuple[str, int]) -> None:
    """Each call is a valid child of it."""
    sent = call(address)

    assert 1 == len({trace_id(one) for one in sent})
    assert 3 == len({one["traceparent"] for one in sent})


def test_the_trace_goes_on_with_new_parents(address: tuple[str, int]) -> None:
    """The trace id is kept, the parent id is the calling span's."""
    sent = call(address, ("traceparent", PARENT))

    assert {TRACE_ID} == {trace_id(one) for one in sent}
    assert 4 == len({PARENT, *(one["traceparent"] for one in sent)})


@pytest.mark.parametrize(
    "traceparent",
    [
        *(f"{PARENT}{rest}" for rest in (".", "-what-the-future-will-be-like")),
        f"cc{PARENT[2:]}.what",
        *(f"{version}{PARENT[2:]}" for version in ("ff", ".0", "0.", "000", "0000", "0", "")),
        *(PARENT.replace(TRACE_ID, other) for other in ("0" * 32, f".{TRACE_ID[1:]}", f"{TRACE_ID[:-1]}.")),
        *(PARENT.replace(TRACE_ID, other) for other in (f"{TRACE_ID}3", TRACE_ID[:-1], TRACE_ID.replace("1", "A"))),
        *(PARENT.replace(SPAN_ID, other) for other in ("0" * 16, f".{SPAN_ID[1:]}", f"{SPAN_ID[:-1]}.")),
        *(f"00-{TRACE_ID}-{other}-01" for other in (f"{SPAN_ID}7", SPAN_ID[:-1])),
        *(f"{PARENT[:-2]}{flags}" for flags in (".0", "0.", "001", "1")),
    ],
)
def test_what_is_no_traceparent_starts_a_new_trace(address: tuple[str, int], traceparent: str) -> None:
    """Of this version something after the flags, of others something that isn't set off; lengths, digits, zeros."""
    sent = call(address, ("traceparent", traceparent))

    assert {trace_id(one) for one in sent}.isdisjoint({TRACE_ID, "0" * 32})
    assert 3 == len({one["traceparent"] for one in sent})


@pytest.mark.parametrize("before", ["", " ", "\t", "\t "])
@pytest.mark.parametrize("after", ["", " ", "\t", " \t"])
@pytest.mark.parametrize("version", ["00", "cc"])
def test_blanks_and_later_versions_go_on(address: tuple[str, int], before: str, after: str, version: str) -> None:
    """Blanks around it belong to HTTP, and what is known of a later version is read."""
    assert TRACE_ID == trace_id(call(address, ("traceparent", f"{before}{version}{PARENT[2:]}{after}"))[0])


def test_a_later_version_with_more_goes_on(address: tuple[str, int]) -> None:
    """After a dash may stand what nobody knows yet."""
    assert TRACE_ID == trace_id(call(address, ("traceparent", f"cc{PARENT[2:]}-what-the-future-will-be-like"))[0])


@pytest.mark.parametrize("name", ["trace-parent", "trace.parent"])
def test_other_names_are_not_traceparent(address: tuple[str, int], name: str) -> None:
    """They are somebody else's headers."""
    assert TRACE_ID != trace_id(call(address, (name, PARENT))[0])


EVERY_CHARACTER = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")
MEMBERS = [f"bar{number:02}={number:02}" for number in range(1, 34)]


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        (["foo=1,bar=2"], "foo=1,bar=2"),
        (["foo=1", ""], "foo=1"),
        (["", "foo=1"], "foo=1"),
        (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        (["foo=1,foo=2"], "foo=1"),
        (["foo=1", "foo=2"], "foo=1"),
        ([f"{'abcdefghijklmnopqrstuvwxyz0123456789_-*/'}={EVERY_CHARACTER}"], None),
        ([f"{'abcdefghijklmnopqrstuvwxyz0123456789_-*/'}@a-z0-9_-*/={EVERY_CHARACTER}"], None),
        (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        (["\t foo=1 \t"], "foo=1"),
        (["foo@=1,bar=2"], "foo@=1,bar=2"),
        (["foo@@bar=1,bar=2"], "foo@@bar=1,bar=2"),
        (["foo@bar@baz=1,bar=2"], "foo@bar@baz=1,bar=2"),
        ([",".join(MEMBERS[:10]), ",".join(MEMBERS[10:32])], ",".join(MEMBERS[:32])),
        (["foo=1", "z" * 256 + "=1"], f"foo=1,{'z' * 256}=1"),
        (["foo=1", "t" * 242 + "@v=1"], f"foo=1,{'t' * 242}@v=1"),
        (["foo=1", f"t@{'v' * 15}=1"], f"foo=1,t@{'v' * 15}=1"),
    ],
)
def test_tracestate_goes_on(address: tuple[str, int], headers: list[str], sent: str | None) -> None:
    """As it came, joined, without the blanks and without the second member of one key; None where nothing changes."""
    pairs = [("traceparent", PARENT), *(("TraceState", header) for header in headers)]
    expected = headers[0] if sent is None else sent

    assert [(TRACE_ID, expected)] * 3 == [(trace_id(one), one["tracestate"]) for one in call(address, *pairs)]


@pytest.mark.parametrize(
    "headers",
    [
        [""],
        ["foo =1"],
        ["FOO=1"],
        ["foo.bar=1"],
        ["@foo=1,bar=2"],
        ["foo=1", "z" * 257 + "=1"],
        MEMBERS,
        ["foo=bar=baz"],
        ["foo=,bar=3"],
    ],
)
def test_a_bad_tracestate_is_dropped_and_the_trace_goes_on(address: tuple[str, int], headers: list[str]) -> None:
    """One member that isn't to be understood makes it all doubtful."""
    sent = call(address, ("traceparent", PARENT), *(("tracestate", header) for header in headers))[0]

    assert (TRACE_ID, False) == (trace_id(sent), "tracestate" in sent)


@pytest.mark.parametrize("name", ["trace-state", "trace.state"])
def test_other_names_are_not_tracestate(address: tuple[str, int], name: str) -> None:
    """They are somebody else's headers."""
    assert "tracestate" not in call(address, ("traceparent", PARENT), (name, "foo=1"))[0]


@pytest.mark.parametrize("name", ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"])
def test_names_in_any_case(address: tuple[str, int], name: str) -> None:
    """HTTP header names have no case."""
    assert TRACE_ID == trace_id(call(address, (name, PARENT))[0])


def test_two_traceparents_start_a_new_trace(address: tuple[str, int]) -> None:
    """Neither of them is continued."""
    other = PARENT.replace(TRACE_ID, TRACE_ID[::-1])
    assert trace_id(call(address, ("traceparent", PARENT), ("traceparent", other))[0]) not in {TRACE_ID, TRACE_ID[::-1]}


def test_several_tracestate_headers_arrive_as_one(address: tuple[str, int]) -> None:
    """In their order, with a key of level 2 and a repeated one."""
    headers = [
        ("traceparent", PARENT),
        ("tracestate", "1foo@@x=1,bar=2"),
        ("TraceState", ""),
        ("tracestate", "bar=0, baz=3"),
    ]
    assert "1foo@@x=1,bar=2,baz=3" == call(address, *headers)[0]["tracestate"]


def test_tracestate_without_traceparent_is_dropped(address: tuple[str, int]) -> None:
    """It belongs to a trace that nobody named."""
    assert "tracestate" not in call(address, ("tracestate", "foo=1"))[0]


@pytest.mark.skipif(
    not hasattr(TraceFlags, "RANDOM_TRACE_ID"),
    reason="this SDK's spans don't take over the random flag of their parent",
)
def test_the_random_flag_goes_on(address: tuple[str, int]) -> None:
    """Set on the way in, set on the way out, while the trace goes on."""
    sent = call(address, ("traceparent", PARENT[:-2] + "03"))[0]["traceparent"]
    assert 2 == int(sent[-2:], 16) & 2


def test_several_baggage_headers_arrive_as_one(address: tuple[str, int]) -> None:
    """With their properties, the bad member left out."""
    sent = call(address, ("baggage", "a=1;p, bad"), ("Baggage", "b=2"))[0]
    assert "a=1;p,b=2" == sent["baggage"]
