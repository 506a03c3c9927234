"""The alerts on batch jobs, as promtool evaluates them over hours and days."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit.catalogue import CATALOGUE
from telemetry_kit.monitoring import JOB_ALERTS, rule_file

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not here: it comes with Debian's package `prometheus`"
)
JOB = 'job_name="nightly",scope_name="shop",instance="a",job="batch"'
DAY = 86_400
FOR_EVER = "x1200"
"""More steps of 5 minutes than four days have."""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series(metric: str, values: str, labels: str = JOB) -> dict[str, str]:
    """One input series, a value every 5 minutes."""
    return {"series": f"{metric}{{{labels}}}", "values": values}


def constant(metric: str, value: float, labels: str = JOB) -> dict[str, str]:
    return series(metric, f"{value}+0{FOR_EVER}", labels)


CASES: dict[str, tuple[str, list[dict[str, str]], dict[str, int]]] = {
    "a job that fails": (
        "JobFailed",
        [series("job_failed", f"0 0 0 1+0{FOR_EVER}")],
        {"10m": 0, "15m": 1, "3d": 1},
    ),
    "a job that succeeds again": (
        "JobFailed",
        [series("job_failed", f"1 1 0+0{FOR_EVER}")],
        {"5m": 1, "10m": 0},
    ),
    "no success for longer than a day and a quarter": (
        "JobStale",
        [constant("job_success_timestamp_seconds", 600), constant("job_expected_interval_seconds", DAY)],
        {"29h": 0, "30h": 0, "31h": 1, "3d": 1},
    ),
    "a run that is at it, soon after the last success": (
        "JobStale",
        [
            series("job_success_timestamp_seconds", f"600+0x200 0+0{FOR_EVER}"),
            constant("job_expected_interval_seconds", DAY),
        ],
        {"17h": 0, "29h": 0, "31h": 1},
    ),
    "a job that has never succeeded": (
        "JobStale",
        [constant("job_success_timestamp_seconds", 0), constant("job_expected_interval_seconds", DAY)],
        {"1h": 0, "29h": 0, "31h": 1},
    ),
    "a job that has never run in a scheduler that waits for it": (
        "JobStale",
        [constant("job_expected_interval_seconds", DAY)],
        {"29h": 0, "31h": 1},
    ),
    "a process that ended and took its series along": (
        "JobStale",
        [
            series("job_success_timestamp_seconds", "600 600 stale"),
            series("job_expected_interval_seconds", f"{DAY} {DAY} stale"),
        ],
        {"29h": 0, "31h": 1, "3d": 1},
    ),
    "the next success of another process": (
        "JobStale",
        [
            series("job_success_timestamp_seconds", "600 600 stale"),
            series("job_expected_interval_seconds", f"{DAY} {DAY} stale"),
            series("job_success_timestamp_seconds", "_x280 86400 86400 stale", JOB.replace('"a"', '"b"')),
            series("job_expected_interval_seconds", f"_x280 {DAY} {DAY} stale", JOB.replace('"a"', '"b"')),
        ],
        {"31h": 0, "50h": 0, "55h": 1},
    ),
    "the success of another region": (
        "JobStale",
        [
            constant("job_success_timestamp_seconds", 600, JOB + ',region="eu"'),
            constant("job_expected_interval_seconds", DAY, JOB + ',region="eu"'),
            constant("job_success_timestamp_seconds", 100_000, JOB + ',region="us"'),
            constant("job_expected_interval_seconds", DAY, JOB + ',region="us"'),
        ],
        {"31h": 1},
    ),
    "a job without an expected interval": (
        "JobStale",
        [constant("job_success_timestamp_seconds", 600)],
        {"4d": 0},
    ),
    "a run that hangs and is scraped": (
        "JobRunningTooLong",
        [
            series("job_elapsed_seconds", f"0+300{FOR_EVER}"),
            constant("job_start_timestamp_seconds", 0),
            constant("job_active", 1),
            constant("job_expected_interval_seconds", 3600),
        ],
        {"1h": 0, "65m": 0, "70m": 1},
    ),
    "a run that was killed after it pushed its start": (
        "JobRunningTooLong",
        [
            constant("job_start_timestamp_seconds", 0),
            constant("job_elapsed_seconds", 0.2),
            constant("job_active", 1),
            constant("job_expected_interval_seconds", 3600),
        ],
        {"1h": 0, "70m": 1},
    ),
    "a run that ended": (
        "JobRunningTooLong",
        [
            constant("job_start_timestamp_seconds", 0),
            constant("job_active", 0),
            constant("job_expected_interval_seconds", 3600),
        ],
        {"3h": 0},
    ),
    "a run that suddenly has no records": (
        "JobNoRecords",
        [
            *(
                series("job_last_run_records", values, JOB + f',job_record_outcome="{outcome}"')
                for outcome, values in (
                    ("processed", f"70 70 0+0{FOR_EVER}"),
                    ("failed", f"2 2 0+0{FOR_EVER}"),
                    ("skipped", f"0+0{FOR_EVER}"),
                )
            ),
            series("job_state", f"1 1 0 1+0{FOR_EVER}", JOB + ',job_state="succeeded"'),
            series("job_state", f"0 0 1 0+0{FOR_EVER}", JOB + ',job_state="running"'),
        ],
        {"5m": 0, "10m": 0, "15m": 1},
    ),
    "a job that has never had records": (
        "JobNoRecords",
        [
            constant("job_last_run_records", 0, JOB + ',job_record_outcome="processed"'),
            constant("job_state", 1, JOB + ',job_state="succeeded"'),
        ],
        {"3h": 0},
    ),
    "a run that only skipped": (
        "JobNoRecords",
        [
            series("job_last_run_records", f"70 0+0{FOR_EVER}", JOB + ',job_record_outcome="processed"'),
            series("job_last_run_records", f"0 9+0{FOR_EVER}", JOB + ',job_record_outcome="skipped"'),
            constant("job_state", 1, JOB + ',job_state="succeeded"'),
        ],
        {"3h": 0},
    ),
    "a run that skipped itself": (
        "JobNoRecords",
        [
            series("job_last_run_records", f"70 0+0{FOR_EVER}", JOB + ',job_record_outcome="processed"'),
            series("job_state", f"1 0+0{FOR_EVER}", JOB + ',job_state="succeeded"'),
            series("job_state", f"0 1+0{FOR_EVER}", JOB + ',job_state="skipped"'),
        ],
        {"3h": 0},
    ),
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(rule_file()), encoding="utf-8")
    return path


@pytest.mark.integration
@promtool
def test_promtool_takes_the_rules(rules: Path) -> None:
    """The file is one that Prometheus loads."""
    assert f"{len(JOB_ALERTS)} rules found" in run("promtool", "check", "rules", str(rules))


@pytest.mark.integration
@promtool
@pytest.mark.parametrize("case", CASES)
def test_an_alert_fires_when_it_should_and_not_before(case: str, rules: Path) -> None:
    """Minutes, hours and days of a job's life, evaluated by promtool."""
    alert, inputs, expected = CASES[case]
    firing = f'sum(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    tests = [
        {"expr": firing, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
        for at, value in expected.items()
    ]
    unit: dict[str, Any] = {
        "rule_files": [str(rules)],
        "evaluation_interval": "5m",
        "tests": [{"interval": "5m", "input_series": inputs, "promql_expr_test": tests}],
    }
    path = rules.with_name("test.json")
    path.write_text(json.dumps(unit), encoding="utf-8")

    assert "SUCCESS" in run("promtool", "test", "rules", str(path))


def test_the_rules_use_the_catalogue() -> None:
    """Every metric that a rule asks for is one of the catalogue's, under the name that the Prometheus exporter gives."""
    suffix = {"s": "_seconds"}
    names = {spec.name.replace(".", "_") + suffix.get(spec.unit, "") for spec in CATALOGUE if spec.group == "job"}
    used = {name for alert in JOB_ALERTS for name in re.findall(r"\bjob_\w+(?=\)|\[| |\{|$)", alert.expression)}

    assert used - {"job_state", "job_record_outcome"} <= names
    assert {"job_success_timestamp_seconds", "job_failed", "job_elapsed_seconds"} <= used


def test_every_alert_tells_its_reader_what_to_do() -> None:
    """Names are distinct, and summary and description say which job."""
    assert len({alert.name for alert in JOB_ALERTS}) == len(JOB_ALERTS) == 4
    for alert in JOB_ALERTS:
        assert "$labels.job_name" in alert.summary and "$labels.job_name" in alert.description
