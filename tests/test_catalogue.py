"""The catalogue as data: names, units and rules that hold for every metric of it."""

import re

import pytest

from telemetry_kit.catalogue import ATTRIBUTES, CATALOGUE, METRICS, AttributeSpec, MetricSpec

EACH = pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
UNITS = {
    "operation.duration": "s",
    "operation.active": "{operation}",
    "operation.calls": "{call}",
    "operation.time": "s",
    "operation.objective.calls": "{call}",
    "operation.objective.target": "1",
    "pool.usage": "{item}",
    "pool.limit": "{item}",
    "pool.utilization": "1",
    "pool.pending": "{request}",
    "pool.wait_time": "s",
    "pool.use_time": "s",
    "pool.errors": "{error}",
    "queue.size": "{item}",
    "queue.limit": "{item}",
    "queue.oldest_age": "s",
    "cache.requests": "{request}",
    "cache.evictions": "{entry}",
    "cache.size": "{entry}",
    "cache.limit": "{entry}",
    "cache.load.duration": "s",
    "health.status": "",
    "health.check.duration": "s",
    "event_loop.lag": "s",
    "executor.worker.count": "{worker}",
    "executor.worker.limit": "{worker}",
    "executor.worker.utilization": "1",
    "executor.queue.size": "{task}",
    "executor.queue.wait_time": "s",
    "executor.task.duration": "s",
    "executor.tasks": "{task}",
    "job.start.timestamp": "s",
    "job.success.timestamp": "s",
    "job.last_success.timestamp": "s",
    "job.failed": "",
    "job.end.timestamp": "s",
    "job.last_success.age": "s",
    "job.expected_interval": "s",
    "job.duration": "s",
    "job.active": "{run}",
    "job.elapsed": "s",
    "job.records": "{record}",
    "job.last_run.records": "{record}",
    "job.progress": "1",
    "job.step.duration": "s",
    "job.state": "1",
    "telemetry_kit.exception.suppressed": "{exception}",
    "telemetry_kit.attribute.overflow": "{value}",
    "telemetry_kit.events": "{event}",
    "telemetry_kit.faults": "{fault}",
}


def test_names_and_units_are_fixed() -> None:
    """Names and units are public: these are all of the kit's own, and their units."""
    own = {
        spec.name: spec.unit for spec in CATALOGUE if not spec.name.startswith(("http.", "rpc.", "db.", "messaging."))
    }

    assert own == UNITS


def test_each_name_once() -> None:
    """No name stands twice."""
    assert len(METRICS) == len(CATALOGUE)


@EACH
def test_a_name_follows_the_guide(spec: MetricSpec) -> None:
    """Lower-case words with dots, without `_total` and without a unit."""
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", spec.name)
    assert not spec.name.endswith(("_total", "_seconds", ".seconds", ".count.count"))


@EACH
def test_a_metric_has_a_description(spec: MetricSpec) -> None:
    """Every instrument has a description, as `promtool check metrics` asks."""
    assert spec.description


@EACH
def test_a_histogram_has_its_buckets(spec: MetricSpec) -> None:
    """Histograms, and only those, have bucket boundaries, in order."""
    assert (spec.boundaries is not None) == (spec.instrument == "histogram")
    assert list(spec.boundaries or ()) == sorted(set(spec.boundaries or ()))


@EACH
def test_an_attribute_of_a_metric_is_described(spec: MetricSpec) -> None:
    """Every attribute that a metric can have stands in the table of attributes."""
    assert set(spec.attributes) <= {attribute.key for attribute in ATTRIBUTES}


def test_each_key_once() -> None:
    """No key stands twice."""
    keys = [attribute.key for attribute in ATTRIBUTES]

    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda attribute: attribute.key)
def test_an_attribute_has_examples_or_all_its_values(attribute: AttributeSpec) -> None:
    """Who reads a key sees what its values look like: some, or all where they are a closed set, of the type said."""
    types = {"string": str, "int": int, "double": float, "boolean": bool}

    assert attribute.brief
    assert bool(attribute.examples) != bool(attribute.values)
    assert {type(value) for value in attribute.examples + attribute.values} == {types[attribute.type]}
