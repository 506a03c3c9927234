"""The frame of the story: what a chapter is given, and how the chapters are found and run."""

import contextlib
import importlib
import io
import json
import os
import pkgutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from shop import chapters, children
from shop.figures import Figure
from shop.load import DEFAULT_MIX, Customers
from shop.logs import Logs
from shop.metrics import Metrics, Window
from shop.sdk import Sdk
from shop.service import Shop
from shop.traces import Traces

ONLY_IF_ASKED = {"pages"}
"""Chapters that need more than the packages of the demo."""
EXAMPLES = Path(__file__).parent.parent


@dataclass(frozen=True)
class Section:
    """What a chapter found: `prose` is Markdown (its first paragraph is the gist), the figures follow it."""

    title: str
    prose: str
    figures: Sequence[Figure] = ()


@dataclass(frozen=True)
class Told:
    """A chapter that was run: its section, or what went wrong."""

    name: str
    section: Section
    seconds: float
    failed: bool = False


@dataclass
class Demo:
    """The running shop, and everything a chapter may use. Most chapters call `load` and then ask `window`."""

    url: str
    """The shop, over HTTP."""
    otlp_endpoint: str
    """Where other processes send their telemetry; `environment` sets it."""
    folder: Path
    """For files of this run, removed after it."""
    shop: Shop
    """The service's own object in this process: its stock, its dependencies."""
    sdk: Sdk
    traces: Traces
    metrics: Metrics
    logs: Logs
    console: Console
    seconds: float = 5.0
    """About how long this chapter may take."""
    window: Window = field(init=False)
    """Questions about the metrics since this chapter began."""
    since: int = 0
    """When this chapter began, in nanoseconds: for `traces.spans(since=...)`."""
    whole: Window = field(init=False)
    """Questions about the metrics since the demo began."""
    chapters: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The chapters told so far, from when to when, in seconds of `whole`."""
    chapter: str = ""
    """What the progress says: which chapter of how many."""
    watch: Callable[[], RenderableType] | None = None
    """What the terminal shows below the progress while this chapter runs, asked some times a second."""

    def __post_init__(self) -> None:
        self.window = self.whole = self.metrics.window()
        self.since = time.time_ns()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[chapter]}", style="dim"),
            TextColumn("{task.description}"),
            BarColumn(28),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )

    def load(
        self,
        seconds: float | None = None,
        *,
        rate: float = 100.0,
        mix: Mapping[str, float] | None = None,
        url: str | None = None,
        seed: int = 7,
        label: str = "customers in the shop",
    ) -> Customers:
        """Send customers to the shop, `rate` requests a second (a third more in the middle), and wait for the last
        answer. `mix` says how often each of `load.ASKS` is asked; `seconds` defaults to the chapter's."""
        with self.customers(seconds, rate=rate, mix=mix, url=url, seed=seed, label=label) as wait:
            return wait()

    @contextlib.contextmanager
    def customers(
        self,
        seconds: float | None = None,
        *,
        rate: float = 100.0,
        mix: Mapping[str, float] | None = None,
        url: str | None = None,
        seed: int = 7,
        label: str = "customers in the shop",
    ) -> Iterator[Callable[[], Customers]]:
        """Likewise, but in the background: `with demo.customers(...) as wait: ...; seen = wait()`. They come as the `with`
        begins."""
        seconds = self.seconds if seconds is None else seconds
        command = [
            sys.executable,
            str(EXAMPLES / "shop" / "load.py"),
            "--url",
            url or self.url,
            "--seconds",
            str(seconds),
        ]
        command += ["--rate", str(rate), "--seed", str(seed), "--mix", json.dumps(dict(mix or DEFAULT_MIX))]
        with children.started(command, self.environment("customers"), stdout=subprocess.PIPE) as process:
            with self.progress("customers on their way"):
                (process.stdout or io.StringIO()).readline()
            yield lambda: self._wait(process, seconds, label)

    def _wait(self, process: "subprocess.Popen[str]", seconds: float, label: str) -> Customers:
        began, last = time.monotonic(), {}
        with self.progress(label, seconds) as reached:
            for line in process.stdout or ():
                last = json.loads(line)
                reached(min(seconds, time.monotonic() - began))
        if process.wait() or not last.get("done"):
            raise RuntimeError(f"the load generator ended with {process.returncode}")
        seen = Customers(last["sent"], last["given_up"], seconds=last["seconds"])
        seen.statuses.update(last["statuses"])
        return seen

    @contextlib.contextmanager
    def progress(self, label: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
        """A progress bar: `with demo.progress("importing", len(rows)) as reached: ...; reached(n)`."""
        task = self._progress.add_task(label, total=total, chapter=self.chapter)
        try:
            yield lambda done: self._progress.update(task, completed=done)
        finally:
            self._progress.remove_task(task)

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a process of the shop: it finds the package, and `shop.sdk.from_environment()` there
        sends what it measures here, as `service`."""
        return {
            **os.environ,
            **dict.fromkeys(
                ("TMPDIR", "TEMP", "TMP"), str(self.folder)
            ),  # what a process leaves goes with the demo's own
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *filter(None, sys.path)]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp_endpoint,
            "OTEL_SERVICE_NAME": service,
            "NO_PROXY": "127.0.0.1",  # a proxy of the machine's has no part in this
            "no_proxy": "127.0.0.1",
        }

    def settle(self) -> None:
        """Bring everything that was measured in this process to the stores, now."""
        self.sdk.flush_spans()
        self.metrics.collect()

    def __rich__(self) -> RenderableType:
        return Group(self._progress, *([self.watch()] if self.watch else []))


def found(only: Sequence[str] = ()) -> list[str]:
    """The names of the chapters in their folder (or of these `only`)."""
    names = [module.name for module in pkgutil.iter_modules(chapters.__path__) if not module.name.startswith("_")]
    if unknown := [name for name in only if name not in names]:
        raise ValueError(f"there is no chapter {', '.join(unknown)}; there are {', '.join(names)}")
    return [name for name in names if name in only or not (only or name in ONLY_IF_ASKED)]


def tell(demo: Demo, names: Sequence[str], seconds: float, show: Callable[[Told], None]) -> list[Told]:
    """Run these chapters in their order, `seconds` in all, and show each when it ends; one that fails loses no other."""
    modules = {name: _imported(name) for name in names}
    shares = {name: float(getattr(module, "SHARE", 1.0)) for name, module in modules.items()}
    told: list[Told] = []
    for name, module in sorted(modules.items(), key=lambda item: (getattr(item[1], "ORDER", 1_000), item[0])):
        demo.seconds = seconds * shares[name] / sum(shares.values())
        began, demo.chapter = demo.whole.now, f"chapter {len(told) + 1} of {len(modules)}"
        told.append(_tell_one(demo, name, module))
        demo.chapters[name] = (began, demo.whole.now)
        show(told[-1])
    return told


def _imported(name: str) -> ModuleType | Exception:
    """The chapter's module, or why there is none."""
    try:
        return importlib.import_module(f"{chapters.__name__}.{name}")
    except Exception as problem:
        return problem


def _tell_one(demo: Demo, name: str, module: Any) -> Told:
    demo.window, demo.since, demo.watch = demo.metrics.window(), time.time_ns(), None
    began = time.monotonic()
    if not demo.console.is_terminal:
        print(f"{name}: about {demo.seconds:.0f} s ...", flush=True)
    try:
        if isinstance(module, Exception):
            raise module
        with Live(demo, console=demo.console, refresh_per_second=4, transient=True):
            return Told(name, module.run(demo), time.monotonic() - began)
    except Exception as problem:
        text = "".join(traceback.format_exception(problem))
        prose = f"This chapter failed: {type(problem).__name__}: {problem}\n\n```\n{text}```"
        return Told(name, Section(f"{name}: failed", prose), time.monotonic() - began, failed=True)
