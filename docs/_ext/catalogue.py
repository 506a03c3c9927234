"""A Sphinx directive that writes the reference of metrics from the catalogue itself: `{metrics} red`, or all groups;
`{attributes}`, the table of attributes; and `{public-names}`, which documents whatever the face exports.

The table can't go stale: it is made from the data from which the instruments are made.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx

import telemetry_kit
from telemetry_kit.catalogue import ATTRIBUTES, CATALOGUE, AttributeSpec, MetricSpec
from telemetry_kit.monitoring import prometheus_name

TITLES = {
    "red": "RED: operations",
    "objective": "Objectives",
    "use": "USE: pools",
    "queue": "Queues",
    "cache": "Caches",
    "database": "Databases",
    "health": "Health checks",
    "event_loop": "The event loop",
    "executor": "Executors",
    "job": "Batch jobs",
    "self": "The library about itself",
}
INSTRUMENTS = {
    "histogram": "Histogram",
    "observable_counter": "ObservableCounter",
    "observable_up_down_counter": "ObservableUpDownCounter",
    "observable_gauge": "ObservableGauge",
}


class Metrics(Directive):
    """Sections of one definition per metric, for the groups named or for all."""

    optional_arguments = 1
    option_spec: ClassVar = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        groups = self.arguments[0].split(",") if self.arguments else list(dict.fromkeys(s.group for s in CATALOGUE))
        return [node for group in groups for node in self._section(group.strip())]

    def _section(self, group: str) -> list[nodes.Node]:
        specs = [spec for spec in CATALOGUE if spec.group == group]
        if not specs:
            raise self.error(f"the catalogue has no group {group!r}, it has {sorted({s.group for s in CATALOGUE})}")
        section = nodes.section(ids=[f"metrics-{group.replace('_', '-')}"])
        section += nodes.title(text=TITLES.get(group, group))
        section += _table(specs)
        return [section]


class Attributes(Directive):
    """One row for each attribute: key, type, what it says, and its values or some of them."""

    def run(self) -> list[nodes.Node]:
        body = nodes.tbody("", *(_attribute(spec) for spec in ATTRIBUTES))
        head = nodes.thead(
            "", _row([nodes.paragraph(text="Attribute, type")], [nodes.paragraph(text="Meaning, values")])
        )
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (38, 62)), head, body, cols=2)
        return [nodes.table("", group, classes=["metrics", "colwidths-given"])]


def _attribute(spec: AttributeSpec) -> nodes.row:
    values = nodes.paragraph("", "", nodes.Text("One of: " if spec.values else "For example: "))
    for index, value in enumerate(spec.values or spec.examples):
        values += [nodes.Text(", " if index else ""), nodes.literal(text=str(value))]
    name = [nodes.paragraph("", "", nodes.literal(text=spec.key)), nodes.paragraph(text=spec.type)]
    return _row(name, [nodes.paragraph(text=spec.brief), values])


class PublicNames(Directive):
    """Every name of the face, from its docstring: `Telemetry` first, then what it makes, then what a user makes or calls."""

    def run(self) -> list[nodes.Node]:
        names = [name for name in telemetry_kit.__all__ if not name.startswith("_")]
        made = [name for name in names if _is_made(getattr(telemetry_kit, name))]
        classes = [name for name in names if inspect.isclass(getattr(telemetry_kit, name)) and name not in made]
        functions = [name for name in names if name not in classes and name not in made]
        classes.remove("Telemetry")
        lines: list[str] = []
        for title, kind, group, ending in (
            ("Telemetry", "autoclass", ["Telemetry"], ""),
            ("What it makes", "autoclass", made, "()"),
            ("Functions", "autofunction", functions, ""),
            ("Classes that you make yourself", "autoclass", classes, ""),
        ):
            lines += ["", f"## {title}", ""]
            for name in group:
                lines += ["```{eval-rst}", f".. {kind}:: telemetry_kit.{name}{ending}"]
                lines += ["   :inherited-members: object"] if kind == "autoclass" else []
                lines += ["```", ""]
        section = nodes.section()
        self.state.nested_parse(StringList(lines, source="telemetry_kit.__all__"), 0, section)
        return section.children


def _is_made(thing: object) -> bool:
    """Whether only the kit makes objects of this class: their constructors are its own business."""
    if not inspect.isclass(thing):
        return False
    return not {"scope", "operation", "job", "state"}.isdisjoint(inspect.signature(thing).parameters)


def _table(specs: list[MetricSpec]) -> nodes.table:
    widths = (38, 62)
    body = nodes.tbody()
    for spec in specs:
        body += _row(_name(spec), _meaning(spec))
    head = nodes.thead("", _row([nodes.paragraph(text="Metric, instrument, unit")], [nodes.paragraph(text="Meaning")]))
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths), head, body, cols=len(widths))
    return nodes.table("", group, classes=["metrics", "colwidths-given"])


def _row(*cells: Sequence[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def _name(spec: MetricSpec) -> list[nodes.Node]:
    how = nodes.paragraph("", "", nodes.Text(f"{INSTRUMENTS[spec.instrument]}, "))
    how += nodes.literal(text=spec.unit) if spec.unit else nodes.Text("no unit")
    return [nodes.paragraph("", "", nodes.literal(text=spec.name)), how, _prometheus(spec)]


def _prometheus(spec: MetricSpec) -> nodes.paragraph:
    """Its name in Prometheus, and over OTLP where that is another."""
    exported, received = prometheus_name(spec), prometheus_name(spec, "otlp")
    line = nodes.paragraph("", "", nodes.Text("Prometheus: "), nodes.literal(text=exported))
    if received != exported:
        line += [nodes.Text(", over OTLP "), nodes.literal(text=received)]
    return line


def _meaning(spec: MetricSpec) -> list[nodes.Node]:
    parts: list[nodes.Node] = [nodes.paragraph(text=spec.description)]
    line = nodes.paragraph()
    for index, key in enumerate(spec.attributes):
        line += [nodes.Text(", " if index else ""), nodes.literal(text=key)]
    parts.append(line)
    if spec.boundaries:
        parts.append(nodes.paragraph(text="Buckets: " + " ".join(f"{bound:g}" for bound in spec.boundaries)))
    return parts


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's way in."""
    app.add_directive("metrics", Metrics)
    app.add_directive("attributes", Attributes)
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
