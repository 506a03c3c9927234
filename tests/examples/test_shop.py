"""The demo: one command, run as a person would run it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import telemetry_kit

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
for package in ("altair", "httpx", "rich", "starlette", "uvicorn", "vl_convert"):
    pytest.importorskip(package, reason=f"the demo needs {package}: install the dependency group `demo`")
psutil = pytest.importorskip("psutil", reason="what the demo started is looked for by psutil")

Short = tuple[int, str, str, str]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def start(*arguments: str, start_new_session: bool = False, **variables: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(telemetry_kit.__file__).parents[1]),
        "COLUMNS": "100",
        **variables,
    }
    command = [sys.executable, "docs/examples/shop", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
        start_new_session=start_new_session,
    )


def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the demo."""
    with start(*arguments, start_new_session=False, **variables) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Short:
    """One short run of the chapters that are always there: exit code, what it printed, its report. The machine's own
    settings for telemetry and proxies, odd as they are here, have no part in it."""
    folder = tmp_path_factory.mktemp("report")
    only = [option for name in ("ten_lines", "red", "cost", "host") for option in ("--only", name)]
    odd = {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_SAMPLER": "always_off", "HTTP_PROXY": "http://127.0.0.1:9"}
    code, out, err = run("--seconds", "10", "--folder", str(folder), *only, **odd)
    return code, out, err, (folder / "index.html").read_text("utf-8")


def test_it_ends_with_0_and_says_nothing_on_standard_error(short: Short) -> None:
    """A run in which nothing went wrong."""
    code, _, err, _ = short

    assert (code, err) == (0, "")


def test_the_terminal_shows_rate_errors_and_duration_of_every_operation(short: Short) -> None:
    """A line for each operation of the shop: calls a second, share of errors, where three quantiles lie."""
    _, out, _, _ = short
    within = r"(?:[<>] )?[\d.]+(?: (?:ms|s))?(?: to [\d.]+)? (?:ms|s)"
    lines = {
        name: rf"^ *{name} +[\d.]+ +(?:-|[\d.]+%) +(?:{within} *){{3}}$" for name in ("browse", "checkout", "rank")
    }

    assert [name for name, line in lines.items() if not re.search(line, out, re.MULTILINE)] == []


def test_it_says_what_the_library_is_before_any_figure(short: Short) -> None:
    """One sentence on what telemetry_kit is, and ten decorated lines beside what came out: metrics, span, event, log record."""
    _, out, _, page = short
    chapter = out[: out.index("Rate, errors, duration")]

    assert "telemetry_kit</strong> is a thin library" in page[: page.index("<section")]
    assert "@telemetry.operation" in chapter
    assert re.search(r"20 calls, 1 with error.type LookupError", chapter)
    assert [
        name
        for name in ("metric", "span", "event", "log record")
        if not re.search(rf"^ +{name} ", chapter, re.MULTILINE)
    ] == []
    assert re.search(r"trace_id=[0-9a-f]{32}", chapter)


def test_the_outage_of_the_ranker_shows_as_errors_of_what_depends_on_it(short: Short) -> None:
    """`recommend` has errors, `browse` has none."""
    _, out, _, _ = short
    ratio = dict(re.findall(r"^ *(browse|recommend) +[\d.]+ +(-|[\d.]+%)", out, re.MULTILINE))

    assert ratio["browse"] == "-"
    assert float(ratio["recommend"].rstrip("%")) > 5


def test_the_terminal_shows_one_checkout_as_a_waterfall(short: Short) -> None:
    """The spans of one trace, children indented below their parents."""
    _, out, _, _ = short
    trace = out.partition("One slow checkout")[2]

    assert re.search(r"^ +checkout .*\n +reserve .*\n +charge .*\n +ask-provider ", trace, re.MULTILINE)


def test_it_compares_the_service_with_and_without_the_sdk(short: Short) -> None:
    """The same service in four processes, each with the CPU time of a request."""
    _, out, _, _ = short
    costs = out.partition("The same, with its spread")[2]

    assert re.search(r"no SDK +[\d.]+ (µs|ms)", costs)
    assert re.search(r"SDK, every trace +[\d.]+ (µs|ms)", costs)


def test_the_report_needs_nothing_from_elsewhere(short: Short) -> None:
    """No script, style, font or picture by reference: it works offline."""
    *_, page = short
    markup = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)

    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', markup)
    assert not re.findall(r"@import|url\(", markup)
    assert len(page) < 5_000_000


def test_the_report_has_charts_with_the_numbers_of_the_run(short: Short) -> None:
    """Vega-Lite specifications with rows, a place in the page for each, and a table of contents."""
    *_, page = short
    charts = json.loads(page.partition('id="charts">')[2].partition("</script>")[0])

    assert len(charts) >= 6
    for place, chart in charts.items():
        assert f'id="{place}"' in page
        rows = [row for layer in chart.get("layer", [chart]) for row in layer.get("data", {}).get("values", [])]
        named = [row for values in chart.get("datasets", {}).values() for row in values]
        assert rows or named or chart.get("data", {}).get("values"), f"{place} shows nothing"
    assert page.count('<a href="#red"') >= 1


def test_it_says_where_the_report_lies(short: Short) -> None:
    """As an address that a browser opens."""
    _, out, _, _ = short

    assert re.search(r"The report: file://\S+/index\.html", out)


def test_host_metrics_stand_beside_the_kit(short: Short) -> None:
    """CPU, memory and file descriptors, from OpenTelemetry's own instrumentation."""
    *_, page = short

    assert "opentelemetry-instrumentation-system-metrics" in page
    assert "Memory of the process" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seconds", "soon"], "'soon' is no number of seconds"),
        (["--seconds", "-3"], "'-3' is no number of seconds"),
        (["--seconds", "nan"], "'nan' is no number of seconds"),
        (["--seconds", "1e9"], "'1e9' is no number of seconds"),
        (["--port", "99999"], "'99999' is no port"),
        (["--port", "http"], "'http' is no port"),
        (["--only", "nonsense"], "there is no chapter nonsense"),
        (["--folder", os.devnull], "--folder"),
        (["--folder", f"{os.devnull}/report"], "--folder"),
        (["--colour"], "--colour"),
    ],
)
def test_bad_input_gets_one_line_and_code_2(arguments: list[str], said: str) -> None:
    """No traceback, no usage to scroll past, and nothing is started."""
    code, out, err = run(*arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_busy_port_gets_one_line_and_code_2(tmp_path: Path) -> None:
    """With the port, and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("--port", str(port), "--folder", str(tmp_path))

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"port {port}" in err
    assert "--port 0" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; as another user this test runs")
def test_a_folder_that_must_not_be_written_gets_one_line_and_code_2(tmp_path: Path) -> None:
    """The permission is missing, not the folder."""
    tmp_path.chmod(0o500)
    code, out, err = run("--folder", str(tmp_path))

    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.fixture
def broken() -> Iterator[str]:
    """A chapter that can't be told, in the folder of the chapters while the test lasts."""
    path = EXAMPLES / "shop" / "chapters" / f"broken_{os.getpid()}.py"
    path.write_text("ORDER = 5\n\ndef run(demo):\n    raise RuntimeError('the story ends here')\n", "utf-8")
    yield path.stem
    path.unlink()


def test_a_chapter_that_fails_is_reported_and_loses_no_other(broken: str, tmp_path: Path) -> None:
    """Code 1, its name at the end and its reason in the report, where the other chapter stands too."""
    code, out, _ = run("--seconds", "2", "--only", broken, "--only", "host", "--folder", str(tmp_path))
    page = (tmp_path / "index.html").read_text("utf-8")

    assert code == 1
    assert f"Failed: {broken}" in out
    assert "the story ends here" in page
    assert "The machine below" in page


def test_an_interrupted_import_ends_with_130_and_one_line(tmp_path: Path) -> None:
    """Ctrl-C while the demo's packages are imported, which takes a second."""
    with start("--folder", str(tmp_path), PYTHONPROFILEIMPORTTIME="1") as process:
        begun = any("altair" in line for line in process.stderr or ())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert begun
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert err.endswith("\nInterrupted.\n")


@pytest.mark.parametrize(
    "chapter", ["ten_lines", "red", "executor", "nightly_job", "use", "error_storm", "messages", "cost"]
)
def test_an_interrupted_run_ends_with_130_and_leaves_nothing(chapter: str, tmp_path: Path) -> None:
    """Ctrl-C in a chapter, which the terminal sends to every process of it: one line, no process and no file is left."""
    report, scratch = tmp_path / "report", tmp_path / "scratch"
    scratch.mkdir()
    only = ("--only", chapter, "--seconds", "6", "--folder", str(report))
    with start(*only, start_new_session=True, PYTHONUNBUFFERED="1", TMPDIR=str(scratch)) as process:
        begun = any(line.startswith(f"{chapter}:") for line in process.stdout or ())
        started = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert begun
    assert (process.returncode, err) == (130, "\nInterrupted.\n")
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert list(scratch.iterdir()) == []
    assert not report.exists()


def test_serve_shows_the_report_and_the_metrics_page(tmp_path: Path) -> None:
    """Over HTTP on loopback, until it is interrupted; then it ends with 0."""
    with start(
        "--seconds", "2", "--only", "red", "--folder", str(tmp_path), "--serve", PYTHONUNBUFFERED="1"
    ) as process:
        try:
            url = next((line.split()[3] for line in process.stdout or () if line.startswith("Serving it at ")), None)
            assert url, process.communicate(timeout=30)
            with urllib.request.urlopen(url, timeout=10) as answer:
                page = answer.read().decode()
            with urllib.request.urlopen(f"{url}metrics", timeout=10) as answer:
                metrics = answer.read().decode()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        finally:
            process.kill()

    assert "A shop that says what it does" in page
    assert re.search(r'^operation_duration_seconds_count\{.*operation_name="checkout"', metrics, re.MULTILINE)
    assert "process_open_file_descriptor_count" in metrics
    assert process.returncode == 0


def test_prometheus_is_asked_for_by_its_packages(tmp_path: Path) -> None:
    """Where they aren't installed one line says how to get them."""
    code, out, err = run("--prometheus", "--folder", str(tmp_path), PATH=str(tmp_path))

    assert (code, out) == (2, "")
    assert err == (
        "shop: --prometheus: not all of Prometheus is here: "
        "apt-get install prometheus prometheus-alertmanager prometheus-pushgateway\n"
    )
