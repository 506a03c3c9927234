"""The demo's backend answers as Prometheus and a trace store would: its figures stand on this."""

# ruff: noqa: E402 - what follows the skip needs the group `demo`
import pytest

pytestmark = pytest.mark.integration
for package in ("opentelemetry.exporter.otlp.proto.common", "opentelemetry.proto"):
    pytest.importorskip(package, reason=f"the demo needs {package}: install the dependency group `demo`")

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from shop.metrics import Metrics, Window, bucket
from shop.traces import Traces
from shop.units import between

from tests.support import Sdk

BOUNDS = (0.01, 0.1, 1.0)


def collect(sdk: Sdk, metrics: Metrics, at: float) -> None:
    collected = sdk.reader.get_metrics_data()
    assert collected is not None
    metrics.add(encode_metrics(collected), at=at)


@pytest.mark.parametrize(
    ("counts", "q", "range_"),
    [
        ([25, 50, 25, 0], 0.5, (BOUNDS[0], BOUNDS[1])),
        ([1, 0, 0, 0], 0.5, (0.0, BOUNDS[0])),
        ([0, 0, 1, 9], 0.99, (1.0, None)),
    ],
)
def test_a_quantile_is_as_wide_as_its_bucket(counts: list[int], q: float, range_: tuple[float, float | None]) -> None:
    """A histogram knows no more of a quantile than between which bounds it lies."""
    assert bucket(BOUNDS, counts, q) == range_


@pytest.mark.parametrize(
    ("range_", "said"),
    [
        ((0.0, 0.005), "< 5 ms"),
        ((0.1, 0.25), "100 to 250 ms"),
        ((0.75, 1.0), "750 ms to 1 s"),
        ((10.0, None), "> 10 s"),
    ],
)
def test_a_range_is_said_as_people_do(range_: tuple[float, float | None], said: str) -> None:
    """The unit once, where both ends have the same."""
    assert between(*range_) == said


def test_a_total_is_what_was_added_since_the_window_began(sdk: Sdk) -> None:
    """What a counter had before is not counted, what a new series begins with is."""
    metrics, counter = Metrics(), sdk.meter_provider.get_meter("t").create_counter("sold")
    counter.add(5, {"kind": "lamp"})
    collect(sdk, metrics, 100.0)
    window = Window(metrics, 100.5)
    counter.add(2, {"kind": "lamp"})
    counter.add(3, {"kind": "rug"})
    collect(sdk, metrics, 101.0)

    assert window.totals("sold", by="kind") == {"lamp": 2, "rug": 3}
    assert window.total("sold", where={"kind": "rug"}) == 3


def test_a_steady_rate_is_a_flat_line_whenever_it_is_read(sdk: Sdk) -> None:
    """Ten a second, read at odd times: ten in every step, the one that isn't over included."""
    metrics, counter = Metrics(), sdk.meter_provider.get_meter("t").create_counter("sold")
    for before, at in ((0.0, 0.7), (0.7, 1.9), (1.9, 2.2), (2.2, 3.8)):
        counter.add(round((at - before) * 10))
        collect(sdk, metrics, 100.0 + at)
    rates = Window(metrics, 100.0).rates("sold")["sold"]

    assert [second for second, _ in rates] == [0.5, 1.5, 2.5, 3.5]
    assert [rate for _, rate in rates] == pytest.approx([10.0] * 4)


def test_a_step_without_growth_is_a_zero(sdk: Sdk) -> None:
    """A line that skips a quiet second would lie."""
    metrics, counter = Metrics(), sdk.meter_provider.get_meter("t").create_counter("sold")
    for at, sold in ((1.0, 4), (2.0, 0), (3.0, 4)):
        counter.add(sold)
        collect(sdk, metrics, 100.0 + at)

    assert [rate for _, rate in Window(metrics, 100.0).rates("sold")["sold"]] == [4.0, 0.0, 4.0]


def test_a_process_that_began_anew_counts_from_zero() -> None:
    """A counter that fell is a new process's: what it has now is what was added."""
    metrics = Metrics()
    for at, sold in ((101.0, 7), (102.0, 2)):
        sdk = Sdk()
        sdk.meter_provider.get_meter("t").create_counter("sold").add(sold)
        collect(sdk, metrics, at)
        sdk.shutdown()

    assert Window(metrics, 100.0).total("sold") == 9


def test_histograms_give_counts_means_and_quantiles(sdk: Sdk) -> None:
    """Of the recorded durations of each operation, errors told apart."""
    metrics, telemetry = Metrics(), sdk.telemetry("shop")
    op = telemetry.operation("checkout")
    with op.measure():
        pass
    with op.measure() as measurement:
        measurement.fail("declined")
    collect(sdk, metrics, 101.0)
    window = Window(metrics, 100.0)

    assert window.total("operation.duration", where={"operation.name": "checkout"}) == 2
    assert window.total("operation.duration", where={"error.type": None}) == 1
    assert window.ranges("operation.duration", 0.5, by="operation.name") == {"checkout": (0.0, 0.005)}
    assert [most for _, most in window.at_most("operation.duration", 0.5)["operation.duration"]] == [0.005]
    assert 0 < window.means("operation.duration")["operation.duration"] < 1


def test_levels_are_added_up_within_what_they_are_asked_by(sdk: Sdk) -> None:
    """Two series of one label are one line."""
    metrics, gauge = Metrics(), sdk.meter_provider.get_meter("t").create_up_down_counter("open")
    for kind, door in (("lamp", "a"), ("lamp", "b"), ("rug", "a")):
        gauge.add(1, {"kind": kind, "door": door})
    collect(sdk, metrics, 101.0)

    assert Window(metrics, 100.0).levels("open", by="kind") == {"lamp": [(1.0, 2)], "rug": [(1.0, 1)]}


def test_exemplars_lead_from_a_histogram_to_its_traces(sdk: Sdk) -> None:
    """The trace that was measured is the one that the number names."""
    metrics, traces = Metrics(), Traces()
    with sdk.telemetry("shop").operation("checkout").measure():
        pass
    collect(sdk, metrics, 101.0)
    traces.add(encode_spans(sdk.spans()))
    [trace_id] = Window(metrics, 100.0).exemplars("operation.duration")

    assert [span.name for span in traces.trace(trace_id)] == ["checkout"]


def test_spans_keep_what_a_waterfall_shows(sdk: Sdk) -> None:
    """Parent, kind, status, attributes, events and links, from OTLP."""
    traces, telemetry = Traces(), sdk.telemetry("shop", "1.0")
    with telemetry.operation("outer").measure(), pytest.raises(ValueError, match="no"):  # noqa: SIM117
        with telemetry.operation("inner").measure(span_attributes={"sku": "A1"}):
            raise ValueError("no")
    traces.add(encode_spans(sdk.spans()))
    [outer], [inner] = traces.spans("outer"), traces.spans("inner")

    assert (inner.parent_id, outer.parent_id) == (outer.span_id, "")
    assert (inner.status, outer.status) == ("error", "unset")
    assert (inner.attributes["sku"], inner.attributes["error.type"]) == ("A1", "ValueError")
    assert [event.name for event in inner.events] == ["exception"]
    assert (inner.service, inner.scope) == ("tests", "shop")
    assert traces.slowest("outer") == [outer, inner]


def test_an_idle_connection_is_let_go_by_the_client_first() -> None:
    """A server that closes first may do so while the client sends, who waited its turn on a busy machine."""
    httpx, service = pytest.importorskip("httpx"), pytest.importorskip("shop.service")
    expiry = httpx.Limits().keepalive_expiry

    assert expiry is not None
    assert service.KEPT_OPEN > 2 * expiry
