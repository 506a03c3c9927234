"""`python -m telemetry_kit doctor`: a program is run, and what stands in the way of its telemetry is said."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.diagnosis.support import LOGS, METRICS, SOURCE, TRACES, python

DOCTOR = ("-m", "telemetry_kit", "doctor")
ALL = TRACES + METRICS + LOGS


def script(folder: Path, program: str) -> str:
    path = folder / "app.py"
    path.write_text(program, encoding="utf-8")
    return str(path)


def test_a_program_that_is_well(tmp_path: Path) -> None:
    """Nothing found: status 0."""
    done = python(*DOCTOR, script(tmp_path, ALL))

    assert (done.returncode, "nothing stands in the way" in done.stdout) == (0, True)


def test_a_program_without_an_sdk(tmp_path: Path) -> None:
    """Something stops telemetry: status 1, with code and next step."""
    done = python(*DOCTOR, script(tmp_path, "print('hello')"))

    assert done.returncode == 1
    assert "STOP  no_sdk" in done.stdout


@pytest.mark.parametrize(("end", "status"), [("sys.exit(3)", 3), ("1/0", 1), ("sys.exit('no')", 1), ("sys.exit(0)", 0)])
def test_the_program_s_own_status_goes_first(tmp_path: Path, end: str, status: int) -> None:
    """The status is the program's own if that isn't 0."""
    assert python(*DOCTOR, script(tmp_path, f"{ALL}\nimport sys\n{end}")).returncode == status


def test_its_arguments_are_its_own(tmp_path: Path) -> None:
    """What stands behind the script is given to it, and its folder can be imported from."""
    (tmp_path / "beside.py").write_text("WORD = 'beside'", encoding="utf-8")
    path = script(tmp_path, "import sys, beside; print(sys.argv[1:], beside.WORD, __name__)")

    assert "['--port', '8000', '--json'] beside __main__" in python(*DOCTOR, path, "--port", "8000", "--json").stdout


def test_a_module(tmp_path: Path) -> None:
    """`-m` runs a module with its arguments."""
    (tmp_path / "shop.py").write_text("import sys; print(sys.argv[1:])", encoding="utf-8")
    done = python(*DOCTOR, "-m", "shop", "a", PYTHONPATH=os.pathsep.join([str(tmp_path), SOURCE]))

    assert "['a']" in done.stdout


def test_json_has_standard_output_for_itself(tmp_path: Path) -> None:
    """With `--json` what the program prints goes to standard error."""
    done = python(*DOCTOR, "--json", script(tmp_path, "print('hello')"))

    assert [finding["code"] for finding in json.loads(done.stdout)["findings"]][:1] == ["no_sdk"]
    assert "hello" in done.stderr


def test_a_dead_endpoint(tmp_path: Path) -> None:
    """An exporter that can't deliver tells the log only: the doctor listens."""
    program = ALL + (
        "import logging\nspan = tracer_provider.get_tracer('x').start_span('a'); span.end()\n"
        "logging.getLogger('opentelemetry.exporter.otlp').error('Failed to export to localhost:4318: refused')\n"
    )
    done = python(*DOCTOR, script(tmp_path, program))

    assert done.returncode == 1
    assert "export_failed" in done.stdout
    assert "localhost:4318" in done.stdout


def test_an_exporter_that_raises(tmp_path: Path) -> None:
    """Of an exporter that isn't OpenTelemetry's only the SDK's log says that it fails."""
    program = (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter\n"
        "class Broken(SpanExporter):\n"
        "    def export(self, spans): raise OSError('nobody there')\n"
        "provider = TracerProvider()\n"
        "provider.add_span_processor(SimpleSpanProcessor(Broken()))\n"
        "trace.set_tracer_provider(provider)\n"
        "trace.get_tracer('app').start_span('work').end()\n"
    )

    assert "STOP  export_failed: opentelemetry.sdk.trace.export" in python(*DOCTOR, script(tmp_path, program)).stdout


def test_a_real_endpoint_where_nobody_listens(tmp_path: Path) -> None:
    """The real exporter over HTTP against a closed port on loopback."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    program = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:9/v1/traces", timeout=1)))
trace.set_tracer_provider(provider)
provider.get_tracer("x").start_span("a").end()
"""
    done = python(*DOCTOR, "--json", script(tmp_path, program))

    assert "export_failed" in {finding["code"] for finding in json.loads(done.stdout)["findings"]}


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals on this platform")
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_server_is_diagnosed_when_it_is_stopped(name: str, status: int, tmp_path: Path) -> None:
    """A program that runs until a signal comes, as containers are stopped: the diagnosis follows."""
    program = tmp_path / "server.py"
    program.write_text(
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        f"signal.raise_signal(signal.{name})\n"
        "raise SystemExit('not reached')\n",
        encoding="utf-8",
    )
    done = python(*DOCTOR, str(program))

    assert done.returncode == status
    assert "no_sdk" in done.stdout


def test_a_provider_that_breaks_when_it_delivers(tmp_path: Path) -> None:
    """No traceback of the doctor's own."""
    program = tmp_path / "app.py"
    program.write_text(
        "from opentelemetry import trace\n"
        "class Odd(trace.TracerProvider):\n"
        "    def get_tracer(self, *args, **kwargs): return trace.NoOpTracer()\n"
        "    def __getattr__(self, name): raise RuntimeError(name)\n"
        "trace.set_tracer_provider(Odd())\n",
        encoding="utf-8",
    )

    assert "Traceback" not in python(*DOCTOR, str(program)).stderr


def test_without_a_program_it_says_that_it_saw_none() -> None:
    """A bare interpreter has no SDK, which proves nothing about a service."""
    assert "bare interpreter" in python(*DOCTOR).stdout


def test_help_teaches() -> None:
    """`--help` has examples and the meaning of the status."""
    done = python(*DOCTOR, "--help")

    assert done.returncode == 0
    assert "exit status" in done.stdout
    assert "-m shop.main" in done.stdout


def test_a_program_that_is_not_there() -> None:
    """A mistyped name is one line and status 2, and no diagnosis of a program that never ran."""
    for asked in (
        ["nothing-here.py"],
        ["-m", "nothing_here"],
        ["-m", "nothing.here"],
        ["-m"],
        ["--json", "nothing-here.py"],
    ):
        done = python(*DOCTOR, *asked)

        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), asked


def test_options_of_a_module_are_its_own(tmp_path: Path) -> None:
    """What stands behind `-m MODULE` is given to it, options as well."""
    (tmp_path / "tool.py").write_text("import sys; print(sys.argv[1:])", encoding="utf-8")
    done = python(*DOCTOR, "-m", "tool", "--port", "8000", "--json", PYTHONPATH=f"{SOURCE}{os.pathsep}{tmp_path}")

    assert "['--port', '8000', '--json']" in done.stdout


def test_threads_of_the_program_are_waited_for(tmp_path: Path) -> None:
    """A program may do its work in a thread that goes on when its main program has ended, as Python lets it."""
    program = (
        "import threading\n"
        "from telemetry_kit import Telemetry\n"
        "work = Telemetry('shop').operation('work')(lambda: None)\n"
        "def main():\n"
        f"    exec({ALL!r}, globals())\n"
        "    work()\n"
        "threading.Thread(target=main).start()\n"
    )

    assert "operation work of shop (1)" in python(*DOCTOR, script(tmp_path, program)).stdout


def test_a_program_that_closes_its_output(tmp_path: Path) -> None:
    """The diagnosis is printed all the same."""
    assert "no_sdk" in python(*DOCTOR, script(tmp_path, "import sys; sys.stdout.close()")).stdout


def test_a_program_that_configures_logging(tmp_path: Path) -> None:
    """It takes the handlers that it finds away; the doctor goes on listening."""
    program = (
        "import logging.config\n"
        "logging.config.dictConfig({'version': 1})\n"
        "logging.getLogger('opentelemetry.test').error('nobody answers')\n"
    )

    assert "nobody answers" in python(*DOCTOR, script(tmp_path, program)).stdout
