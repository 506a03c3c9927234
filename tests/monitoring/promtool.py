"""What Prometheus makes of the rules over minutes and days, evaluated by its own `promtool test rules`."""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit.monitoring import Options, rules

MISSING = "promtool is not here: it comes with Debian's package `prometheus`"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason=MISSING)

Series = Mapping[str, str]
"""Values in promtool's notation (`0+1x60`, `_x5 3`, `stale`) by series."""


def run(*command: str, cwd: Path | None = None) -> str:
    """What the program says; it fails the test by its exit status."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def evaluated(
    folder: Path,
    series: Series,
    tests: Sequence[Mapping[str, Any]],
    rule_file: Mapping[str, Any],
    *,
    interval: str = "1m",
) -> None:
    """Evaluate the rules over these series every `interval`, and hold the expressions to what they are to give."""
    (folder / "rules.json").write_text(json.dumps(rule_file), encoding="utf-8")
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    unit = {
        "rule_files": ["rules.json"],
        "evaluation_interval": interval,
        "tests": [{"interval": interval, "input_series": inputs, "promql_expr_test": list(tests)}],
    }
    (folder / "test.json").write_text(json.dumps(unit), encoding="utf-8")
    assert "SUCCESS" in run("promtool", "test", "rules", "test.json", cwd=folder)


def alerts(
    folder: Path,
    series: Series,
    expected: Mapping[str, Sequence[str] | str],
    options: Options | None = None,
    *,
    interval: str = "1m",
    only: Callable[[str], bool] = bool,
) -> None:
    """Hold the alerts that fire at each time to exactly these names, a name once for each time that it fires.

    `only` chooses rules by the names of alerts and of what is recorded: evaluating all of them for a day takes seconds.
    """
    groups = [
        {"name": group["name"], "rules": [rule for rule in group["rules"] if only(rule.get("alert") or rule["record"])]}
        for group in rules(options)["groups"]
    ]
    tests = [
        {
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": at,
            "exp_samples": [
                {"labels": f'{{alertname="{name}"}}', "value": names.count(name)} for name in sorted(set(names))
            ],
        }
        for at, given in expected.items()
        for names in [given.split() if isinstance(given, str) else list(given)]
    ]
    evaluated(folder, series, tests, {"groups": groups}, interval=interval)
