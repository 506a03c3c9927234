"""Why do I see no telemetry: each set-up that shows nothing gets its cause and the next step."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from telemetry_kit import Diagnosis, Finding, diagnose
from telemetry_kit._core import faults
from telemetry_kit.diagnosis import environment, findings, host
from tests.diagnosis.support import CLEAN, LOGS, METRICS, SOURCE, TRACES, diagnosed, python

pytestmark = pytest.mark.any_python

ALL = TRACES + METRICS + LOGS


def test_a_set_up_that_works_has_no_findings() -> None:
    """Three providers that collect, sample and export: nothing to say."""
    assert diagnosed(ALL) == {}


def test_nothing_installed() -> None:
    """No SDK at all stops telemetry, and the console is named as the quick look."""
    finding = diagnosed("")["no_sdk"]

    assert finding["severity"] == "stop"
    assert "TELEMETRY_KIT_CONSOLE=1" in finding["next"]


def test_an_exporter_that_nobody_started() -> None:
    """`OTEL_METRICS_EXPORTER=console` without an SDK that reads it is named with its value."""
    found = diagnosed("", OTEL_METRICS_EXPORTER="console")

    assert found["exporter_not_started"]["severity"] == "stop"
    assert "OTEL_METRICS_EXPORTER=console" in found["exporter_not_started"]["seen"]
    assert "no_sdk" not in found


def test_an_exporter_of_one_signal_that_nobody_started() -> None:
    """Likewise where the other signals have providers."""
    found = diagnosed(TRACES, OTEL_METRICS_EXPORTER="otlp")

    assert "OTEL_METRICS_EXPORTER=otlp" in found["exporter_not_started"]["seen"]


def test_an_exporter_called_none_is_no_exporter() -> None:
    """`OTEL_METRICS_EXPORTER=none` asks for nothing."""
    assert "exporter_not_started" not in diagnosed(TRACES, OTEL_METRICS_EXPORTER="none")


NO_PARTS = {
    "no_span_processor": (
        """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
""",
        "stop",
    ),
    "no_metric_reader": (
        """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
metrics.set_meter_provider(MeterProvider())
""",
        "stop",
    ),
    "no_log_record_processor": (
        """
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
_logs.set_logger_provider(LoggerProvider())
""",
        "warning",
    ),
}


@pytest.mark.parametrize("code", NO_PARTS)
def test_a_provider_that_nobody_listens_to(code: str) -> None:
    """A provider without processor or reader makes telemetry and throws it away."""
    program, severity = NO_PARTS[code]

    assert diagnosed(program)[code]["severity"] == severity


def test_a_sampler_that_drops_everything() -> None:
    """The sampler is asked, not recognised."""
    program = TRACES.replace("TracerProvider()", "TracerProvider(sampler=ALWAYS_OFF)").replace(
        "from opentelemetry import trace",
        "from opentelemetry import trace\nfrom opentelemetry.sdk.trace.sampling import ALWAYS_OFF",
    )

    assert diagnosed(program)["sampler_off"]["severity"] == "stop"


def test_a_sampler_that_drops_a_share() -> None:
    """It is good to know, and stops nothing."""
    found = diagnosed(TRACES, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.1")

    assert found["sampler_ratio"]["severity"] == "info"


def test_an_sdk_that_is_disabled() -> None:
    """`OTEL_SDK_DISABLED=true` is named."""
    assert diagnosed(ALL, OTEL_SDK_DISABLED="true")["sdk_disabled"]["severity"] == "stop"


def test_one_that_is_disabled_was_not_shut_down() -> None:
    """Nor does anybody claim that it was."""
    assert "shut_down" not in diagnosed(ALL, OTEL_SDK_DISABLED="true")


@pytest.mark.parametrize("provider", ["tracer_provider", "metrics.get_meter_provider()", "logger_provider"])
def test_one_that_was_shut_down(provider: str) -> None:
    """Of each signal: what is recorded afterwards is lost."""
    assert diagnosed(f"{ALL}{provider}.shutdown()\n")["shut_down"]["severity"] == "stop"


@pytest.mark.parametrize("outer", ["", "SynchronousMultiSpanProcessor", "ConcurrentMultiSpanProcessor"])
def test_processors_that_export_nothing(outer: str) -> None:
    """A processor that only looks at a span's begin (baggage onto spans, say) makes nothing leave, nor does one around it."""
    program = (
        METRICS
        + LOGS
        + textwrap.dedent(
            f"""
        from opentelemetry import trace
        from opentelemetry.sdk.trace import *
        class Baggage(SpanProcessor):
            def on_start(self, span, parent_context=None): pass
        provider = TracerProvider()
        processor = Baggage()
        if {outer!r}:
            outer = {outer or "dict"}()
            outer.add_span_processor(processor)
            processor = outer
        provider.add_span_processor(processor)
        trace.set_tracer_provider(provider)
        """
        )
    )
    finding = diagnosed(program)["no_exporter"]

    assert finding["severity"] == "stop"
    assert "Baggage" in finding["seen"]


@pytest.mark.parametrize(("program", "code"), [(METRICS, "no_tracer_provider"), (TRACES, "no_meter_provider")])
def test_a_signal_without_a_provider(program: str, code: str) -> None:
    """One signal alone is somebody's choice: a warning."""
    assert diagnosed(program)[code]["severity"] == "warning"


def test_no_logger_provider_for_events() -> None:
    """Events go nowhere where only traces and metrics are set up."""
    finding = diagnosed(TRACES + METRICS)["no_logger_provider"]

    assert finding["severity"] == "warning"
    assert "events" in finding["seen"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TELEMETRY_KIT_DISABLE", "TELEMETRY_KIT_DISABLED"),
        ("TELEMETRY_KIT_CONSOL", "TELEMETRY_KIT_CONSOLE"),
        ("OTEL_EXPORTER_OTLP_ENPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTLP_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ],
)
def test_a_mistyped_variable(name: str, meant: str) -> None:
    """A variable that nothing reads is named with the one that is alike."""
    finding = diagnosed(ALL, **{name: "1"})["unknown_variable"]

    assert name in finding["seen"]
    assert meant in finding["next"]


def test_variables_of_others_are_theirs() -> None:
    """What looks like no known variable is nobody's slip."""
    assert "unknown_variable" not in diagnosed(ALL, OTEL_PYTHON_DJANGO_INSTRUMENT="false", OTEL_COMPANY_CLUSTER="blue")


def test_what_is_switched_off() -> None:
    """A library that the host switched off is named."""
    program = ALL + "from telemetry_kit import Telemetry\nlib = Telemetry('acme.db')\n"

    assert "acme.db" in diagnosed(program, TELEMETRY_KIT_DISABLED="acme.*")["disabled"]["seen"]


def test_a_pattern_that_matches_nothing() -> None:
    """A mistyped name in TELEMETRY_KIT_DISABLED is shown beside the names that there are."""
    program = ALL + "from telemetry_kit import Telemetry\nlib = Telemetry('acme.db')\n"
    finding = diagnosed(program, TELEMETRY_KIT_DISABLED="acne.*")["disabled_matches_nothing"]

    assert "acne.*" in finding["seen"]
    assert "acme.db" in finding["next"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_fork_after_set_up() -> None:
    """A worker that uses what its parent set up is told to set it up itself."""
    program = (
        TRACES
        + METRICS
        + LOGS
        + textwrap.dedent(
            """
        import telemetry_kit, os, sys, warnings
        warnings.simplefilter("ignore")
        telemetry_kit.Telemetry("shop")
        if os.fork():
            os.wait()
            os._exit(0)
        """
        )
    )

    assert diagnosed(program)["forked_after_set_up"]["severity"] == "warning"


def test_faults_and_dropped_values() -> None:
    """What broke in telemetry is listed by site, dropped values by number."""
    program = ALL + textwrap.dedent(
        """
        from telemetry_kit import Telemetry, current_measurement
        def broken(result):
            raise ValueError
        @Telemetry("shop").operation("work", error_if=broken)
        def work():
            current_measurement().set_attribute("odd", object())
        work()
        """
    )
    found = diagnosed(program)

    assert "operation.error_if (1)" in found["faults"]["seen"]
    assert found["values_dropped"]["seen"].startswith("1 attribute values were dropped")


def test_a_decorator_above_the_route() -> None:
    """An operation that decorates a function of which no call ever came through it is named, one that was called isn't."""
    program = ALL + textwrap.dedent(
        """
        from telemetry_kit import Telemetry
        telemetry = Telemetry("shop.web")
        routes = []
        def route(handler):
            routes.append(handler)
            return handler
        @telemetry.operation("wrong")
        @route
        def wrong(): pass
        @route
        @telemetry.operation("right")
        def right(): pass
        @route
        @telemetry.operation("full", error_if=bool)
        def full(): pass
        for handler in routes: handler()
        """
    )
    finding = diagnosed(program)["never_called"]

    assert (finding["severity"], finding["seen"]) == ("warning", "1 decorated and never called: wrong")


KEPT_BACK = (
    ALL
    + """
from telemetry_kit import Telemetry
telemetry = Telemetry("shop")
"""
)


def test_keys_with_too_many_values() -> None:
    """An attribute whose values became `_OTHER` is named with its operation and how many those were."""
    program = KEPT_BACK + textwrap.dedent(
        """
        @telemetry.operation("charge", metric_attributes=lambda order: {"order.id": order})
        def charge(order): pass
        for order in range(150): charge(order)
        """
    )
    finding = diagnosed(program)["overflowed"]

    assert (finding["severity"], finding["seen"]) == (
        "warning",
        "values became _OTHER: order.id of operation charge of shop (50)",
    )


def test_too_many_keys() -> None:
    """Keys that are made up on the fly are left out, and said."""
    program = KEPT_BACK + textwrap.dedent(
        """
        @telemetry.operation("charge", metric_attributes=lambda order: {f"order.{order}": 1})
        def charge(order): pass
        for order in range(130): charge(order)
        """
    )

    assert "too many keys of operation charge of shop (30)" in diagnosed(program)["overflowed"]["seen"]


def test_too_many_names() -> None:
    """So are names that are made up."""
    program = KEPT_BACK + "for number in range(1_007): telemetry.operation(f'number {number}')\n"

    assert "operation.name of operations of shop (7)" in diagnosed(program)["overflowed"]["seen"]


def test_collections_of_a_database() -> None:
    """A table a customer overflows as any attribute does."""
    program = KEPT_BACK + textwrap.dedent(
        """
        database = telemetry.database("postgresql", namespace="shop")
        for number in range(103):
            with database.query("SELECT", f"customer_{number}"): pass
        """
    )

    assert "db.collection.name of shop (3)" in diagnosed(program)["overflowed"]["seen"]


def test_errors_whose_detail_was_left_out() -> None:
    """A storm of one error: how many of them have no detail, which is no mistake."""
    program = KEPT_BACK + textwrap.dedent(
        """
        telemetry = Telemetry("shop", errors=ErrorPolicy(rate=0.001, burst=5))
        @telemetry.operation("charge")
        def charge(): raise OSError
        for _ in range(25):
            try: charge()
            except OSError: pass
        """
    ).replace("telemetry =", "from telemetry_kit import ErrorPolicy\ntelemetry =", 1)
    finding = diagnosed(program)["errors_suppressed"]

    assert finding["severity"] == "info"
    assert "OSError in operation charge of shop (20)" in finding["seen"]


def test_what_each_helper_costs() -> None:
    """The sets of attributes of each helper, the most first."""
    program = KEPT_BACK + textwrap.dedent(
        """
        import queue
        @telemetry.operation("charge", metric_attributes=lambda provider: {"payment.provider": provider})
        def charge(provider): pass
        for provider in "abc": charge(provider)
        orders = queue.Queue()
        telemetry.observe_queue(orders, name="orders")
        """
    )
    finding = diagnosed(program)["series"]

    assert (finding["severity"], finding["seen"]) == (
        "info",
        "sets of metric attributes so far (4): operation charge of shop (3), queue orders of shop (1)",
    )


def test_without_an_sdk_nobody_knows_what_was_called() -> None:
    """Calls that nobody looks at leave no trace, and no claim that there were none."""
    program = textwrap.dedent(
        """
        from telemetry_kit import Telemetry
        @Telemetry("shop").operation("full", error_if=bool)
        def full(): pass
        full()
        """
    )

    assert "never_called" not in diagnosed(program)


def test_versions_that_dont_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """API, SDK and conventions of different releases are named with their versions."""
    versions = {
        "opentelemetry-api": "1.45.2",
        "opentelemetry-sdk": "1.38.0",
        "opentelemetry-semantic-conventions": "0.66b2",
    }
    monkeypatch.setattr("importlib.metadata.version", versions.__getitem__)

    [(code, severity, seen, _)] = environment.versions()
    assert (code, severity) == ("versions_apart", "warning")
    assert "opentelemetry-sdk 1.38.0" in seen


def test_it_never_fails_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that breaks is a fault, and the others are made."""

    def broken() -> None:
        raise ValueError

    before = faults.counts().get("diagnose", 0)
    monkeypatch.setattr(host, "CHECKS", (broken, *host.CHECKS))

    assert diagnose().findings
    assert faults.counts()["diagnose"] == before + 1


def test_providers_of_another_sdk_are_unknown_and_no_error() -> None:
    """What can't be read is left out."""
    program = textwrap.dedent(
        """
        from opentelemetry import trace, metrics, _logs
        class Tracers(trace.TracerProvider):
            def get_tracer(self, *args, **kwargs): return trace.NoOpTracer()
        class Meters(metrics.MeterProvider):
            def get_meter(self, *args, **kwargs): return metrics.NoOpMeter("other")
        class Loggers(_logs.LoggerProvider):
            def get_logger(self, *args, **kwargs): return _logs.NoOpLogger("other")
        trace.set_tracer_provider(Tracers())
        metrics.set_meter_provider(Meters())
        _logs.set_logger_provider(Loggers())
        """
    )

    assert diagnosed(program) == {}


def test_providers_that_raise_are_unknown_and_no_fault() -> None:
    """Whatever is looked at may raise: the other signals are looked at all the same, and it isn't called a fault."""
    program = METRICS + textwrap.dedent(
        """
        from opentelemetry import trace, _logs
        from opentelemetry.sdk._logs import LoggerProvider
        class Sampler:
            def should_sample(self, *args, **kwargs): raise OSError
        class Tracers(trace.TracerProvider):
            sampler = Sampler()
            def get_tracer(self, *args, **kwargs): return trace.NoOpTracer()
            def __getattr__(self, name): raise RuntimeError(name)
        trace.set_tracer_provider(Tracers())
        _logs.set_logger_provider(LoggerProvider())
        """
    )

    assert list(diagnosed(program)) == ["no_log_record_processor"]


def test_a_second_sdk_is_noticed(tmp_path: Path) -> None:
    """OpenTelemetry refuses another provider in its log alone: the doctor listens."""
    program = tmp_path / "two.py"
    program.write_text(f"{ALL}trace.set_tracer_provider(TracerProvider())\n", encoding="utf-8")

    assert "Overriding of current TracerProvider" in python("-m", "telemetry_kit", "doctor", str(program)).stdout


def test_it_imports_no_sdk() -> None:
    """Asking brings in nothing of the SDK."""
    program = "import sys, telemetry_kit; telemetry_kit.diagnose(); assert not [m for m in sys.modules if m.startswith('opentelemetry.sdk')]"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env={**CLEAN, "PYTHONPATH": SOURCE}, check=False, timeout=60
    )

    assert done.returncode == 0


def test_its_text_has_code_cause_and_next_step() -> None:
    """For people: the worst first, each with what to do."""
    told = Diagnosis((Finding("no_sdk", "stop", "no SDK is set up", "start one"),))

    assert str(told).splitlines()[:3] == [
        "telemetry_kit: something stops telemetry",
        "  STOP  no_sdk: no SDK is set up",
        "        -> start one",
    ]


def test_its_data_has_the_same_words() -> None:
    """For programs: the same four words of each finding."""
    told = Diagnosis((Finding("faults", "warning", "seen", "do"),))

    assert told.as_dict() == {
        "stops": False,
        "findings": [{"code": "faults", "severity": "warning", "seen": "seen", "next": "do"}],
    }


def test_each_code_has_a_section() -> None:
    """Every code that a check can give has a heading of its own on the page."""
    package = Path(findings.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    codes = set(re.findall(r'(?:yield |Finding\()f?"([a-z_]+)"', text))
    page = (Path(__file__).parents[2] / findings.PAGE).read_text(encoding="utf-8")
    expected = codes | {"no_tracer_provider", "no_meter_provider", "no_logger_provider"} | set(NO_PARTS)

    assert {code for code in expected if f"### `{code}`" not in page} == set()


SHOP = """
from telemetry_kit import Telemetry
telemetry = Telemetry("shop", {given})
@telemetry.operation("place")
def place(): pass
place()
"""


def test_providers_of_a_telemetry_are_an_sdk() -> None:
    """What is given to `Telemetry(...)` counts: nothing is said to be missing that is there."""
    given = "tracer_provider=tracer_provider, meter_provider=meters, logger_provider=logger_provider"
    program = ALL.replace("trace.set_tracer_provider(tracer_provider)", "")
    program = program.replace("metrics.set_meter_provider(", "meters = (").replace("_logs.set_logger_provider", "")
    found = diagnosed(program + SHOP.format(given=given))

    assert list(found) == ["series"]


def test_a_provider_of_a_telemetry_that_nobody_listens_to() -> None:
    """It is looked into as the global one is, and named by whose it is."""
    program = "from opentelemetry.sdk.metrics import MeterProvider\n" + SHOP.format(
        given="meter_provider=MeterProvider()"
    )

    assert "of shop has no metric reader" in diagnosed(program)["no_metric_reader"]["seen"]


def test_what_others_need_beside_a_telemetry_of_its_own() -> None:
    """A provider that is given to one library serves no other: those that have none are named."""
    program = TRACES.replace("trace.set_tracer_provider(tracer_provider)", "") + METRICS + LOGS
    program += SHOP.format(given="tracer_provider=tracer_provider") + 'other = Telemetry("bank")\n'

    assert diagnosed(program)["no_tracer_provider"]["seen"] == "there is no tracer provider: spans of bank go nowhere"


def test_a_provider_that_was_never_set() -> None:
    """An SDK is imported and its provider kept in a variable: the step that is missing is named."""
    finding = diagnosed(TRACES.replace("trace.set_tracer_provider(tracer_provider)", ""))["no_sdk"]

    assert "no provider is the global one" in finding["seen"]
    assert "set_tracer_provider" in finding["next"]


def test_opentelemetry_instrument_that_failed() -> None:
    """Whoever runs under it isn't told to run under it."""
    program = "import sys; sys.modules['opentelemetry.instrumentation.auto_instrumentation'] = sys\n"
    finding = diagnosed(program, OTEL_TRACES_EXPORTER="otlp")["exporter_not_started"]

    assert "could set up no SDK" in finding["seen"]
    assert "run it under" not in finding["next"]


def _sampler(decision: str) -> str:
    return textwrap.dedent(
        f"""
        from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
        class Own(Sampler):
            def should_sample(self, parent_context, trace_id, name, *args, **kwargs):
                return SamplingResult({decision})
            def get_description(self): return "Own"
        tracer_provider.sampler = Own()
        """
    )


@pytest.mark.parametrize(("decision", "severity"), [("DROP", "stop"), ("RECORD_ONLY", "warning")])
def test_a_sampler_that_samples_nothing(decision: str, severity: str) -> None:
    """What is recorded and not sampled reaches no exporter either."""
    assert diagnosed(ALL + _sampler(f"Decision.{decision}"))["sampler_off"]["severity"] == severity


@pytest.mark.parametrize(
    ("rule", "code"),
    [("name == 'place'", None), ("name == 'GET /'", "sampler_off"), ("name != 'place'", "sampler_ratio")],
)
def test_a_sampler_that_goes_by_names(rule: str, code: str | None) -> None:
    """It is asked about the operations that there are, not about a name that nobody has."""
    program = ALL + _sampler(f"Decision.RECORD_AND_SAMPLE if {rule} else Decision.DROP") + SHOP.format(given="")
    if code == "sampler_ratio":
        program += '@telemetry.operation("pay")\ndef pay(): pass\npay()\n'

    assert set(diagnosed(program)) - {"series"} == ({code} if code else set())


@pytest.mark.parametrize(("dropped", "severity"), [("*", "stop"), ("operation.active", "info")])
def test_views_that_drop(dropped: str, severity: str) -> None:
    """Views that leave nothing of the kit's stop metrics; those that leave something are named."""
    program = ALL.replace(
        "MeterProvider([InMemoryMetricReader()])",
        f"MeterProvider([InMemoryMetricReader()], views=[View(instrument_name={dropped!r}, aggregation=DropAggregation())])",
    )
    program = f"from opentelemetry.sdk.metrics.view import DropAggregation, View\n{program}{SHOP.format(given='')}"
    finding = diagnosed(program + "metrics.get_meter_provider().force_flush()\n")["views_drop"]

    assert finding["severity"] == severity
    assert "operation.active" in finding["seen"]


@pytest.mark.parametrize("name", ["TELEMETRYKIT_DISABLED", "telemetry_kit_disabled", "TELEMETRY_KIT_DISABLE"])
def test_a_variable_of_ours_that_is_mistyped(name: str) -> None:
    """In other case or without a line it is no variable of ours, and meant as one."""
    finding = diagnosed(ALL, **{name: "shop"})["unknown_variable"]

    assert finding["next"] == "did you mean TELEMETRY_KIT_DISABLED?"


@pytest.mark.parametrize(("name", "value"), [("TELEMETRY_KIT_CONSOLE", "yes"), ("OTEL_SDK_DISABLED", "1")])
def test_a_switch_with_a_value_that_it_doesnt_know(name: str, value: str) -> None:
    """It switches nothing, and says nothing: the diagnosis does."""
    assert f"{name}={value}" in diagnosed(ALL, **{name: value})["unknown_value"]["seen"]


def test_the_console_is_no_sdk() -> None:
    """What it prints goes nowhere else."""
    finding = diagnosed(SHOP.format(given=""), TELEMETRY_KIT_CONSOLE="1")["no_sdk"]

    assert "printed by the console" in finding["seen"]
