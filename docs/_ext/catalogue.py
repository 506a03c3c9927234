"""A Sphinx directive that writes the reference of metrics from the catalogue itself: `{metrics} red`, or all groups;
and `{public-names}`, which documents whatever the face exports.

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

from telemetry_kit.catalogue import CATALOGUE, MetricSpec

TITLES = {
    "red": "RED: operations",
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
        groups = (self.arguments[0].split(",") if self.arguments else list(dict.fromkeys(s.group for s in CATALOGUE)))
        return [node for group in groups for node in self._section(group.strip())]

    def _section(self, group: str) -> list[nodes.Node]:
        specs = [spec for spec in CATALOGUE if spec.group == group]
        if not specs:
            raise self.error(f"the catalogue has no group {group!r}, it has {sorted({s.group for s in CATALOGUE})}")
        section = nodes.section(ids=[f"metrics-{group.replace('_', '-')}"])
        section += nodes.title(text=TITLES.get(group, group))
        section += _table(specs)
        return [section]


class PublicNames(Directive):
    """Every name of the face, from its docstring: functions and classes apart, in the order of `__all__`."""

    def run(self) -> list[nodes.Node]:
        import telemetry_kit

        names = [name for name in telemetry_kit.__all__ if not name.startswith("__")]
        lines: list[str] = []
        for name in names:
            kind = "autoclass" if inspect.isclass(getattr(telemetry_kit, name)) else "autofunction"
            lines += ["```{eval-rst}", f".. {kind}:: telemetry_kit.{name}", "```", ""]
        container = nodes.container()
        self.state.nested_parse(StringList(lines, source="telemetry_kit.__all__"), self.content_offset, container)
        return container.children


def _table(specs: list[MetricSpec]) -> nodes.table:
    widths = (30, 18, 52)
    body = nodes.tbody()
    for spec in specs:
        body += _row(_name(spec), _instrument(spec), _meaning(spec))
    head = nodes.thead("", _row(*([nodes.paragraph(text=text)] for text in ("Metric", "Instrument, unit", "Meaning"))))
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths), head, body, cols=len(widths))
    return nodes.table("", group, classes=["metrics"])


def _row(*cells: Sequence[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def _name(spec: MetricSpec) -> list[nodes.Node]:
    return [nodes.paragraph("", "", nodes.literal(text=spec.name))]


def _instrument(spec: MetricSpec) -> list[nodes.Node]:
    unit = spec.unit or "no unit"
    return [nodes.paragraph("", "", nodes.Text(f"{INSTRUMENTS[spec.instrument]}, "), nodes.literal(text=unit))]


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
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
