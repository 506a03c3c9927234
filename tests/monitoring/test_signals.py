"""The table of signals, and what holds for everything that is made of it."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit.catalogue import CATALOGUE, METRICS
from telemetry_kit.monitoring import (
    SIGNALS,
    Alert,
    Options,
    Panel,
    Signal,
    configuration,
    costs,
    dashboard,
    dump,
    prometheus_name,
    rules,
    signals,
)
from telemetry_kit.monitoring.options import PARTS

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = [(signal, alert) for signal in SIGNALS for alert in signal.alerts]
EVERYTHING = Options(objective=99.9, slower_than=0.5, expect_jobs=("nightly",), grows={"orders_bytes": 5e10})


def panels(options: Options | None = None) -> dict[int, dict[str, Any]]:
    return {panel["id"]: panel for panel in dashboard(options)["panels"] if panel["type"] != "row"}


def alert(**changes: Any) -> Alert:
    given: dict[str, Any] = {"name": "X", "threshold": 0, "hold": "1m", "severity": "page", "summary": "x"}
    return Alert(**given | changes)


def signal(**changes: Any) -> Signal:
    given: dict[str, Any] = {
        "name": "x",
        "part": "red",
        "kind": "errors",
        "meaning": "m",
        "expression": "x",
        "labels": ("job",),
        "panel": Panel(title="X"),
        "alerts": (alert(),),
        "first_steps": ("Look.",),
        "page": "index",
    }
    return Signal(**given | changes)


# The table


def test_a_signal_without_a_panel_is_refused() -> None:
    """What nobody can look at can't be watched."""
    with pytest.raises(TypeError, match="signal 'x' must have a panel, got None: give panel="):
        signal(panel=None)


def test_a_signal_without_an_alert_says_why() -> None:
    """Silence is a decision."""
    with pytest.raises(ValueError, match="signal 'x' must have an alert or say why not, got neither"):
        signal(alerts=())
    with pytest.raises(ValueError, match="got both"):
        signal(no_alert="It is harmless.")


def test_an_alert_without_first_steps_is_refused() -> None:
    """Who is woken reads what to do."""
    with pytest.raises(ValueError, match="must say what to do first"):
        signal(first_steps=())


def test_names_are_distinct() -> None:
    """Of signals, alerts, recorded series and panels."""
    recorded = [record.name for one in SIGNALS for record in one.records]
    for names in (
        [one.name for one in SIGNALS],
        [one.name for _, one in ALERTS],
        recorded,
        [one.panel_id for one in SIGNALS],
    ):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_part_has_signals() -> None:
    """Each part of `--only` is there."""
    assert {one.part for one in SIGNALS} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_one_part_alone(part: Any) -> None:
    """`only` leaves the others out."""
    assert {one.part for one in signals(Options(only=(part,)))} == {part}


def test_every_page_exists() -> None:
    """What an alert links to is a page of the documentation."""
    assert [one.page for one in SIGNALS if one.page and not (DOCS / f"{one.page}.md").exists()] == []


def test_every_metric_is_watched_or_explains_what_is() -> None:
    """Each metric of the catalogue stands in a signal; these are for queries of one's own."""
    text = json.dumps(dashboard())
    unwatched = {spec.name for spec in CATALOGUE if prometheus_name(spec) not in text}

    assert unwatched == {
        "operation.time",
        "http.server.active_requests",
        "pool.usage",
        "pool.limit",
        "db.client.connection.idle.max",
        "db.client.connection.idle.min",
        "db.client.connection.use_time",
        "db.client.connection.create_time",
        "executor.worker.count",
        "executor.worker.limit",
        "job.last_success.age",
        "job.records",
        "job.state",
    }


def test_metrics_are_called_as_the_catalogue_says() -> None:
    """Every name that looks like one of the kit's metrics is one, under either exporter."""
    families = {spec.name.split(".")[0] for spec in CATALOGUE}
    for exporter in ("prometheus", "otlp"):
        known = {prometheus_name(spec, exporter) for spec in CATALOGUE}
        known |= {
            f"{prometheus_name(spec)}_{part}"
            for spec in CATALOGUE
            if spec.boundaries
            for part in ("bucket", "count", "sum")
        }
        text = "\n".join(str(rule["expr"]) for rule in all_rules(Options(exporter=exporter)))
        text = re.sub(r"\b(?:batch_)?job:[\w:]+|\{[^}]*\}|(?:by|on|without|ignoring) \([^)]*\)|\"[^\"]*\"", "", text)
        used = {word for word in re.findall(r"\b[a-z_]+(?=\b)", text) if word.split("_")[0] in families and "_" in word}

        assert used - known == set()
        assert len(used) > 30


# Rules


def all_rules(options: Options | None = None) -> list[dict[str, Any]]:
    return [rule for group in rules(options)["groups"] for rule in group["rules"]]


def test_every_rule_of_an_alert_says_what_its_reader_needs() -> None:
    """Summary, description, the panel and the page, a severity and a kind."""
    for rule in (rule for rule in all_rules(EVERYTHING) if "alert" in rule):
        assert set(rule["annotations"]) == {"summary", "description", "dashboard_url", "runbook_url"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["labels"]["kind"] in {"latency", "errors", "traffic", "saturation", "state"}


def test_every_alert_has_a_panel_that_names_it() -> None:
    """The `viewPanel` of its link is a panel of the dashboard, whose description has the alert's name."""
    there = panels(EVERYTHING)
    for rule in (rule for rule in all_rules(EVERYTHING) if "alert" in rule):
        number = int(re.findall(r"viewPanel=(\d+)", rule["annotations"]["dashboard_url"])[0])

        assert f"**{rule['alert']}**" in there[number]["description"]


def test_every_alert_has_a_section_of_the_page() -> None:
    """The anchor of its link is a heading of the page of alerts."""
    page = (DOCS / "reference" / "alerts.md").read_text(encoding="utf-8")
    headings = {line.removeprefix("### ").lower() for line in page.splitlines() if line.startswith("### ")}

    assert {rule["annotations"]["runbook_url"].partition("#")[2] for rule in all_rules() if "alert" in rule} == headings


def test_labels_in_templates_are_labels_of_the_series() -> None:
    """A summary names only labels that its alert's series have."""
    for one, its in ALERTS:
        used = set(re.findall(r"\$labels\.(\w+)", its.summary))
        assert used <= set(one.labels), its.name


def test_rate_and_increase_are_of_counters_alone() -> None:
    """A gauge's rate means nothing, and a counter's plain value neither."""
    counters = {prometheus_name(spec) for spec in CATALOGUE if spec.instrument == "observable_counter"}
    counters |= {
        f"{prometheus_name(spec)}_{part}" for spec in CATALOGUE if spec.boundaries for part in ("bucket", "count")
    }
    for rule in all_rules(EVERYTHING):
        for name in re.findall(r"\b(?:rate|increase)\((\w+)", rule["expr"]):
            assert name in counters
        for name in re.findall(r"\b(?:deriv|predict_linear|max_over_time|min_over_time)\((\w+)", rule["expr"]):
            assert name not in counters


def test_cancelled_calls_are_in_no_error_ratio() -> None:
    """Every count of calls or failures leaves them out; a rate of traffic and the guard of births do not."""
    for one in SIGNALS:
        for record in one.records:
            if record.name.endswith(("calls:count", "failures:count", "failures_of_type:count")):
                assert 'error_type!="cancelled"' in record.expression


def test_vaguer_alerts_wait_longer() -> None:
    """Within a service what silences others holds for less long than they do, by more than an evaluation."""
    seconds = {"s": 1, "m": 60, "h": 3_600}

    def hold(one: Alert) -> int:
        return int(one.hold[:-1]) * seconds[one.hold[-1]]

    pages = [one for _, one in ALERTS if one.rank is not None and one.severity == "page" and one.name != "TargetsGone"]
    for exact in pages:
        for vague in pages:
            if exact.rank is not None and vague.rank is not None and exact.rank < vague.rank:
                assert hold(exact) + 60 <= hold(vague), (exact.name, vague.name)


# The dashboard


def test_the_dashboard_has_no_averages_and_no_stacks() -> None:
    """Percentiles and heat maps say what an average hides."""
    made = dashboard(EVERYTHING)
    for panel in panels(EVERYTHING).values():
        assert all(not re.search(r"\bavg\b|_sum\b.*/.*_count", target["expr"]) for target in panel["targets"])
    assert "avg_over_time" not in json.dumps(made)
    assert {
        panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"]
        for panel in panels().values()
        if "fieldConfig" in panel
    } == {"none"}


def test_panels_lie_side_by_side() -> None:
    """No two of them overlap."""
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(EVERYTHING)["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        taken |= cells


def test_the_dashboard_has_marks_for_deploys_events_and_config_changes() -> None:
    """And variables for service, scope and operation."""
    made = dashboard()

    assert [one["name"] for one in made["annotations"]["list"]] == ["Deploys", "Events", "Config changes"]
    assert [one["name"] for one in made["templating"]["list"]] == ["datasource", "service", "scope", "operation"]


def test_links_stay_when_signals_are_left_out() -> None:
    """A panel's number follows from its name."""
    assert set(panels(Options(only=("job",)))) < set(panels())


@pytest.mark.integration
def test_grafana_reads_the_dashboard() -> None:
    """Through the typed models of Grafana's own SDK nothing is lost that the panels need."""
    models = pytest.importorskip(
        "grafana_foundation_sdk.models.dashboard", reason="needs grafana-foundation-sdk, Python 3.11"
    )
    made = dashboard(EVERYTHING)

    read = models.Dashboard.from_json(made)

    assert (read.uid, read.title) == ("telemetry-kit", "telemetry_kit")
    assert len(read.panels) == len(made["panels"])
    kinds = {panel["id"]: panel["type"] for panel in made["panels"]}
    assert {panel.id_val: panel.type_val for panel in read.panels} == kinds


@pytest.mark.integration
def test_every_expression_is_promql() -> None:
    """Of rules, panels and annotations, as an independent parser reads them."""
    promql = pytest.importorskip("promql_parser", reason="needs promql-parser")
    made = dashboard(EVERYTHING)
    expressions = [rule["expr"] for rule in all_rules(EVERYTHING)]
    expressions += [target["expr"] for panel in panels(EVERYTHING).values() for target in panel["targets"]]
    expressions += [one["expr"] for one in made["annotations"]["list"]]

    for expression in expressions:
        promql.parse(expression.replace("$__rate_interval", "5m"))
    assert len(expressions) > 200


# Alertmanager, YAML, cost


def test_tickets_never_silence_pages() -> None:
    """Whatever silences is a page."""
    for rule in configuration()["inhibit_rules"]:
        assert 'severity="page"' in rule["source_matchers"]
        assert rule["equal"] == ["job"]


def test_a_channel_and_an_address_are_checked() -> None:
    """With the way out."""
    with pytest.raises(ValueError, match="slack must be a channel or a person, got 'alerts': say #alerts"):
        configuration(slack="alerts")
    with pytest.raises(ValueError, match="email must be an address, got 'me'"):
        configuration(email="me")


@pytest.mark.integration
def test_yaml_says_what_json_says() -> None:
    """Another reader of YAML finds the same data in it."""
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    for made in (
        rules(EVERYTHING),
        configuration(slack="#a", email="a@b.example"),
        {"on": ["yes", "1", 2, None, {}, []]},
    ):
        assert yaml.safe_load(dump(made)) == made


def test_what_a_helper_costs() -> None:
    """An operation is a histogram and a gauge for each instance, and a histogram more for each type of error."""
    cost = {one.helper: one for one in costs(instances=2, error_types=3, interval=30)}["operation"]

    assert cost.series == 2 * (4 * 17 + 1)
    assert cost.samples_per_minute == cost.series * 2


def test_the_cost_of_a_real_operation(sdk: Any) -> None:
    """The estimate is what an SDK exports."""
    from telemetry_kit import Telemetry

    operation = Telemetry("shop", meter_provider=sdk.meter_provider).operation("checkout", span=False)
    with operation.measure():
        pass
    with pytest.raises(KeyError), operation.measure():
        raise KeyError

    points = sdk.points("operation.duration")
    exported = sum(len(point.bucket_counts) + 2 for point in points) + len(sdk.points("operation.active"))
    assert exported == {one.helper: one.series for one in costs()}["operation"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"window": "0m"}, "window must be a duration as Prometheus writes it, got '0m'"),
        ({"lookback": "5m1h"}, "lookback must be a duration as Prometheus writes it, got '5m1h'"),
        ({"window": "five"}, "window must be a duration as Prometheus writes it, got 'five'"),
        ({"only": ("reds",)}, "only must name parts, got 'reds'"),
        ({"objective": 100.0}, "objective must be a percentage"),
        ({"more_than": -1}, "more_than must be 0 or more"),
        ({"slower_than": 0.0}, "slower_than must be seconds above 0"),
        ({"by": ("k8s.pod",)}, "by must name labels"),
        ({"grows": {"a b": 1.0}}, "grows must name gauges"),
        ({"exporter": "statsd"}, "exporter must be prometheus or otlp"),
    ],
)
def test_options_that_mean_nothing(wrong: dict[str, Any], said: str) -> None:
    """Say the rule, the value and the way out."""
    with pytest.raises(ValueError, match=re.escape(said)):
        Options(**wrong)


def test_a_ratio_is_called_one_over_otlp_alone() -> None:
    """Prometheus's own translation says `_ratio`, the Python exporter doesn't; nothing else differs."""
    differ = {spec.name for spec in CATALOGUE if prometheus_name(spec) != prometheus_name(spec, "otlp")}

    assert differ == {spec.name for spec in CATALOGUE if spec.unit == "1" and spec.instrument == "observable_gauge"}
    assert prometheus_name(METRICS["job.state"], "otlp") == "job_state"
