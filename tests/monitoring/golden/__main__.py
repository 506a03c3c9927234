"""`python -m tests.monitoring.golden` writes what the command line prints, as it is now: look at the difference before you keep it."""

import contextlib
import io
from pathlib import Path

from telemetry_kit.__main__ import main

HERE = Path(__file__).parent
ALERTS = HERE.parents[2] / "docs" / "reference" / "alerts.md"
GENERATED: dict[Path, str] = {
    HERE / "catalogue.txt": "catalogue",
    HERE / "catalogue.otlp.json": "catalogue --format json --exporter otlp",
    HERE / "series.md": "catalogue --series --format markdown",
    HERE / "rules.yml": "rules",
    HERE
    / "shop.rules.mimir.yml": "rules --format mimir --exporter otlp --service shop --objective 99.9 --slower-than 0.5 "
    "--expect-jobs nightly,weekly --lookback 35d --by region --grows orders_bytes=5e10",
    HERE / "dashboard.json": "dashboard",
    HERE / "alertmanager.yml": "alertmanager --slack #alerts --email oncall@example.com",
    ALERTS: "catalogue --runbook",
}
"""The files that are generated, and the arguments that make them."""


def printed(arguments: str) -> str:
    """What the command line prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(arguments.split()) == 0
    return out.getvalue()


if __name__ == "__main__":
    for path, arguments in GENERATED.items():
        path.write_text(printed(arguments), encoding="utf-8")
