"""The catalogue as data: names, units and rules that hold for every metric of it."""

import ast
import contextvars
import re
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import Gauge, Histogram, Metric, Sum

import telemetry_kit
from telemetry_kit._core import faults
from telemetry_kit._jobs import sigterm
from telemetry_kit.catalogue import ATTRIBUTES, CATALOGUE, METRICS, AttributeSpec, MetricSpec, keys
from tests.faults.tour import STEPS
from tests.support import Sdk

EACH = pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)


class Noting(Sdk):
    """An SDK that remembers every metric that was ever collected from it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Metric] = {}

    def metrics(self) -> dict[str, Metric]:
        now = super().metrics()
        for name, metric in now.items():
            if name.startswith("telemetry_kit.") or not name.startswith("orders."):  # the kit's, not a user's own
                self.seen[name] = metric
        return now


@pytest.fixture(scope="module")
def emitted() -> dict[str, Metric]:
    """Every metric that comes out of a tour through everything that the kit does."""
    seen: dict[str, Metric] = {}
    said = dict(faults._said)
    for step in STEPS.values():
        sdk = Noting()
        contextvars.copy_context().run(step, sdk)
        sdk.metrics()
        sdk.shutdown()
        seen.update(sdk.seen)
    sigterm._start_again()  # a run that the tour never leaves
    faults._said.clear()
    faults._said.update(said)  # what is logged once is for others to see
    return seen


def test_nothing_is_catalogued_that_nothing_emits(emitted: dict[str, Metric]) -> None:
    """Every metric of the catalogue comes out of some helper; one that nothing emits would be charted for nothing."""
    assert METRICS.keys() - emitted.keys() == set()


def test_nothing_is_emitted_that_is_not_catalogued(emitted: dict[str, Metric]) -> None:
    """Every metric that comes out is in the catalogue, as the instrument, in the unit and with the description said there."""
    kinds = {"histogram": Histogram, "observable_gauge": Gauge}
    said = {
        name: (spec.unit, spec.description, kinds.get(spec.instrument, Sum), spec.instrument == "observable_counter")
        for name, spec in METRICS.items()
        if name in emitted
    }
    found = {
        name: (metric.unit, metric.description, type(metric.data), getattr(metric.data, "is_monotonic", False))
        for name, metric in emitted.items()
    }

    assert found == said


def test_no_point_has_an_attribute_that_is_not_catalogued(emitted: dict[str, Metric]) -> None:
    """What the kit puts on a point stands in the metric's entry. The tour's declared attributes have one letter, or none's name."""
    declared = {"a", "b", "c", "kind", "other", "team", "tier", "user"}
    strange = {
        name: found
        for name, metric in emitted.items()
        if (found := {key for point in metric.data.data_points for key in point.attributes or {}} - declared)
        - set(METRICS[name].attributes)
    }

    assert strange == {}


def test_each_name_once() -> None:
    """No name stands twice."""
    assert len(METRICS) == len(CATALOGUE)


@EACH
def test_a_name_follows_the_guide(spec: MetricSpec) -> None:
    """Lower-case words with dots, without `_total` and without a unit."""
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", spec.name)
    assert not spec.name.endswith(("_total", "_seconds", ".seconds", ".count.count"))


@EACH
def test_a_unit_is_ucum(spec: MetricSpec) -> None:
    """A unit is seconds, one, a word in braces as UCUM annotates it, or none where 0 and 1 mean no and yes."""
    assert re.fullmatch(r"s|1|\{[a-z]+\}", spec.unit) or (spec.unit == "" and spec.description.startswith("1 if "))


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
    """No key stands twice, and each that is spelled is described."""
    described = [attribute.key for attribute in ATTRIBUTES]

    assert sorted(described) == sorted(value for name, value in vars(keys).items() if name.isupper())


@pytest.mark.any_python
def test_a_key_is_spelled_in_one_place() -> None:
    """No module but `catalogue.keys` has the text of a key, other than as the name of a metric or of a fault's site."""
    root = Path(telemetry_kit.__file__).parent
    spelled = {attribute.key for attribute in ATTRIBUTES} - METRICS.keys()
    found = []
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        sites = {node.args[0] for node in calls if getattr(node.func, "attr", "") in ("record", "guard")}
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in spelled]
        found += [f"{path.relative_to(root)}:{node.lineno}" for node in texts if node not in sites]

    assert [place for place in found if not place.startswith("catalogue/keys.py")] == []


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda attribute: attribute.key)
def test_an_attribute_has_examples_or_all_its_values(attribute: AttributeSpec) -> None:
    """Who reads a key sees what its values look like: some, or all where they are a closed set, of the type said."""
    types = {"string": str, "int": int, "double": float, "boolean": bool}

    assert attribute.brief
    assert bool(attribute.examples) != bool(attribute.values)
    assert {type(value) for value in attribute.examples + attribute.values} == {types[attribute.type]}
