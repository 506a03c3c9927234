"""The kit's names are OpenTelemetry's as the installed conventions have them; what changed there is named.

The package says more than its constants do: under each stands what it is, in which unit, and whether it is deprecated
and by what it was replaced. That text is read here from its source, attributes, metrics and well-known values alike.
"""

import ast
import importlib.util
import itertools
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from opentelemetry.semconv.schemas import Schemas
from packaging.version import Version

import telemetry_kit
from telemetry_kit import conventions
from telemetry_kit._core.attributes import KEY_TYPES
from telemetry_kit._core.instruments import SCHEMA_URL
from telemetry_kit.catalogue import ATTRIBUTES, CATALOGUE

INSTALLED = version("opentelemetry-semantic-conventions")
pytestmark = pytest.mark.skipif(
    Version(INSTALLED) < Version("0.66b0"), reason="an older package lacks names that the kit has from newer ones"
)

NAMESPACES = (
    "client",
    "code",
    "db",
    "error",
    "exception",
    "http",
    "messaging",
    "network",
    "rpc",
    "server",
    "thread",
    "url",
)
"""Of the conventions, as far as the kit has names there."""
RECORDS = {
    convention.exception for convention in conventions.CONVENTIONS
}  # of exceptions as log records: the package has no events
OURS = {
    "db.client.connection": "the prefix of the pool's metrics",
    "db.example.com": "a host in an example",
    "exception.escaped": "what a span of the API is asked for, deprecated or not",
    "exception.scrub": "a fault's site",
    "exception.str": "likewise",
}
"""Texts of the source that look like names of the conventions, and why they are none."""


def package(part: str) -> Iterator[ast.Module]:
    """The modules of the package, what is stable last: it is a second time among what isn't."""
    root = Path(importlib.util.find_spec("opentelemetry.semconv").origin or "").parent  # type: ignore[union-attr]
    for folder in (root / "_incubating" / part, root / part):
        for path in sorted(folder.glob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


def documented(body: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    """Each constant: its name, its value and the text under it."""
    for statement, below in itertools.pairwise([*body, ast.Pass()]):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = getattr(statement, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            text = getattr(getattr(below, "value", None), "value", "") if isinstance(below, ast.Expr) else ""
            yield target.id, value.value, str(text).strip()


def said(part: str) -> dict[str, str]:
    """By name, what the package says of the attributes or the metrics."""
    return {value: text for tree in package(part) for _, value, text in documented(tree.body)}


def field(text: str, name: str) -> str:
    """`Unit` or `Instrument` of a metric, or why it is `Deprecated`; empty where that isn't said."""
    return (re.search(rf"^{name}: (.*)$", text, re.MULTILINE) or ["", ""])[1]


def well_known() -> dict[str, set[str]]:
    """By attribute, its well-known values that aren't deprecated."""
    values: dict[str, set[str]] = {}
    for tree in package("attributes"):
        keys = {name.replace("_", "").lower(): value for name, value, _ in documented(tree.body)}
        for part in tree.body:
            if isinstance(part, ast.ClassDef) and part.name.endswith("Values"):
                key = keys.get(part.name.removesuffix("Values").lower())
                if key is not None:
                    here = {v for _, v, text in documented(part.body) if not field(text, "Deprecated")}
                    values[key] = values.get(key, set()) | here
    return values


METRICS, KEYS, VALUES = said("metrics"), said("attributes"), well_known()
CONSTANTS = {
    name: value
    for part in ("metrics", "attributes")
    for tree in package(part)
    for name, value, _ in documented(tree.body)
}
"""What the names are called in Python."""


def of_the_conventions(name: str) -> bool:
    return name.partition(".")[0] in NAMESPACES


def names_in_the_source() -> dict[str, str]:
    """Every name of the conventions that the kit writes down or imports, and one of the files that do."""
    found: dict[str, str] = {}
    root = Path(telemetry_kit.__file__).parent
    pattern = re.compile(rf"(?:{'|'.join(NAMESPACES)})(?:\.[a-z_]+)+")
    for path in sorted(root.rglob("*.py")):
        where = str(path.relative_to(root))
        theirs: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.fullmatch(node.value):
                found[node.value] = where
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opentelemetry.semconv."):
                theirs.update(imported.asname or imported.name for imported in node.names)
                found.update({CONSTANTS[i.name]: where for i in node.names if i.name in CONSTANTS})
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in theirs:
                found[CONSTANTS[node.attr]] = where
    return {name: where for name, where in found.items() if name not in OURS and name not in RECORDS}


def changed(name: str, among: dict[str, str]) -> list[str]:
    """What happened to a name, in words."""
    if name not in among:
        return [f"{name} isn't there any more"]
    why = field(among[name], "Deprecated")
    return [f"{name} is deprecated: {why}"] if why else []


@pytest.mark.any_python
def test_every_name_is_one_of_the_conventions() -> None:
    """An attribute or a metric that the kit writes is there, and isn't deprecated."""
    wrong = [
        f"{where}: {text} in {INSTALLED}"
        for name, where in names_in_the_source().items()
        for text in changed(name, {**METRICS, **KEYS})
    ]

    assert wrong == []


def test_instruments_and_units_are_those_of_the_conventions() -> None:
    """What the catalogue calls by a name of the conventions is the instrument, in the unit, that they say."""
    ours = {
        spec.name: (spec.instrument.removeprefix("observable_").replace("up_down_", "updown"), spec.unit)
        for spec in CATALOGUE
        if of_the_conventions(spec.name)
    }
    theirs = {
        name: (field(METRICS[name], "Instrument"), field(METRICS[name], "Unit")) for name in ours if name in METRICS
    }

    assert ours == theirs


def test_closed_sets_of_values_are_the_well_known_ones() -> None:
    """Where the catalogue lists all values of a convention's attribute, they are the well-known ones."""
    ours = {spec.key: set(spec.values) for spec in ATTRIBUTES if spec.values and of_the_conventions(spec.key)}

    assert ours == {key: VALUES[key] for key in ours}


def test_examples_of_systems_are_well_known() -> None:
    """What the catalogue gives as an example of a system is the word that the conventions have for it."""
    ours = {
        spec.key: set(spec.examples)
        for spec in ATTRIBUTES
        if spec.key in VALUES and spec.key.endswith((".system", ".system.name"))
    }

    assert {key: values - VALUES[key] for key, values in ours.items()} == dict.fromkeys(ours, set())
    assert len(ours) == 3


def test_what_is_there_unless_given_is_well_known() -> None:
    """The defaults of a convention are keys and values of the conventions."""
    defaults = [pair for convention in conventions.CONVENTIONS for pair in convention.defaults.items()]

    assert [pair for pair in defaults if pair[0] not in KEYS or pair[1] not in VALUES.get(pair[0], {pair[1]})] == []
    assert len(defaults) == 4


def test_each_duration_is_in_the_catalogue() -> None:
    """The metrics of a convention have their instrument, unit and buckets there."""
    names = {name for c in conventions.CONVENTIONS for name in (c.duration, c.active) if name is not None}

    assert names - {spec.name for spec in CATALOGUE} == set()


def test_typed_keys_are_attributes_of_the_conventions() -> None:
    """The table of keys whose values have one type names only what is there."""
    assert [text for key in KEY_TYPES for text in changed(key, KEYS)] == []


def test_the_schema_is_the_packages_newest() -> None:
    """The schema URL of spans, events and metrics is that of the conventions that were compared here."""
    urls = [schema.value for schema in Schemas]

    assert SCHEMA_URL == max(urls, key=lambda url: Version(url.rpartition("/")[2]))


def test_a_change_is_named() -> None:
    """A name that is gone, or deprecated, is said together with what takes its place: `rpc.service` is one today."""
    assert changed("rpc.service", KEYS) == [
        "rpc.service is deprecated: Value should be included in `rpc.method` which is expected to be a fully-qualified name."
    ]
    assert changed("http.server.length", METRICS) == ["http.server.length isn't there any more"]
