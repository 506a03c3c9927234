"""The page that an alert links to: what each alert means and what to do first, from the table of signals."""

from telemetry_kit.monitoring.dashboard import TITLES
from telemetry_kit.monitoring.model import Alert, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.signals import signals

_HEAD = """# Alerts

Made from the table of signals by `python -m telemetry_kit catalogue --runbook`. Each alert has the panel that it names, and a
section here with what to do first. Numbers are the defaults; [Be paged for the right things](../how-to/be-paged-for-the-right-things.md)
says how to change them.
"""


def runbook(options: Options | None = None) -> str:
    """The page in Markdown: a part for each row of the dashboard, a section for each alert, and what has none and why.

    >>> "## Health" in runbook(Options(only=("health",)))
    True
    """
    chosen = Options() if options is None else options
    table = signals(chosen)
    lines = [_HEAD]
    for part in chosen.only:
        row = [signal for signal in table if signal.part == part]
        if not row:
            continue
        lines.append(f"## {TITLES[part]}\n")
        lines += [_section(signal, alert) for signal in row for alert in signal.alerts]
        lines.append(_without_alert([signal for signal in row if signal.no_alert]))
    return "\n".join(line for line in lines if line)


def _section(signal: Signal, alert: Alert) -> str:
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(signal.first_steps, 1))
    title = signal.page.rpartition("/")[2].replace("-", " ").capitalize()
    urgent = {"page": "pages", "ticket": "makes a ticket"}[alert.severity]
    return (
        f"### {alert.name}\n\n{signal.meaning}\n\n"
        f"It {urgent} after {alert.hold}; the panel is *{signal.panel.title}*.\n\n{steps}\n\n"
        f"More: [{title}](../{signal.page}.md).\n\n"
        f"```text\n{signal.condition(alert)}\n```\n"
    )


def _without_alert(row: list[Signal]) -> str:
    if not row:
        return ""
    items = "\n".join(f"- *{signal.panel.title}*: {signal.no_alert}" for signal in row)
    return f"To look at, without an alert:\n\n{items}\n"
