"""`python -m shop`: run the shop, its customers and its telemetry for some seconds, and show what it says."""

import argparse
import contextlib
import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

if not __package__:  # `python docs/examples/shop`
    sys.path[0] = str(Path(__file__).resolve().parents[1])

SECONDS = 40.0
LEAST, MOST = 2.0, 3_600.0
WIDEST = 110
"""Columns beyond which a line is hard to read."""


INTERRUPTED = b"\nInterrupted.\n"


def _end_at_once(*_: object) -> None:
    """Ctrl-C while everything is imported: nothing is there to clean up yet, and a traceback tells nobody anything."""
    os.write(2, INTERRUPTED)
    os._exit(130)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not LEAST <= value <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from {LEAST:.0f} to {MOST:.0f}")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 1 to 65535, or 0 for any free one")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="shop", description="A small shop that runs for real, and what its telemetry shows.")
    parser.add_argument(
        "--seconds", type=_seconds, default=SECONDS, help="how long all chapters take together (%(default)s)"
    )
    parser.add_argument("--folder", type=Path, default=Path("shop-report"), help="where the report goes (%(default)s)")
    parser.add_argument(
        "--port", type=_port, default=0, help="of the telemetry pages: /metrics and the report (any free one)"
    )
    parser.add_argument(
        "--only", metavar="CHAPTER", action="append", default=[], help="tell this chapter (repeat for more)"
    )
    parser.add_argument("--list", action="store_true", help="name the chapters and end")
    parser.add_argument(
        "--picture", action="store_true", help="keep what the terminal shows as terminal.svg in the folder"
    )
    parser.add_argument(
        "--prometheus",
        action="store_true",
        help="tell also which fault sends which page, by a real Prometheus and Alertmanager (Debian's packages)",
    )
    parser.add_argument("--serve", action="store_true", help="keep showing the report and /metrics until Ctrl-C")
    return parser


def _writable(folder: Path) -> Path:
    """The folder, made if it isn't there; an OSError if nothing can be written to it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    return folder.resolve()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0, or 1 if a chapter failed, or 2 with one line on what was asked wrongly."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]  # a setting of this machine's would send the demo's telemetry elsewhere, or leave it out
    made = False
    try:
        from shop import children, frame, prometheus
        from shop.backend import PortTaken
    except ModuleNotFoundError as problem:
        parser.error(f"the package {problem.name} is missing: `nox -s demo` installs what the demo needs")
    try:
        if "pages" in options.only or options.prometheus:
            if absent := prometheus.missing():
                parser.error(f"--prometheus: not all of Prometheus is here: {absent}")
            options.only = [*(options.only or frame.found()), "pages"]
        names = frame.found(options.only)
        if options.list:
            print(*names, sep="\n")
            return 0
        made = not options.folder.exists()
        folder = _writable(options.folder)
        signal.signal(signal.SIGINT, children.interrupted)
        return _run(names, folder, options.port, options.seconds, serve=options.serve, picture=options.picture)
    except (ValueError, PortTaken) as problem:
        parser.error(str(problem))
    except OSError as problem:
        parser.error(f"--folder {options.folder}: {problem.strerror}")
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is cleaned up: a second one has nothing to add
        if made:
            with contextlib.suppress(OSError):  # there is something in it
                options.folder.rmdir()
        os.write(2, INTERRUPTED)
        return 130


def _run(names: Sequence[str], folder: Path, port: int, seconds: float, *, serve: bool, picture: bool) -> int:
    from rich.console import Console

    from shop import backend, frame, report, sdk, service, terminal
    from shop.logs import Logs
    from shop.metrics import Metrics
    from shop.stock import Stock
    from shop.traces import Traces

    console = Console(record=picture)
    console.width = min(console.width, WIDEST) if console.is_terminal or "COLUMNS" in os.environ else 100
    traces, metrics, logs = Traces(), Metrics(), Logs()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shop-") as scratch:
        shop = service.Shop(Stock(Path(scratch, "shop.db")))
        pages = backend.application(traces, metrics, logs, folder)
        with backend.served(pages, port) as pages_url, backend.served(service.application(shop)) as shop_url:
            installed = sdk.into(traces, metrics, logs, service="shop")
            console.print(f"The shop is open at {shop_url}, its telemetry at {pages_url}/metrics.", highlight=False)
            demo = frame.Demo(shop_url, pages_url, Path(scratch), shop, installed, traces, metrics, logs, console)
            told = frame.tell(demo, names, seconds, lambda chapter: terminal.show(console, chapter))
            path = folder / "index.html"
            report.write(path, told, time.monotonic() - began)
            failed = [chapter.name for chapter in told if chapter.failed]
            console.print()
            if failed:
                console.print(f"[bold red]Failed:[/] {', '.join(failed)}")
            console.print(
                f"The report: {path.as_uri()}  ({path.stat().st_size / 1e6:.1f} MB, works offline)",
                highlight=False,
                soft_wrap=True,
            )
            if picture:
                terminal.picture(console, folder / "terminal.svg")
            if serve:
                _serve(pages_url)
            installed.stop()
    return 1 if failed else 0


def _serve(url: str) -> None:
    print(f"Serving it at {url}/ and the metrics at {url}/metrics until Ctrl-C.", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _end_at_once)
    sys.exit(main())
