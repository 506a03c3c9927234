"""`python -m telemetry_kit`: what the kit knows, for whoever operates a service that uses it."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from telemetry_kit.catalogue import ATTRIBUTES, CATALOGUE
from telemetry_kit.diagnosis import doctor
from telemetry_kit.monitoring import (
    Options,
    configuration,
    costs,
    dashboard,
    dump,
    for_mimir,
    prometheus_name,
    rules,
    runbook,
)
from telemetry_kit.monitoring.options import PARTS

_ABOUT = """What telemetry_kit's metrics are called, and what to make of them:

  python -m telemetry_kit catalogue                         every metric and attribute
  python -m telemetry_kit rules > rules.yml                 alerting rules for Prometheus, Mimir and Grafana Alloy
  python -m telemetry_kit dashboard > dashboard.json        a Grafana dashboard with a panel for every alert
  python -m telemetry_kit alertmanager --slack '#alerts'    an Alertmanager file: one notification for each fault
  python -m telemetry_kit doctor app.py                     why no telemetry arrives from a program

The same options given to rules and dashboard make what belongs together."""
_RULES = """examples:
  python -m telemetry_kit rules --service shop --objective 99.9 > /etc/prometheus/shop.rules.yml
  python -m telemetry_kit rules --only job --expect-jobs nightly-billing,cleanup --lookback 31d
  python -m telemetry_kit rules --more-than 20 --window 10m --slower-than 0.5
  python -m telemetry_kit rules --exporter otlp --format mimir | mimirtool rules load /dev/stdin
  promtool check rules rules.yml
"""
_DASHBOARD = """example:
  python -m telemetry_kit dashboard --grafana https://grafana.example.com > /var/lib/grafana/dashboards/telemetry-kit.json
"""
_ALERTMANAGER = """example:
  python -m telemetry_kit alertmanager --slack '#alerts' --email oncall@example.com > /etc/alertmanager/alertmanager.yml
  amtool check-config /etc/alertmanager/alertmanager.yml

Slack's address is read from /etc/alertmanager/slack-url; the mail goes through the relay on localhost.
"""
_CATALOGUE = """examples:
  python -m telemetry_kit catalogue --only job,executor
  python -m telemetry_kit catalogue --format json | jq '.metrics[].name'
  python -m telemetry_kit catalogue --series --instances 3 --error-types 2
"""


class _Parser(argparse.ArgumentParser):
    """Says in one line what was asked wrongly."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m telemetry_kit",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for add in (_add_catalogue, _add_rules, _add_dashboard, _add_alertmanager):
        add(commands)
    doctor.add_arguments(
        commands.add_parser("doctor", help="why no telemetry arrives: run a program, look from within")
    )
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], str], says: str, examples: str) -> Any:
    parser = commands.add_parser(
        name, help=says, description=says, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(run=run)
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be METRIC=LIMIT, got {text!r}: say orders_bytes=5e10") from None


def _add_shape(parser: argparse.ArgumentParser) -> None:
    """The options that rules and dashboard share."""
    standard = Options()
    parser.add_argument("--only", type=_names, metavar="PART,...", help=f"these parts alone: {','.join(PARTS)}")
    parser.add_argument("--service", metavar="NAME", help="of this service alone: the label job")
    parser.add_argument(
        "--objective",
        type=float,
        metavar="PERCENT",
        help="burn rates also of operations that declare no objective: 99.9",
    )
    parser.add_argument(
        "--lookback", metavar="TIME", help=f"how far back a job's last sample is looked for ({standard.lookback})"
    )
    parser.add_argument(
        "--exporter",
        choices=["prometheus", "otlp"],
        help="whose names: the Python exporter's, or Prometheus's for OTLP",
    )
    parser.add_argument(
        "--more-than", type=int, metavar="N", help=f"so many errors in a window are no accident ({standard.more_than})"
    )
    parser.add_argument("--window", metavar="TIME", help=f"the window for errors and durations ({standard.window})")
    parser.add_argument(
        "--slower-than", type=float, metavar="SECONDS", help="page if 5 of 100 calls take longer (1: a ticket)"
    )
    parser.add_argument("--expect-jobs", type=_names, metavar="JOB,...", help="jobs that must be seen at all")
    parser.add_argument(
        "--by", type=_names, metavar="LABEL,...", help="what tells jobs apart beside name and scope: a region"
    )
    parser.add_argument(
        "--grows",
        type=_limit,
        action="append",
        metavar="METRIC=LIMIT",
        help="a gauge of yours and what it must not reach",
    )
    parser.add_argument("--grafana", metavar="URL", help=f"where the dashboard is ({standard.grafana})")
    parser.add_argument("--runbook", metavar="URL", help=f"where the page of alerts is ({standard.runbook})")


def _options(arguments: argparse.Namespace) -> Options:
    names = Options.__dataclass_fields__
    given = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    if "grows" in given:
        given["grows"] = dict(given["grows"])
    return Options(**given)


def _add_rules(commands: Any) -> None:
    parser = _command(commands, "rules", _rules, "Recording and alerting rules, from the table of signals.", _RULES)
    parser.add_argument("--format", choices=["yaml", "json", "mimir"], default="yaml", help="(%(default)s)")
    _add_shape(parser)


def _rules(arguments: argparse.Namespace) -> str:
    options = _options(arguments)
    if arguments.format == "json":
        return _json(rules(options))
    return dump(for_mimir(options) if arguments.format == "mimir" else rules(options))


def _add_dashboard(commands: Any) -> None:
    says = "A Grafana dashboard: a row for each part, a panel for each signal."
    _add_shape(_command(commands, "dashboard", lambda given: _json(dashboard(_options(given))), says, _DASHBOARD))


def _add_alertmanager(commands: Any) -> None:
    says = "An Alertmanager configuration: routes by severity, one notification for each fault and service."
    parser = _command(commands, "alertmanager", _alertmanager, says, _ALERTMANAGER)
    parser.add_argument("--slack", metavar="CHANNEL", help="pages go here, and tickets where there is no mail: #alerts")
    parser.add_argument("--email", metavar="ADDRESS", help="pages and tickets go here")
    parser.add_argument("--format", choices=["yaml", "json"], default="yaml", help="(%(default)s)")


def _alertmanager(arguments: argparse.Namespace) -> str:
    made = configuration(slack=arguments.slack, email=arguments.email)
    return _json(made) if arguments.format == "json" else dump(made)


def _add_catalogue(commands: Any) -> None:
    says = "Every metric and attribute of the kit, with their names in Prometheus."
    parser = _command(commands, "catalogue", _catalogue, says, _CATALOGUE)
    parser.add_argument("--format", choices=["text", "markdown", "json"], default="text", help="(%(default)s)")
    groups = ",".join(dict.fromkeys(spec.group for spec in CATALOGUE))
    parser.add_argument("--only", type=_names, metavar="GROUP,...", help=f"these groups alone: {groups}")
    parser.add_argument("--exporter", choices=["prometheus", "otlp"], default="prometheus", help="(%(default)s)")
    parser.add_argument("--runbook", action="store_true", help="the page of all alerts instead, in Markdown")
    parser.add_argument("--series", action="store_true", help="what a helper costs in series instead")
    parser.add_argument("--instances", type=int, default=1, metavar="N", help="of the service (%(default)s)")
    parser.add_argument("--error-types", type=int, default=1, metavar="N", help="that are seen (%(default)s)")
    parser.add_argument("--sets", type=int, default=1, metavar="N", help="of declared attributes (%(default)s)")
    parser.add_argument("--interval", type=float, default=15.0, metavar="SECONDS", help="between scrapes (%(default)s)")


def _catalogue(arguments: argparse.Namespace) -> str:
    if arguments.runbook:
        return runbook(Options(exporter=arguments.exporter))
    if arguments.series:
        return _series(arguments)
    groups = {spec.group for spec in CATALOGUE}
    if unknown := [group for group in arguments.only or () if group not in groups]:
        raise ValueError(f"--only must name groups, got {unknown[0]!r}: there are {', '.join(sorted(groups))}")
    chosen = [spec for spec in CATALOGUE if not arguments.only or spec.group in arguments.only]
    if arguments.format == "json":
        keys = {key for spec in chosen for key in spec.attributes}
        attributes = [attribute for attribute in ATTRIBUTES if not arguments.only or attribute.key in keys]
        return _json(
            {
                "metrics": [
                    _as_dict(spec) | {"prometheus": prometheus_name(spec, arguments.exporter)} for spec in chosen
                ],
                "attributes": [_as_dict(attribute) for attribute in attributes],
            }
        )
    rows = [
        (spec.name, prometheus_name(spec, arguments.exporter), spec.instrument, spec.unit, spec.description,
         ", ".join(spec.attributes))
        for spec in chosen
    ]  # fmt: skip
    return _table(("metric", "in Prometheus", "instrument", "unit", "meaning", "attributes"), rows, arguments.format)


def _series(arguments: argparse.Namespace) -> str:
    made = costs(
        instances=arguments.instances,
        error_types=arguments.error_types,
        sets=arguments.sets,
        interval=arguments.interval,
    )
    if arguments.format == "json":
        return _json([_as_dict(cost) for cost in made])
    rows = [(cost.helper, f"{cost.series:,}", f"{cost.samples_per_minute:,.0f}") for cost in made]
    return _table(("helper", "series", "samples a minute"), rows, arguments.format)


def _as_dict(spec: Any) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__dataclass_fields__}


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], how: str) -> str:
    if how == "markdown":
        lines = [head, ("---",) * len(head), *rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in (head, *rows)
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0, or 2 with one line on what was asked wrongly; what reads the output may stop at any time."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command == "doctor":
        return doctor.run(chosen)
    try:
        said = chosen.run(chosen)
    except ValueError as problem:
        parser.error(f"{chosen.command}: {problem}")
    try:
        sys.stdout.write(said)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
