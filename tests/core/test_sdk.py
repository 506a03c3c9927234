"""Whether there is an SDK: by a look at the API's globals, or publicly where an API hasn't got them.

What the host sets is set once a process, so that cases about it run in a process of their own.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import opentelemetry.metrics
import opentelemetry.trace
import pytest
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from telemetry_kit._core import sdk as _sdk
from tests.support import Sdk

ROOT = Path(__file__).parents[2]

LOOKS = {
    "globals": "",
    # What an API without such globals looks like to the kit; the API itself doesn't ask its package for the module.
    "public": "import opentelemetry.metrics; del opentelemetry.metrics._internal",
}
HOST = """
import opentelemetry.metrics, opentelemetry.trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

reader, exporter = InMemoryMetricReader(), InMemorySpanExporter()
traces, metrics = TracerProvider(), MeterProvider([reader])
traces.add_span_processor(SimpleSpanProcessor(exporter))
"""
SET_TRACES = "opentelemetry.trace.set_tracer_provider(traces)"
SET_METRICS = "opentelemetry.metrics.set_meter_provider(metrics)"
KIT = "from telemetry_kit import Telemetry; from telemetry_kit._core import sdk as _sdk; work = Telemetry('lib').operation('work')(lambda: 42)"
RECORDED = """
assert work() == 42
assert [span.name for span in exporter.get_finished_spans()] == ["work"]
found = [metric.name for resource in reader.get_metrics_data().resource_metrics
         for scope in resource.scope_metrics for metric in scope.metrics]
assert "operation.duration" in found, found
"""


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    """The first line of a program, in which the kit looks in this way."""
    return LOOKS[request.param]


def run(*program: str, **environment: str) -> None:
    """Run the program in a process of its own; it fails the test by raising."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    mine |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), mine.get("PYTHONPATH", "")]), **environment}
    command = [sys.executable, "-W", "error", "-c", "\n".join(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env=mine)
    assert done.returncode == 0, done.stderr


def test_the_installed_api_is_looked_at() -> None:
    """The API of today has the globals, so that the cheap way is in use."""
    assert _sdk.traces is opentelemetry.trace
    assert hasattr(_sdk.metrics, "_METER_PROVIDER")


def test_an_api_without_the_globals_is_asked_publicly() -> None:
    """The cases below that say `public` do run in the public way."""
    run(LOOKS["public"], KIT, "assert type(_sdk.traces) is type(_sdk.metrics) is _sdk._ByPublicApi")


def test_without_an_sdk(look: str) -> None:
    """Nobody set an SDK: there is none."""
    run(look, KIT, "assert _sdk.absent() and _sdk.tracer_provider() is None and _sdk.meter_provider() is None")


def test_without_an_sdk_work_is_done(look: str) -> None:
    """A decorated function works without an SDK, whichever way the kit looks."""
    run(look, KIT, "assert work() == 42")


def test_an_sdk_before_the_kit_is_found(look: str) -> None:
    """The very providers that the host set before the import are found."""
    found = "assert not _sdk.absent() and _sdk.tracer_provider() is traces and _sdk.meter_provider() is metrics"
    run(look, HOST, SET_TRACES, SET_METRICS, KIT, found)


def test_an_sdk_after_the_kit_is_found(look: str) -> None:
    """That there was none is not remembered."""
    found = "assert not _sdk.absent() and _sdk.tracer_provider() is traces and _sdk.meter_provider() is metrics"
    run(look, KIT, "assert _sdk.absent()", HOST, SET_TRACES, SET_METRICS, found)


def test_an_sdk_before_the_kit_records(look: str) -> None:
    """An operation is recorded where the SDK came first."""
    run(look, HOST, SET_TRACES, SET_METRICS, KIT, RECORDED)


def test_an_sdk_after_the_first_call_records(look: str) -> None:
    """An operation that has already run without an SDK is recorded once there is one."""
    run(look, KIT, "work()", HOST, SET_TRACES, SET_METRICS, RECORDED)


def test_traces_alone_are_an_sdk(look: str) -> None:
    """A host may set a tracer provider and no meter provider."""
    found = "assert not _sdk.absent() and _sdk.tracer_provider() is traces and _sdk.meter_provider() is None"
    run(look, KIT, HOST, SET_TRACES, found)


def test_metrics_alone_are_an_sdk(look: str) -> None:
    """A host may set a meter provider and no tracer provider."""
    found = "assert not _sdk.absent() and _sdk.tracer_provider() is None and _sdk.meter_provider() is metrics"
    run(look, KIT, HOST, SET_METRICS, found)


def test_a_provider_that_is_replaced_is_noticed() -> None:
    """That there was one is not remembered either: tests of hosts put another in its place, or none."""
    replaced = "opentelemetry.trace._TRACER_PROVIDER = None; assert _sdk.tracer_provider() is None"
    run(HOST, SET_TRACES, KIT, "assert _sdk.tracer_provider() is traces", replaced)


@pytest.mark.parametrize("signal", ["tracer", "meter"])
def test_providers_of_the_environment_are_loaded(look: str, signal: str) -> None:
    """Where the environment names a provider, the API is asked once, and so loads it."""
    loaded = f"_sdk.load_configured(); assert type(_sdk.{signal}_provider()).__module__.startswith('opentelemetry.sdk')"
    run(look, KIT, loaded, **{f"OTEL_PYTHON_{signal.upper()}_PROVIDER": f"sdk_{signal}_provider"})


def test_nothing_is_loaded_that_nobody_named(look: str) -> None:
    """An installed SDK that the environment doesn't name stays where it is."""
    run(
        look, KIT, "_sdk.load_configured(); import sys; assert _sdk.absent() and 'opentelemetry.sdk' not in sys.modules"
    )


def test_both_globals_are_chosen() -> None:
    """Modules that have their global are what is looked at."""
    trace, metrics = SimpleNamespace(_TRACER_PROVIDER=None), SimpleNamespace(_METER_PROVIDER=None)

    assert _sdk._choose(trace, metrics) == (trace, metrics)


@pytest.mark.parametrize(
    ("trace", "metrics"),
    [
        (SimpleNamespace(), SimpleNamespace(_METER_PROVIDER=None)),
        (SimpleNamespace(_TRACER_PROVIDER=None), SimpleNamespace()),
        (SimpleNamespace(_TRACER_PROVIDER=None), None),
        (None, None),
    ],
    ids=["no tracer global", "no meter global", "no module of metrics", "neither"],
)
def test_one_missing_global_is_enough_to_ask_publicly(trace: Any, metrics: Any) -> None:
    """Either both globals are looked at or none is."""
    assert [type(chosen) for chosen in _sdk._choose(trace, metrics)] == [_sdk._ByPublicApi, _sdk._ByPublicApi]


@pytest.fixture
def overridden(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> Sdk:
    """`sdk` in the place of the global providers."""
    providers = _sdk.Providers(sdk.tracer_provider, sdk.meter_provider, sdk.logger_provider)
    monkeypatch.setattr(_sdk, "override", providers)
    return sdk


def test_an_override_is_an_sdk(overridden: Sdk) -> None:
    """A capture alone makes an SDK present."""
    assert not _sdk.absent()


def test_an_override_gives_its_tracer_provider(overridden: Sdk) -> None:
    """Traces go to the capture."""
    assert _sdk.tracer_provider() is overridden.tracer_provider


def test_an_override_gives_its_meter_provider(overridden: Sdk) -> None:
    """Metrics go to the capture."""
    assert _sdk.meter_provider() is overridden.meter_provider


def test_an_override_stands_before_the_globals(look: str) -> None:
    """A capture in a process that has an SDK takes its place."""
    override = "mine = _sdk.Providers(TracerProvider(), MeterProvider(), None); _sdk.override = mine"
    found = "assert _sdk.tracer_provider() is mine.tracer_provider and _sdk.meter_provider() is mine.meter_provider"
    run(look, HOST, SET_TRACES, SET_METRICS, KIT, override, found)


def test_after_an_override_the_globals_count_again(look: str) -> None:
    """When the capture ends, the host's SDK is back."""
    override = "_sdk.override = _sdk.Providers(TracerProvider(), MeterProvider(), None); _sdk.override = None"
    found = "assert _sdk.tracer_provider() is traces and _sdk.meter_provider() is metrics"
    run(look, HOST, SET_TRACES, SET_METRICS, KIT, override, found)


@pytest.mark.parametrize("signal", ["trace", "metrics", "logs"])
def test_the_api_s_proxies_are_placeholders(signal: str) -> None:
    """What the API hands out before an SDK is there stands for the global provider."""
    get = {
        "trace": "opentelemetry.trace.get_tracer_provider",
        "metrics": "opentelemetry.metrics.get_meter_provider",
        "logs": "opentelemetry._logs.get_logger_provider",
    }[signal]
    run(
        "import opentelemetry.trace, opentelemetry.metrics, opentelemetry._logs",
        KIT,
        f"assert _sdk.is_placeholder({get}())",
    )


def test_an_sdk_s_providers_are_no_placeholders(sdk: Sdk) -> None:
    """What a host made is meant."""
    given = (sdk.tracer_provider, sdk.meter_provider, sdk.logger_provider)

    assert [provider for provider in given if _sdk.is_placeholder(provider)] == []


@pytest.mark.parametrize("provider", [NoOpTracerProvider(), NoOpMeterProvider(), None])
def test_providers_that_do_nothing_are_no_placeholders(provider: Any) -> None:
    """A host that hands in a no-op provider wants nothing recorded, rather than the global one."""
    assert not _sdk.is_placeholder(provider)


NAMESAKES = """
import dataclasses
from opentelemetry import _logs
from opentelemetry.trace import NoOpTracerProvider, TracerProvider

got = []
class ProxyLogger(_logs.Logger):
    def __init__(self): super().__init__("host")
    def emit(self, record=None, **_): got.append(record.event_name)
    def enabled(self, **_): return True
class NoOpLogger(ProxyLogger): pass
class ProxyLoggerProvider(_logs.LoggerProvider):
    def __init__(self, kind): self.kind = kind
    def get_logger(self, *_, **__): return self.kind()
class ProxyTracerProvider(NoOpTracerProvider):
    def get_tracer(self, *args, **kwargs): return traces.get_tracer(*args, **kwargs)
@dataclasses.dataclass
class _ProxyMeterProvider(opentelemetry.metrics.MeterProvider):
    real: object
    def get_meter(self, *args, **kwargs): return self.real.get_meter(*args, **kwargs)
"""


def test_a_host_s_providers_are_used_whatever_they_are_called() -> None:
    """PRC 7: providers that bear the names of the API's proxies, or inherit from its no-op, and have no hash, record."""
    given = "Telemetry('lib', tracer_provider=ProxyTracerProvider(), meter_provider=_ProxyMeterProvider(metrics))"
    run(
        HOST,
        NAMESAKES,
        "from telemetry_kit import Telemetry",
        f"work = {given}.operation('work')(lambda: 42)",
        RECORDED,
    )


@pytest.mark.parametrize("kind", ["ProxyLogger", "NoOpLogger"])
@pytest.mark.parametrize("how", ["global", "explicit"])
def test_a_host_s_logger_is_used_whatever_it_is_called(kind: str, how: str) -> None:
    """PRC 7: events, failed calls and unhandled exceptions reach a logger that bears the name of one of the API's."""
    given = f"ProxyLoggerProvider({kind})"
    options = f"logger_provider={given}, " if how == "explicit" else ""
    run(
        HOST,
        NAMESAKES,
        "from telemetry_kit import ErrorPolicy, Telemetry",
        f"_logs.set_logger_provider({given})" if how == "global" else "",
        f"telemetry = Telemetry('lib', {options}errors=ErrorPolicy(signal='log'))",
        "telemetry.event('config.changed'); telemetry.record_exception(KeyError('handled'))",
        "@telemetry.operation\ndef decorated(): return 1 / 0",
        "@telemetry.operation(arguments='*')\ndef slower(number): return number / 0",
        "import asyncio",
        "@telemetry.operation\nasync def later(): return 1 / 0",
        "for call in (decorated, lambda: slower(1), lambda: asyncio.run(later())):",
        "    try: call()\n    except ZeroDivisionError: pass",
        "try:\n    with telemetry.operation('work').measure(): 1 / 0\nexcept ZeroDivisionError: pass",
        "import sys",
        "with telemetry.watch_unhandled():",
        "    sys.excepthook(OSError, OSError('nobody handled me'), None)",
        "assert got == ['config.changed'] + ['exception'] * 6, got",
    )


def test_the_api_s_own_loggers_are_sent_nothing() -> None:
    """Without an SDK for logs nothing is made that its proxy or no-op would throw away; a later SDK is not missed."""
    run(
        "from opentelemetry import _logs",
        KIT,
        "proxy, noop = _logs.get_logger('lib'), _logs.NoOpLogger('lib')",
        "assert _sdk.is_silent(proxy) and _sdk.is_silent(noop)",
        "from opentelemetry.sdk._logs import LoggerProvider",
        "_logs.set_logger_provider(LoggerProvider(shutdown_on_exit=False))",
        "assert not _sdk.is_silent(proxy) and not _sdk.is_silent(_logs.get_logger('lib'))",
    )
