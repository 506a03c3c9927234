"""An Alertmanager configuration that goes with the rules: one notification for each fault and service.

Alerts of one service (the label `job`) and of one batch job (`job_name`) are one notification each. Within a service what
is nearer to the cause silences what follows from it, by the label `rank`; batch jobs need none of this, their
expressions leave one alert for each fault.
"""

from typing import Any

from telemetry_kit.monitoring.model import CAUSE, EXACT, VAGUE, VAGUEST

_RANKS = (CAUSE, EXACT, VAGUE, VAGUEST)
_TITLE = '{{ .CommonAnnotations.summary }}{{ if not .CommonAnnotations.summary }}{{ .GroupLabels.Values | join " " }}{{ end }}'
_TEXT = """{{ range .Alerts }}{{ .Annotations.summary }}
{{ .Annotations.description }}
Panel: {{ .Annotations.dashboard_url }}
First steps: {{ .Annotations.runbook_url }}
{{ end }}"""


def configuration(*, slack: str | None = None, email: str | None = None) -> dict[str, Any]:
    """The file as data; `slack` is a channel (`#alerts`), `email` an address. Pages go to both, tickets to the mail alone
    where there is one.

    >>> [receiver["name"] for receiver in configuration(slack="#alerts")["receivers"]]
    ['page', 'ticket']
    """
    if slack is not None and not (slack.startswith(("#", "@")) and len(slack) > 1):
        raise ValueError(f"slack must be a channel or a person, got {slack!r}: say #alerts")
    if email is not None and "@" not in email.strip("@"):
        raise ValueError(f"email must be an address, got {email!r}: say oncall@example.com")
    page, ticket = _receivers(slack, email)
    needs: dict[str, Any] = {}
    if slack:
        needs["slack_api_url_file"] = "/etc/alertmanager/slack-url"
    if email:
        needs |= {"smtp_smarthost": "localhost:25", "smtp_from": "alertmanager@localhost", "smtp_require_tls": False}
    return {
        **({"global": needs} if needs else {}),
        "route": {
            "receiver": "ticket",
            "group_by": ["job", "job_name"],
            "group_wait": "30s",
            "group_interval": "10m",
            "repeat_interval": "12h",
            "routes": [{"receiver": "page", "matchers": ['severity="page"'], "repeat_interval": "4h"}],
        },
        "inhibit_rules": [rule for rank in _RANKS for rule in _silenced_by(rank)],
        "receivers": [{"name": "page", **page}, {"name": "ticket", **ticket}],
    }


def _silenced_by(rank: int) -> list[dict[str, Any]]:
    """What a page of this rank silences in its service: vaguer pages, and tickets that are no more exact than it."""
    vaguer = [str(other) for other in _RANKS if other > rank]
    source = ['severity="page"', f'rank="{rank}"']
    targets = [['severity="ticket"', f'rank=~"{"|".join([str(rank), *vaguer])}"']]
    if vaguer:
        targets.append(['severity="page"', f'rank=~"{"|".join(vaguer)}"'])
    return [{"source_matchers": source, "target_matchers": target, "equal": ["job"]} for target in targets]


def _receivers(slack: str | None, email: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    chat = (
        {"slack_configs": [{"channel": slack, "send_resolved": True, "title": _TITLE, "text": _TEXT}]} if slack else {}
    )
    mail = {"email_configs": [{"to": email, "send_resolved": True, "headers": {"Subject": _TITLE}}]} if email else {}
    return {**chat, **mail}, mail or chat
