"""The cost: the same service without the SDK, with it, and with the kit switched off."""

import contextlib
import socket
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import psutil

from shop import children
from shop.figures import bars, seconds, table
from shop.frame import Demo, Section

ORDER = 80
SHARE = 1.5

REQUESTS = 60
"""Asked of one process before it is the next one's turn: they all meet the same noise of the machine."""
LEAST_ROUNDS = 3

VARIANTS: dict[str, tuple[str, Mapping[str, str]]] = {
    "kit switched off": ("shop.service", {"TELEMETRY_KIT_DISABLED": "shop"}),
    "no SDK": ("shop.service", {}),
    "SDK, 1 trace in 100": ("shop.hosted", {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}),
    "SDK, every trace": ("shop.hosted", {}),
}


def run(demo: Demo) -> Section:
    """Ask each process in turn for products, and compare the CPU time that it spent on an answer."""
    spent: dict[str, list[float]] = {name: [] for name in VARIANTS}
    took: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(_running(demo, *variant)) for name, variant in VARIANTS.items()}
        clients = {
            name: stack.enter_context(httpx.Client(base_url=url, trust_env=False)) for name, (url, _) in running.items()
        }
        with demo.progress("opening four shops"):
            for client in clients.values():
                _wait_until_open(client)
        reached = stack.enter_context(demo.progress("the same requests to each", demo.seconds))
        began = time.monotonic()
        for client in clients.values():
            _ask(client)
        while (elapsed := time.monotonic() - began) < demo.seconds or len(took["no SDK"]) < LEAST_ROUNDS:
            reached(elapsed)
            for name, (_, pid) in running.items():
                before, start = _cpu_seconds(pid), time.perf_counter()
                _ask(clients[name])
                took[name].append((time.perf_counter() - start) / REQUESTS)
                spent[name].append((_cpu_seconds(pid) - before) / REQUESTS)
    cpu = {name: statistics.median(values) for name, values in spent.items()}
    latency = {name: statistics.median(values) for name, values in took.items()}
    least = cpu["kit switched off"]
    without, full = cpu["no SDK"] - least, cpu["SDK, every trace"] - least
    return Section(
        "What it costs",
        f"**Without an SDK the decorators cost a request {_difference(without)}; with one that keeps and exports every trace, "
        f"{_difference(full)} of {seconds(cpu['SDK, every trace'])}.** "
        "Four processes serve the same `service.py`, not a line changed: `python -m shop.service` has no SDK, `python -m "
        "shop.hosted` installs one and exports by OTLP.\n\n"
        f"Each answers `GET /products/{{sku}}` (one operation: its caller's trace context, a span, a histogram record) in rounds of "
        f"{REQUESTS}, in turn, {len(took['no SDK'])} rounds; the figures are medians of the CPU time of the whole process per request, "
        "exporting included. A difference smaller than the spread is no difference: the ratios that count are `nox -s bench`'s.",
        [
            bars("CPU time per request", cpu, unit="s"),
            table(
                "The same, with its spread",
                ["", "CPU / request", "middle half of rounds", "against switched off", "answer time"],
                [
                    (
                        name,
                        seconds(cpu[name]),
                        _middle(spent[name]),
                        "-" if name == "kit switched off" else _signed(cpu[name] - least),
                        seconds(latency[name]),
                    )
                    for name in VARIANTS
                ],
            ),
        ],
    )


@contextlib.contextmanager
def _running(demo: Demo, module: str, variables: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**demo.environment(module), **variables}
    command = [sys.executable, "-m", module, "--port", str(port)]
    with children.started(command, environment) as process:
        yield f"http://127.0.0.1:{port}", process.pid


def _wait_until_open(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20.0
    while True:
        try:
            client.get("/products/sku-001")
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _ask(client: httpx.Client) -> None:
    for n in range(REQUESTS):
        client.get(f"/products/sku-{n:03}").raise_for_status()


def _cpu_seconds(pid: int) -> float:
    """What all threads of the process have used: in nanoseconds where Linux says so, else in its clock's ticks."""
    try:
        tasks = [int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    except (OSError, ValueError, IndexError):
        tasks = []
    if tasks:
        return sum(tasks) / 1e9
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _middle(values: list[float]) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"{seconds(low)} to {seconds(high)}"


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "-") + seconds(abs(value))


def _difference(value: float) -> str:
    return f"{seconds(value)} of CPU time" if value > 10e-6 else "no CPU time that could be told from noise"
