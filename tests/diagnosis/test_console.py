"""`TELEMETRY_KIT_CONSOLE=1`: what is recorded is shown as it happens, where no SDK is."""

import contextlib
import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._core import sdk
from telemetry_kit._recording.metrics import SETS, RecordingMeterProvider
from telemetry_kit.diagnosis import console
from telemetry_kit.testing import capture
from tests.diagnosis.support import CLEAN, LOGS, METRICS, SOURCE, TRACES, python

PROGRAM = """
from telemetry_kit import Telemetry
telemetry = Telemetry("shop.orders")
charge = telemetry.operation("charge")(lambda: 1)
place = telemetry.operation("place")(lambda: charge())
place()
telemetry.event("config.changed", {"config.file": "app.toml"})
"""


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Where a console of this test prints, without colours and without looking at metrics by itself."""
    text = io.StringIO()
    made = console.Console(text, colours=False, period=3_600.0)
    made.start()
    yield text
    made.stop()


def test_spans_are_a_tree() -> None:
    """A child stands below its parent, with its duration and attributes."""
    lines = python("-c", PROGRAM, TELEMETRY_KIT_CONSOLE="1").stderr.splitlines()

    assert re.fullmatch(r"place [\d.]+ (us|ms|s) code\.function\.name=__main__\.<lambda>", lines[0])
    assert re.match(r"`- charge [\d.]+ (us|ms|s) ", lines[1])


def test_events_are_lines() -> None:
    """An event is printed with its severity and attributes when it comes."""
    done = python("-c", PROGRAM, TELEMETRY_KIT_CONSOLE="true")

    assert "* config.changed INFO config.file=app.toml" in done.stderr.splitlines()


def test_metrics_are_printed_at_the_end() -> None:
    """A process that ends within the period leaves its points."""
    done = python("-c", PROGRAM, TELEMETRY_KIT_CONSOLE="1")

    assert "operation.duration{operation.name=place, scope.name=shop.orders} count 1" in done.stderr
    assert "operation.active{operation.name=place, scope.name=shop.orders} 0" in done.stderr


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_it_is_off_unless_it_is_asked_for(value: str) -> None:
    """Any other value prints nothing."""
    assert python("-c", PROGRAM, TELEMETRY_KIT_CONSOLE=value).stderr == ""


def test_off_it_is_not_imported() -> None:
    """Without the variable it costs nothing: its module isn't there."""
    program = "import sys; from telemetry_kit import Telemetry; Telemetry('lib'); print('telemetry_kit.diagnosis' in sys.modules)"

    assert python("-c", program).stdout == "False\n"


def test_where_an_sdk_is_it_prints_nothing() -> None:
    """The host's SDK has everything."""
    assert python("-c", TRACES + METRICS + LOGS + PROGRAM, TELEMETRY_KIT_CONSOLE="1").stderr == ""


def test_a_late_sdk_takes_over() -> None:
    """Once there is an SDK the console says so and gives way."""
    late = (
        PROGRAM
        + TRACES
        + "place(); place()\nprint([s.name for s in tracer_provider._active_span_processor._span_processors[0].span_exporter.get_finished_spans()])"
    )
    done = python("-c", late, TELEMETRY_KIT_CONSOLE="1")

    assert "an SDK is here now" in done.stderr
    assert "'charge', 'place'" in done.stdout


def test_times_are_said_as_people_do(out: io.StringIO) -> None:
    """Also those that are attributes of a span: 27 us, never 2.68e-05."""

    @Telemetry("shop").operation("rows")
    def rows() -> Iterator[int]:
        yield from range(3)

    list(rows())

    assert re.search(r"operation\.busy_time=[\d.]+ (us|ms|s)\b", out.getvalue())


def test_a_failure_shows_status_and_exception(out: io.StringIO) -> None:
    """ERROR with its description, and the exception below it without its stack."""

    @Telemetry("shop").operation("charge")
    def charge() -> None:
        raise ValueError("declined")

    with pytest.raises(ValueError):
        charge()

    assert "charge " in out.getvalue()
    assert "ERROR declined" in out.getvalue()
    assert "* exception exception.type=ValueError" in out.getvalue()
    assert "Traceback" not in out.getvalue()


def test_only_what_changed_is_printed_again() -> None:
    """A second look at the same points prints none of them."""
    text = io.StringIO()
    made = console.Console(text, colours=False, period=3_600.0)
    made.start()
    Telemetry("shop").operation("a", span=False)(lambda: 1)()
    made.print_metrics()
    made.print_metrics()
    made.stop()

    # Of other tests' jobs there may be ages, which change as one looks.
    assert text.getvalue().count("operation.duration{operation.name=a") == 1


def test_a_stranger_s_text_stays_in_its_line(out: io.StringIO) -> None:
    """Control characters of attributes don't reach the terminal, long values are cut."""
    with Telemetry("shop").span("a") as span:
        span.set_attribute("text", "one\ntwo\x07" + "x" * 500)

    assert len(out.getvalue().splitlines()) == 1
    assert "\x07" not in out.getvalue()
    assert len(out.getvalue()) < 200


def test_no_escape_sequence_is_a_stranger_s() -> None:
    """In names, keys, values, messages and bodies alike: a log line can't repaint a terminal."""
    text = io.StringIO()
    made = console.Console(text, colours=False, period=3_600.0)
    made.start()
    telemetry = Telemetry("shop\x1b[2J")
    with contextlib.suppress(ValueError), telemetry.operation("a\x1b[2J").measure() as measurement:
        measurement.set_attribute("key\x1b[2J", "value\x1b[2J")
        raise ValueError("message\x1b[2J")
    telemetry.event("event\x1b[2J", body="body\x1b[2J")
    logging.getLogger("opentelemetry.test").warning("warned\x1b[2J")
    made.stop()

    assert "body" in text.getvalue()
    assert "\x1b" not in text.getvalue()


def test_what_opentelemetry_warns_of_is_shown_once(out: io.StringIO) -> None:
    """Such as an endpoint where nobody listens: the log may be the only one that is told."""
    for _ in range(3):
        logging.getLogger("opentelemetry.exporter").warning("nobody at %s", "collector:4317")

    assert out.getvalue() == "! opentelemetry.exporter nobody at collector:4317\n"


def test_a_raw_meter_s_sets_are_bounded(out: io.StringIO) -> None:
    """A counter with an id for an attribute has so many sets as the SDK would keep, and one for the rest."""
    counter = Telemetry("shop").meter.create_counter("orders")
    for order in range(SETS + 50):
        counter.add(1, {"order.id": order})
    assert sdk.console is not None
    provider = sdk.console.meter_provider
    assert isinstance(provider, RecordingMeterProvider)
    [readings] = [made.read() for made in provider.instruments if made.name == "orders"]

    assert len(readings) == SETS + 1
    assert readings[-1].value == 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_counts_from_zero() -> None:
    """What its parent measured is the parent's to print."""
    program = f"{PROGRAM}import os, sys\nif os.fork() == 0:\n    place()\n    sys.exit()\nos.wait()\n"
    shown = python("-W", "ignore", "-c", program, TELEMETRY_KIT_CONSOLE="1").stderr
    counts = re.findall(r"operation\.duration\{operation\.name=place.*\} count (\d)", shown)

    assert counts == ["1", "1"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals on this platform")
@pytest.mark.parametrize(("no_colour", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_has_colours(no_colour: dict[str, str], coloured: bool) -> None:
    """On a terminal of its own a program's console is coloured, with NO_COLOR it isn't."""
    import pty

    parent, child = pty.openpty()
    environment = {**CLEAN, "PYTHONPATH": SOURCE, "TELEMETRY_KIT_CONSOLE": "1", **no_colour}
    done = subprocess.run([sys.executable, "-c", PROGRAM], stderr=child, env=environment, timeout=60, check=True)
    os.close(child)
    shown = os.read(parent, 65_536)
    os.close(parent)

    assert done.returncode == 0
    assert b"operation.duration" in shown
    assert (b"\x1b[1m" in shown) is coloured


def test_a_trace_of_too_many_spans_is_bounded(out: io.StringIO) -> None:
    """The first span's tree shows the newest, and says how many more there were."""
    telemetry = Telemetry("shop")
    with telemetry.span("root"):
        for _ in range(console.SPANS + 10):
            with telemetry.span("part"):
                pass

    assert len(out.getvalue().splitlines()) <= console.SPANS + 1
    assert "11 spans more in this trace" in out.getvalue()


def test_colours_are_for_terminals(out: io.StringIO) -> None:
    """Plain text has no escape sequences."""
    with Telemetry("shop").span("a"):
        pass

    assert "\x1b" not in out.getvalue()


def test_with_colours() -> None:
    """On a terminal names are bold and errors red."""
    text = io.StringIO()
    made = console.Console(text, colours=True, period=3_600.0)
    made.start()
    with Telemetry("shop").operation("a").measure() as m:
        m.fail("declined")
    made.stop()

    assert "\x1b[1ma\x1b[0m" in text.getvalue()
    assert "\x1b[31mERROR" in text.getvalue()


def test_a_capture_stands_before_it_and_gives_back(out: io.StringIO) -> None:
    """A test's capture has everything while it lasts; then the console goes on."""
    telemetry = Telemetry("shop")
    with capture() as captured, telemetry.span("captured"):
        pass
    with telemetry.span("printed"):
        pass

    assert [span.name for span in captured.spans] == ["captured"]
    assert "captured" not in out.getvalue()
    assert "printed" in out.getvalue()


def test_a_stream_that_breaks_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who records something sees that nothing can be printed."""

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError

    made = console.Console(Closed(), colours=False, period=3_600.0)
    made.start()
    try:
        with Telemetry("shop").span("a"):
            pass
    finally:
        made.stop()

    assert sdk.override is None


def test_the_page_shows_what_comes_out() -> None:
    """The names in the documentation's output are those of its program."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "look-without-an-sdk.md").read_text(encoding="utf-8")
    program = page.partition("```python\n")[2].partition("```")[0]
    shown = page.partition("```text\n")[2].partition("```")[0]
    done = python("-c", program, TELEMETRY_KIT_CONSOLE="1")

    def skeleton(text: str) -> list[str]:
        numbers = re.compile(r"[\d.]+ (us|ms|s)\b")
        return [numbers.sub("N", line) for line in text.splitlines() if not line.startswith("  ")]

    assert skeleton(shown) == skeleton(done.stderr)
