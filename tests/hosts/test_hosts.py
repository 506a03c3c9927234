"""Other people's agents and SDKs as the host, each in a process of its own: what a library says with the kit arrives there.

`nox -s hosts` installs them and runs these tests.
"""

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent

pytestmark = pytest.mark.integration

LIBRARY = """
from telemetry_kit import ErrorPolicy, Telemetry, inject
from telemetry_kit._core import faults

def use(telemetry):
    \"\"\"What a library does: calls that fail, events, handled exceptions, a pool that stays.\"\"\"

    @telemetry.operation("call", metric_attributes={"tier": "gold"})
    def call(order):
        raise ValueError(f"no order {order}")

    try:
        call(7)
    except ValueError as exc:
        assert str(exc) == "no order 7", exc
    telemetry.event("config.changed", {"config.file": "app.toml"})
    telemetry.record_exception(KeyError("handled"))
    pool = telemetry.pool("gpu", limit=2)
    pool.timeout()
    return pool

"""


def need(package: str, module: str) -> None:
    """Skip where a host isn't installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{package} is missing: `nox -s hosts` installs it")


def run(program: str, *launcher: str, **environment: str) -> str:
    """Run the library and then the program under a launcher; it fails the test by raising. Gives what it printed."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DD_", "NEW_RELIC_"))}
    mine |= {"PYTHONPATH": str(ROOT / "src"), **environment}
    command = [*launcher, sys.executable, "-c", LIBRARY + textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=mine)
    assert done.returncode == 0, done.stderr[-4_000:]
    return done.stdout


def script(name: str) -> str:
    """A program that a package has put beside the interpreter."""
    return str(SCRIPTS / name)


LOGFIRE = """
import logfire
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader, logs = InMemorySpanExporter(), InMemoryMetricReader(), InMemoryLogRecordExporter()
both = ErrorPolicy(signal="both")
early = Telemetry("early", errors=both)
logfire.configure(
    send_to_logfire=False,
    console=False,
    additional_span_processors=[SimpleSpanProcessor(spans)],
    metrics=logfire.MetricsOptions(additional_readers=[reader]),
    advanced=logfire.AdvancedOptions(log_record_processors=[SimpleLogRecordProcessor(logs)]),
)
late = Telemetry("late", errors=both)
named = Telemetry(
    "named",
    tracer_provider=trace.get_tracer_provider(),
    meter_provider=metrics.get_meter_provider(),
    logger_provider=_logs.get_logger_provider(),
    errors=both,
)
NAMES = {"early", "late", "named"}
pools = [use(telemetry) for telemetry in (early, late, named)]

def points(name):
    return [
        (point.attributes.get("scope.name"), point)
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
"""


def test_logfire_gets_spans() -> None:
    """PRC 7: of a Telemetry made before it, after it, and given its providers, each failed call with its exception."""
    need("logfire", "logfire")
    run(
        LOGFIRE
        + """
found = {(span.instrumentation_scope.name, span.name, len(span.events)) for span in spans.get_finished_spans()}
assert found == {(name, "call", 1) for name in NAMES}, found
assert not faults.counts(), faults.counts()
"""
    )


def test_logfire_gets_metrics() -> None:
    """PRC 7: durations, counts and levels; its providers have no hash and bear the names of the API's proxies."""
    need("logfire", "logfire")
    run(
        LOGFIRE
        + """
assert {(name, point.count) for name, point in points("operation.duration")} == {(name, 1) for name in NAMES}
assert {(name, point.value) for name, point in points("pool.limit")} == {(name, 2) for name in NAMES}
assert {(name, point.value) for name, point in points("pool.errors") if point.value} == {(name, 1) for name in NAMES}
"""
    )


def test_logfire_gets_events() -> None:
    """PRC 7: events, failed calls and handled exceptions as log records; its logger is called ProxyLogger."""
    need("logfire", "logfire")
    run(
        LOGFIRE
        + """
found = sorted((one.instrumentation_scope.name, one.log_record.event_name) for one in logs.get_finished_logs())
assert found == sorted((name, event) for name in NAMES for event in ("config.changed", "exception", "exception")), found
"""
    )


def test_ddtrace_makes_the_spans() -> None:
    """Under `ddtrace-run` a call's span is Datadog's, and what it sends on is that span's context."""
    need("ddtrace", "ddtrace")
    program = """
    import ddtrace

    telemetry = Telemetry("shop")
    seen = []

    @telemetry.operation("send")
    def send():
        seen.append((ddtrace.tracer.current_span(), inject({})["traceparent"]))

    send()
    use(telemetry)
    [(span, traceparent)] = seen
    assert span.name == "internal" or span.resource == "send", span
    assert traceparent.split("-")[1:3] == [f"{span.trace_id:032x}", f"{span.span_id:016x}"], (traceparent, span)
    assert not faults.counts(), faults.counts()
    """
    quiet = {"DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false", "DD_REMOTE_CONFIGURATION_ENABLED": "false"}
    nowhere = {"DD_TRACE_AGENT_URL": "http://127.0.0.1:9", "DD_TRACE_STARTUP_LOGS": "false"}
    run(program, script("ddtrace-run"), DD_TRACE_OTEL_ENABLED="true", **quiet, **nowhere)


def test_new_relic_s_transaction_goes_on() -> None:
    """Under `newrelic-admin run-program` a call inside of a transaction sends on that transaction's trace."""
    need("newrelic", "newrelic")
    program = """
    import newrelic.agent

    telemetry = Telemetry("shop")
    seen = []

    @telemetry.operation("send")
    def send():
        seen.append((newrelic.agent.current_trace_id(), inject({}).get("traceparent")))
        return 42

    @newrelic.agent.background_task(name="nightly")
    def nightly():
        assert send() == 42
        use(telemetry)

    nightly()
    [(trace_id, traceparent)] = seen
    assert trace_id and traceparent.split("-")[1] == trace_id, seen
    assert not faults.counts(), faults.counts()
    """
    run(
        program,
        script("newrelic-admin"),
        "run-program",
        NEW_RELIC_LICENSE_KEY="0" * 40,
        NEW_RELIC_APP_NAME="tests",
        NEW_RELIC_DEVELOPER_MODE="true",
        NEW_RELIC_OPENTELEMETRY_ENABLED="true",
        NEW_RELIC_STARTUP_TIMEOUT="30",  # seconds that the program waits for the agent to be ready
        NEW_RELIC_LOG="stderr",
    )


def test_sentry_s_hook_and_ours_both_see_it() -> None:
    """An unhandled exception reaches Sentry and the logger, whichever came first, and Sentry's hook is back afterwards."""
    need("sentry-sdk", "sentry_sdk")
    program = """
    import sys
    import sentry_sdk
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from sentry_sdk.transport import Transport

    sent = []

    class Kept(Transport):
        def capture_envelope(self, envelope):
            sent.extend(item.payload.json for item in envelope.items if item.type == "event")

    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=Kept, traces_sample_rate=1.0)
    sys.stderr = open("/dev/null", "w")  # where the exceptions below are printed
    hook = sys.excepthook
    provider, logs = LoggerProvider(shutdown_on_exit=False), InMemoryLogRecordExporter()
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    telemetry = Telemetry("shop", logger_provider=provider)
    with telemetry.watch_unhandled():
        sys.excepthook(OSError, OSError("nobody handled me"), None)
    assert sys.excepthook is hook

    def types():
        return [event["exception"]["values"][-1]["type"] for event in sent]

    assert types() == ["OSError"], types()
    assert [one.log_record.attributes["exception.type"] for one in logs.get_finished_logs()] == ["OSError"]

    # A decorated call's exception keeps its frames, the user's function among them
    @telemetry.operation("call")
    def call():
        raise ValueError("no")

    try:
        call()
    except ValueError as exc:
        sentry_sdk.capture_exception(exc)
    functions = [frame["function"] for frame in sent[-1]["exception"]["values"][-1]["stacktrace"]["frames"]]
    assert functions[-1] == "call" and len(functions) <= 3, functions
    assert not faults.counts(), faults.counts()
    """
    run(program)


def test_sentry_s_propagator_is_the_host_s() -> None:
    """With Sentry's propagator configured, `inject` and `extract` speak its headers."""
    need("sentry-sdk", "sentry_sdk")
    program = """
    from opentelemetry import propagate
    from opentelemetry.context import Context
    from opentelemetry.trace import get_current_span
    from sentry_sdk.integrations.opentelemetry import SentryPropagator
    from telemetry_kit import extract

    propagate.set_global_textmap(SentryPropagator())
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    context = extract({"Sentry-Trace": f"{trace_id}-b7ad6b7169203331-1"}, Context())
    assert f"{get_current_span(context).get_span_context().trace_id:032x}" == trace_id
    inject({}, context)
    assert not faults.counts(), faults.counts()
    """
    run(program)


def test_opentelemetry_instrument() -> None:
    """Under `opentelemetry-instrument` spans, metrics and events go where its options say."""
    need("opentelemetry-distro", "opentelemetry.distro")
    exporters = [f"--{signal}_exporter=console" for signal in ("traces", "metrics", "logs")]
    program = """
    pool = use(Telemetry("shop", errors=ErrorPolicy(signal="both")))
    assert not faults.counts(), faults.counts()
    """
    printed = run(program, script("opentelemetry-instrument"), *exporters)

    for word in ('"call"', '"operation.duration"', '"pool.limit"', '"config.changed"', '"exception"', "no order 7"):
        assert word in printed, word
