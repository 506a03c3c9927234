"""A real Prometheus, Alertmanager and Pushgateway on loopback, with the rules and routes that the kit generates.

They come from Debian's packages and are started in a folder of their own, on free ports, for as long as the block lasts.
Minutes are seconds here: a rule that holds for three minutes holds for three seconds, and what is asked for and in which
order is what it would be.
"""

import contextlib
import copy
import http.server
import json
import random
import re
import shutil
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shop import children
from telemetry_kit.monitoring import Options, configuration, rules

PROGRAMS = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-pushgateway": "prometheus-pushgateway",
}
"""Each program and Debian's package of it."""
OPTIONS = Options(window="15s", more_than=10)


def missing() -> str:
    """How to get what isn't installed; empty where everything is."""
    absent = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    return f"apt-get install {' '.join(absent)}" if absent else ""


@dataclass(frozen=True)
class Notification:
    """What somebody would have been told."""

    receiver: str
    service: str
    """The service or the batch job."""
    alerts: tuple[str, ...]
    summary: str
    panel: str
    """The address of the panel."""
    runbook: str
    at: float


@dataclass
class Stack:
    """The servers' addresses, and what was sent so far."""

    prometheus: str
    alertmanager: str
    pushgateway: str
    notifications: list[Notification] = field(default_factory=list)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers now."""
        url = f"{self.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        found: list[dict[str, Any]] = _get(url)["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """The groups of rules as Prometheus has evaluated them."""
        groups: list[dict[str, Any]] = _get(f"{self.prometheus}/api/v1/rules")["data"]["groups"]
        return groups

    def firing(self) -> list[str]:
        """The alerts that fire now, by name."""
        return sorted(one["metric"]["alertname"] for one in self.query('ALERTS{alertstate="firing"}'))

    def until(self, what: Callable[[], Any], seconds: float) -> Any:
        """Ask until the answer is true: servers of others have no events to wait for."""
        give_up = time.monotonic() + seconds
        while not (answer := what()):
            if time.monotonic() > give_up:
                raise TimeoutError(f"not within {seconds} s; firing: {self.firing()}, sent: {self.notifications}")
            time.sleep(0.2)
        return answer


@contextlib.contextmanager
def running(folder: Path, targets: Mapping[str, Sequence[str]], options: Options = OPTIONS) -> Iterator[Stack]:
    """Start them, scraping these addresses by service, until the block ends. A RuntimeError says what doesn't come up."""
    if absent := missing():
        raise RuntimeError(f"Prometheus isn't here: {absent}")
    urls = [f"http://127.0.0.1:{_free_port()}" for _ in PROGRAMS]
    stack = Stack(urls[0], urls[1], urls[2])
    with contextlib.ExitStack() as started:
        webhook = started.enter_context(_webhook(stack.notifications))
        _write(folder / "rules.json", quick(rules(options)))
        _write(folder / "alertmanager.json", _routes(webhook))
        _write(folder / "prometheus.json", _scrapes(folder, stack, targets))
        listen = "--web.listen-address="
        for command, url in (
            (  # Debian's keeps what was pushed in /var/lib, for whoever starts it next
                ["prometheus-pushgateway", "--persistence.file=", listen + _host(stack.pushgateway)],
                stack.pushgateway,
            ),
            (
                [
                    "prometheus-alertmanager",
                    f"--config.file={folder / 'alertmanager.json'}",
                    f"--storage.path={folder / 'alertmanager'}",
                    "--cluster.listen-address=",
                    listen + _host(stack.alertmanager),
                ],
                stack.alertmanager,
            ),
            (
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.json'}",
                    f"--storage.tsdb.path={folder / 'tsdb'}",
                    listen + _host(stack.prometheus),
                ],
                stack.prometheus,
            ),
        ):
            started.enter_context(_server(command, url, folder))
        yield stack


def quick(made: Mapping[str, Any]) -> dict[str, Any]:
    """The same rules with seconds for minutes, so that nobody waits."""
    faster: dict[str, Any] = copy.deepcopy(dict(made))
    for rule in (rule for group in faster["groups"] for rule in group["rules"] if "alert" in rule):
        for key in ("for", "keep_firing_for"):
            if key in rule:
                rule[key] = re.sub(r"(\d+)m", r"\1s", rule[key].replace("1h", "60s").replace("3h", "180s"))
        if rule.get("keep_firing_for"):
            rule["keep_firing_for"] = "20s"  # the window is 15 seconds here
    return faster


def _routes(webhook: str) -> dict[str, Any]:
    made = configuration()
    made["route"] |= {"group_wait": "3s", "group_interval": "5s"}
    for receiver in made["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{webhook}/{receiver['name']}", "send_resolved": False}]
    return made


def _scrapes(folder: Path, stack: Stack, targets: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    pushed = {"job_name": "pushgateway", "honor_labels": True}
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.json")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [_host(stack.alertmanager)]}]}]},
        "scrape_configs": [
            pushed | {"static_configs": [{"targets": [_host(stack.pushgateway)]}]},
            *(
                {"job_name": service, "static_configs": [{"targets": list(addresses)}]}
                for service, addresses in targets.items()
            ),
        ],
    }


@contextlib.contextmanager
def _webhook(notifications: list[Notification]) -> Iterator[str]:
    """Where Alertmanager sends to."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            first = sent["alerts"][0]
            notifications.append(
                Notification(
                    receiver=sent["receiver"],
                    service=sent["groupLabels"].get("job_name") or sent["groupLabels"].get("job", ""),
                    alerts=tuple(sorted({one["labels"]["alertname"] for one in sent["alerts"]})),
                    summary=first["annotations"]["summary"],
                    panel=first["annotations"]["dashboard_url"],
                    runbook=first["annotations"]["runbook_url"],
                    at=time.monotonic(),
                )
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, name="webhook", daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join(10)


@contextlib.contextmanager
def _server(command: list[str], url: str, folder: Path) -> Iterator[None]:
    log = folder / f"{command[0]}.log"
    with (
        log.open("wb") as output,
        children.started(command, stdout=output, stderr=output, folder=folder) as process,
    ):
        give_up = time.monotonic() + 30
        while not _answers(f"{url}/-/ready"):
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{command[0]} doesn't come up: {log.read_text(errors='replace')[-1_000:]}")
            time.sleep(0.05)
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} has ended: somebody else answers at {url}")
        yield


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def _write(path: Path, made: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(made), encoding="utf-8")


def _host(url: str) -> str:
    return url.removeprefix("http://")


def _free_port() -> int:
    """A port below those that the system gives away by itself: nobody takes it before the server does."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            port: int = probe.getsockname()[1]
            return port
