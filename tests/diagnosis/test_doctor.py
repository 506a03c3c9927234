"""`python -m telemetry_kit doctor`: a program is run, and what stands in the way of its telemetry is said."""

import http.server
import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.diagnosis.support import LOGS, METRICS, SOURCE, TRACES, python

pytestmark = pytest.mark.any_python

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


EXPORTER = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("{url}", timeout=1)))
trace.set_tracer_provider(provider)
provider.get_tracer("x").start_span("a").end()
"""


class _Refusing(http.server.BaseHTTPRequestHandler):
    """Answers each POST with the status that its path names."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize(("status", "step"), [(401, "OTLP_HEADERS"), (403, "OTLP_HEADERS"), (404, "/v1/traces")])
def test_an_endpoint_that_refuses(status: int, step: str, tmp_path: Path) -> None:
    """The next step goes by what the endpoint answered."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{status}"
        done = python(*DOCTOR, "--json", script(tmp_path, EXPORTER.format(url=url)))
        server.shutdown()
    [finding] = [one for one in json.loads(done.stdout)["findings"] if one["code"] == "export_failed"]

    assert step in finding["next"]


def test_an_endpoint_that_is_silent(tmp_path: Path) -> None:
    """Somebody accepts the connection and never answers: what the exporter says when it gives up is waited for."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        program = EXPORTER.format(url=f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        done = python(*DOCTOR, script(tmp_path, program))

    assert "STOP  export_failed" in done.stdout


def test_what_is_never_delivered(tmp_path: Path) -> None:
    """A provider that hangs and logs nothing is not called well."""
    program = f"""{ALL}
import threading
from telemetry_kit.diagnosis import doctor
doctor.FLUSH_SECONDS = 0.2
tracer_provider.force_flush = lambda *_: threading.Event().wait()
"""
    done = python(*DOCTOR, script(tmp_path, program))

    assert "STOP  export_failed: traces were not delivered within 0.2 s" in done.stdout


def test_a_program_that_fails(tmp_path: Path) -> None:
    """Its exception is the first finding, and its traceback has its own lines only."""
    done = python(*DOCTOR, script(tmp_path, "def main():\n    raise OSError('no config')\nmain()\n"))

    assert done.returncode == 1
    assert done.stdout.splitlines()[1] == "  STOP  program_failed: the program ended with OSError: no config"
    assert "no config" in done.stderr
    assert "doctor.py" not in done.stderr
    assert "runpy" not in done.stderr


def test_a_second_provider_has_a_next_step(tmp_path: Path) -> None:
    """That OpenTelemetry keeps the first is said with what to do."""
    program = f"{ALL}trace.set_tracer_provider(TracerProvider())\n"

    assert "set_twice" in python(*DOCTOR, script(tmp_path, program)).stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_workers_that_the_program_forks(tmp_path: Path) -> None:
    """A worker that ends as a program does is diagnosed; the process that forked it needs no SDK of its own."""
    program = "import os, sys\nif not os.fork():\n    import telemetry_kit\n    sys.exit(3)\nos.wait()\n"
    done = python(*DOCTOR, "--json", script(tmp_path, program))
    found = {finding["code"]: finding["severity"] for finding in json.loads(done.stdout)["findings"]}

    assert done.returncode == 0
    assert found == {"no_sdk": "warning", "forked": "info"}
    assert "which the program forked" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals on this platform")
def test_a_second_sigterm_comes_too_late(tmp_path: Path) -> None:
    """Who is stopped twice, as gunicorn stops its workers, is diagnosed all the same."""
    program = f"""{ALL}
import os, signal
tracer_provider.force_flush = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
signal.raise_signal(signal.SIGTERM)
"""
    done = python(*DOCTOR, script(tmp_path, program))

    assert done.returncode == 143
    assert "telemetry_kit: nothing stands in the way" in done.stdout
