"""Faults as before, and the page that each sends: a real Prometheus and Alertmanager with the rules of the command line.

Told with `--prometheus` alone: it needs Debian's packages, and takes a minute and a half.
"""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from shop import children, prometheus
from shop.figures import Figure, Stretch, facts, seconds, table, timeline
from shop.frame import Demo, Section
from telemetry_kit.monitoring import signals

ORDER = 45
CALM = 25.0
"""Seconds in which nothing is wrong, and Prometheus learns what is usual."""
PATIENCE = 120.0
AFTER = 12.0
"""Seconds in which whatever else would be sent is sent: a group is looked at every five."""

FAULTS = {
    "shop": "nobody answers at the ranker",
    "till": "card readers aren't given back",
    "packing": "both packers are stuck",
    "mail": "nobody takes mails out of the queue",
    "payments": "the provider is down",
    "price-import": "the nightly run fails",
    "clean-up": "the scheduler forgot it",
    "inventory": "its process was killed",
}
"""What goes wrong, by service or batch job. The office stays well."""
DEPARTMENTS = ("office", "till", "packing", "mail", "payments")


def run(demo: Demo) -> Section:
    """Wait in the calm, let everything go wrong at once, and see what was sent."""
    failing, demo.shop.ranker.failing = demo.shop.ranker.failing, 0.0
    with contextlib.ExitStack() as open_:
        processes = {name: open_.enter_context(opened(demo, name)) for name in DEPARTMENTS}
        targets = {name: [address] for name, (_, address) in processes.items()}
        targets["shop"] = [demo.otlp_endpoint.removeprefix("http://")]
        (demo.folder / "prometheus").mkdir()
        stack = open_.enter_context(prometheus.running(demo.folder / "prometheus", targets))
        demo.console.print(f"Prometheus: {stack.prometheus}/classic/alerts", highlight=False)
        for name, interval in (("price-import", 3_600), ("clean-up", 40), ("inventory", 50)):
            job(demo, name, "well", interval, stack.pushgateway)
        open_.enter_context(demo.customers(CALM + PATIENCE, rate=30, mix={"recommend": 2, "browse": 1}))
        with demo.progress("calm weather", CALM) as reached:
            wait(CALM, reached)
        calm, began = list(stack.notifications), time.monotonic()
        try:
            demo.shop.ranker.failing = 1.0
            for process, _ in processes.values():
                say(process, "fault")
            job(demo, "price-import", "fails", 3_600, stack.pushgateway)
            job(demo, "inventory", "dies", 50, stack.pushgateway)
            with demo.progress("faults, and the pages that they send", len(FAULTS)) as reached:
                stack.until(lambda: arrived(stack, reached), PATIENCE)
                wait(AFTER, lambda _: None)
        finally:
            demo.shop.ranker.failing = failing
        return told(calm, stack.notifications, began)


def arrived(stack: prometheus.Stack, reached: Callable[[float], None]) -> bool:
    """Whether each fault has sent something."""
    services = {one.service for one in stack.notifications}
    reached(len(services & set(FAULTS)))
    return services >= set(FAULTS)


def told(calm: list[prometheus.Notification], sent: list[prometheus.Notification], began: float) -> Section:
    """A row for each fault: what was sent of it, and the panel that it names."""
    panels = {str(signal.panel_id): signal.panel.title for signal in signals(prometheus.OPTIONS)}
    rows = []
    silent = [service for service in FAULTS if service not in {one.service for one in sent}]
    for service, fault in FAULTS.items():
        of_it = [one for one in sent if one.service == service]
        if not of_it:
            continue
        first = of_it[0]
        number = re.findall(r"viewPanel=(\d+)", first.panel)[0]
        rows.append(
            (
                service,
                fault,
                ", ".join(first.alerts),
                first.summary,
                panels[number],
                seconds(first.at - began),
                len(of_it),
            )
        )
    twice = [one for one in sent if one.service not in FAULTS]
    stretches = [
        Stretch(service, 0.0, next(one.at for one in sent if one.service == service) - began, "before the page", alert)
        for service, _, alert, *_ in rows
    ]
    each = ", one each" if not silent and not twice and len(sent) == len(FAULTS) else ""
    figures: list[Figure] = [
        facts(
            {
                "faults": str(len(FAULTS)),
                "pages": str(len(sent)),
                "pages in calm weather": str(len(calm)),
                "of who was well": str(len(twice)),
            }
        ),
        table(
            "What each fault sent", ("where", "what went wrong", "alert", "message", "panel", "after", "pages"), rows
        ),
        timeline(
            "From the fault to the page",
            stretches,
            note="minutes are seconds here",
            colours={"before the page": "warn"},
        ),
    ]
    return Section(
        "One page for each fault",
        f"**{len(FAULTS)} faults at once sent {len(sent)} pages{each}, with the panel to look at; the calm before sent "
        f"{len(calm) or 'none'}.** A real Prometheus scraped the shop and its departments, jobs pushed to a real Pushgateway, and a real "
        "Alertmanager sent what arrived at its webhook. Rules and routes are those that `python -m telemetry_kit rules` and "
        "`alertmanager` print, with seconds for minutes.\n\n"
        "Among the faults: two operations of the shop fail with one error, customers time out at an empty pool, tasks wait behind stuck "
        "ones; a job failed, one was started by nobody, one was killed. The table has what was sent of each"
        + (f"; nothing of {', '.join(silent)} within {seconds(PATIENCE)}." if silent else "."),
        figures,
    )


@contextlib.contextmanager
def opened(demo: Demo, name: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A department at work: its process, and the address of its page."""
    command = [sys.executable, "-m", "shop.departments", name]
    with children.started(command, demo.environment(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        port = process.stdout.readline().strip() if process.stdout else ""
        yield process, f"127.0.0.1:{port}"


def say(process: "subprocess.Popen[str]", word: str) -> None:
    if process.stdin is not None:
        process.stdin.write(f"{word}\n")
        process.stdin.flush()


def job(demo: Demo, name: str, how: str, interval: float, gateway: str) -> None:
    """Run the job once; how it ends is its own business."""
    command = [
        sys.executable,
        "-m",
        "shop.departments",
        "job",
        name,
        how,
        str(interval),
        gateway.removeprefix("http://"),
    ]
    with contextlib.suppress(subprocess.CalledProcessError):
        children.run(command, demo.environment(name), timeout=60, stderr=subprocess.DEVNULL)


def wait(duration: float, reached: Callable[[float], None]) -> None:
    """Let time pass, shown as progress."""
    end = time.monotonic() + duration
    while (left := end - time.monotonic()) > 0:
        reached(duration - left)
        time.sleep(min(0.25, left))
