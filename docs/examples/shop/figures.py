"""Figures for both faces of the demo: what a chapter draws shows in the terminal (rich) and in the report (Vega-Lite, HTML).

A chapter calls `time_series`, `bars`, `heatmap`, `timeline`, `waterfall`, `table` or `facts` and puts what it gets into
its section. Times are seconds; `unit="s"` prints them as people say them (12 ms, 1.4 s).
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from shop.marks import ROLES, Figure, Sparks, Track, columns
from shop.units import axis_of, between, number, seconds
from shop.waterfall import waterfall

__all__ = [
    "ROLES",
    "Figure",
    "Stretch",
    "bars",
    "between",
    "facts",
    "heatmap",
    "number",
    "seconds",
    "table",
    "time_series",
    "timeline",
    "waterfall",
]

Chart = Any
"""An altair chart; its classes differ by mark and are of no interest here."""


LETTER = 6.6
"""Pixels of a chart's letter, no narrower than it is: labels keep clear of each other and of the edge."""


@dataclass(frozen=True)
class Stretch:
    """A bar of a timeline: in which row, from when to when (seconds), in which state (its colour), with which label."""

    row: str
    start: float
    end: float
    state: str
    label: str = ""


def time_series(
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    unit: str,
    note: str = "",
    colours: Mapping[str, str] | None = None,
    shade: Mapping[str, tuple[float, float]] | None = None,
    stacked: bool = False,
    steps: bool = False,
    log: bool = False,
    wide: bool = False,
) -> Figure:
    """Lines over time: points are (seconds, number); `shade` marks stretches of time by name; `unit` is "s", "%", "By"
    or any word. `colours` gives lines a role of `ROLES`; `steps` draws levels that jump instead of slopes; `log` is for
    numbers above zero that differ by powers of ten."""
    lines = {name: list(points) for name, points in lines.items() if points}
    scale, axis = axis_of(unit, max((v for points in lines.values() for _, v in points), default=0.0))
    rows = [
        {"t": round(t, 3), "v": round(v * scale, 6), "line": name, "said": number(v, unit)}
        for name, points in lines.items()
        for t, v in points
    ]
    x = alt.X("t:Q").title("seconds").axis(tickMinStep=1, grid=False).scale(nice=False, zero=False)
    y = alt.Y("v:Q").title(axis)
    if log:
        decades = [10.0**n for n in range(-3, 7)]
        y = y.axis(format=",~r", values=decades).scale(type="log")
    else:
        y = y.axis(tickCount=5).scale(domainMin=0, nice=True)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, color=_colour("line", list(lines), colours))
    interpolate: Any = "step-after" if steps else "monotone"
    marks: Chart = base.encode(y=y.stack(True) if stacked else y.stack(None))
    if stacked:
        layers: list[Chart] = [marks.mark_area(opacity=0.75, interpolate=interpolate)]
    else:
        layers = [marks.mark_line(strokeWidth=2.2, interpolate=interpolate)]
        near = alt.selection_point(nearest=True, on="pointerover", fields=["t"], empty=False)
        tips = [
            alt.Tooltip("line:N", title=" "),
            alt.Tooltip("said:N", title=axis or "value"),
            alt.Tooltip("t:Q", title="at"),
        ]
        points = marks.mark_point(size=60, filled=True).encode(
            opacity=alt.when(near).then(alt.value(1)).otherwise(alt.value(0))
        )
        layers.append(points.encode(tooltip=tips).add_params(near))
    if shade:
        layers = [*_shades(shade, max((t for points in lines.values() for t, _ in points), default=0.0)), *layers]
    chart = _sized(alt.layer(*layers), 210)
    return Figure(title, note, _sparklines(lines, unit), chart, wide=wide)


def bars(
    title: str,
    values: Mapping[str, float] | Mapping[str, Mapping[str, float]],
    *,
    unit: str,
    note: str = "",
    colours: Mapping[str, str] | None = None,
    wide: bool = False,
) -> Figure:
    """Numbers side by side: {label: number}, or {group: {label: number}} for groups of bars."""
    flat = [
        (group, label, value)
        for group, inner in values.items()
        for label, value in (inner.items() if isinstance(inner, Mapping) else [(group, inner)])
    ]
    grouped = any(isinstance(inner, Mapping) for inner in values.values())
    largest = max((value for *_, value in flat), default=0.0) or 1.0
    scale, axis = axis_of(unit, largest)
    rows = [{"group": g, "label": label, "v": v * scale, "said": number(v, unit)} for g, label, v in flat]
    labels = list(dict.fromkeys(label for _, label, _ in flat))
    beside = LETTER * max((len(str(row["said"])) for row in rows), default=0) + 10
    room = f"{scale * largest} * width / max(width - {beside}, 60)"  # for the longest bar and its number behind it
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("group:N").title(None).sort(None).axis(labelLimit=190, ticks=False, domain=False),
        x=alt.X("v:Q").title(axis).axis(tickCount=4).scale(domainMin=0, domainMax=alt.ExprRef(room), nice=False),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("said:N", title="value")],
    )
    if grouped:
        base = base.encode(yOffset=alt.YOffset("label:N").sort(None))
    colour = _colour("label", labels, colours, legend=grouped) if grouped or colours else alt.value(ROLES["main"])
    chart = alt.layer(
        base.mark_bar(cornerRadiusEnd=3).encode(color=colour),
        base.mark_text(align="left", dx=5).encode(text="said:N"),
    ).configure_view(clip=False)
    grid = columns("left", "wide", "right")
    for group, label, value in flat:
        colour_of = ROLES.get((colours or {}).get(label, "main"), "blue")
        name = f"{group} · {label}" if grouped else label
        grid.add_row(name, Track(0.0, value / largest, colour_of), number(value, unit))
    height = max(90, (26 if grouped else 34) * len(flat) + 30)
    return Figure(title, note, grid, _sized(chart, height), wide=wide)


def heatmap(
    title: str, bounds: Sequence[float], steps: Mapping[float, Sequence[int]], *, note: str = "", wide: bool = False
) -> Figure:
    """A histogram (bounds in seconds) over time, as `Window.buckets_over_time` gives it: the darker, the more."""
    names = [f"≤ {seconds(bound)}" for bound in bounds] + [f"> {seconds(bounds[-1])}"]
    used = [n for n in range(len(names)) if any(counts[n] for counts in steps.values())]
    shown = list(range(used[0], used[-1] + 1)) if used else []
    rows = [
        {"t": t, "bucket": names[n], "count": counts[n]}
        for t, counts in sorted(steps.items())
        for n in shown
        if counts[n]
    ]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(cornerRadius=2)
        .encode(
            x=alt.X("t:O")
            .title("seconds")
            .axis(labelExpr="format(datum.value, '.0f')", labelAngle=0, labelOverlap="greedy", labelSeparation=5),
            y=alt.Y("bucket:O").title(None).scale(domain=[names[n] for n in reversed(shown)]),
            color=alt.Color("count:Q").title("requests").scale(type="sqrt"),
            tooltip=["bucket:O", "count:Q", alt.Tooltip("t:Q", title="at second")],
        )
    )
    return Figure(title, note, None, _sized(chart, max(210, 24 * len(shown))), wide=wide)


def timeline(
    title: str,
    stretches: Sequence[Stretch],
    *,
    note: str = "",
    colours: Mapping[str, str] | None = None,
    wide: bool = True,
) -> Figure:
    """What happened when: a row of stretches for each name, coloured by state."""
    rows = [
        {
            "row": s.row,
            "start": s.start,
            "end": s.end,
            "state": s.state,
            "label": s.label,
            "took": seconds(s.end - s.start),
        }
        for s in stretches
    ]
    names = list(dict.fromkeys(s.row for s in stretches))
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("row:N").title(None).sort(names).axis(labelLimit=170, ticks=False, domain=False),
        x=alt.X("start:Q").title("seconds").axis(tickMinStep=1, format="~r").scale(nice=False, zero=False),
    )
    tips = [alt.Tooltip(f"{key}:N", title=key) for key in ("row", "state", "took", "label")]
    states = list(dict.fromkeys(s.state for s in stretches))
    first, last = min((s.start for s in stretches), default=0.0), max((s.end for s in stretches), default=1.0)
    label = f"{LETTER} * length(datum.label) / width * {last - first}"
    begins = f"max({first}, min(datum.start, {last} - {label}))"  # where its bar does, as far as it then ends within the chart
    chart = alt.layer(
        base.mark_bar(cornerRadius=3, height=18).encode(
            x2="end:Q", color=_colour("state", states, colours), tooltip=tips
        ),
        base.transform_calculate(begins=begins)
        .mark_text(align="left", dx=1, dy=-17, fontSize=11)
        .encode(text="label:N", x="begins:Q"),
    )
    grid = columns("left", "wide", "left")
    for s in stretches:
        style = ROLES.get((colours or {}).get(s.state, "main"), "blue")
        whole = (last - first) or 1.0
        track = Track((s.start - first) / whole, (s.end - first) / whole, style)
        grid.add_row(s.row, track, f"{s.state} {s.label}".strip())
    return Figure(title, note, grid, _sized(chart, 48 * len(names) + 30), wide=wide)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, note: str = "", wide: bool = True
) -> Figure:
    """Cells as they are given (use `number` and `seconds`); the first column is left, the others right."""
    cells = [[str(cell) for cell in row] for row in rows]
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for n, column in enumerate(columns):
        shown.add_column(column, justify="right" if n else "left", overflow="fold")
    for row in cells:
        shown.add_row(*row)
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(_cell(cell, name) for cell, name in zip(row, columns, strict=True)) + "</tr>" for row in cells
    )
    text = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return Figure(title, note, shown, html=text, wide=wide)


def _cell(text: str, column: str) -> str:
    """On a narrow screen a row is a card, and each cell says what it is of."""
    long = " class=long" if len(text) > 22 else ""
    return f'<td data-of="{html.escape(column)}"{long}>{html.escape(text)}</td>'


def facts(values: Mapping[str, str], *, title: str = "") -> Figure:
    """A few numbers that matter, large."""
    tiles = "".join(f"<div><b>{html.escape(v)}</b><span>{html.escape(k)}</span></div>" for k, v in values.items())
    line = Text("   ").join(Text.assemble((value, "bold"), f" {label}") for label, value in values.items())
    return Figure(title, "", line, html=f'<div class="facts">{tiles}</div>', wide=True)


def _sized(chart: Chart, height: int) -> dict[str, Any]:
    described: dict[str, Any] = chart.properties(width="container", height=height).to_dict()
    described.pop("config", None)  # the report's own, which follows light and dark
    return described


def _colour(field: str, names: Sequence[str], roles: Mapping[str, str] | None, *, legend: bool = True) -> Any:
    colour = alt.Color(f"{field}:N").title(None)
    if roles and all(name in roles for name in names):
        colour = colour.scale(domain=list(names), range=[ROLES.get(roles[name], roles[name]) for name in names])
    else:
        colour = colour.scale(domain=list(names))
    return colour.legend(orient="top", symbolType="circle") if legend and len(names) > 1 else colour.legend(None)


def _shades(shade: Mapping[str, tuple[float, float]], last: float) -> list[Chart]:
    """Stretches of time, each with its name where there is room for it before the next one's."""
    starts = [start for start, _ in shade.values()]
    whole = max([last, *(end for _, end in shade.values())]) or 1.0
    rows = [
        {"from": start, "to": end, "name": name, "depth": 0.04 if n % 2 else 0.10, "room": (after - start) / whole}
        for n, ((name, (start, end)), after) in enumerate(zip(shade.items(), [*starts[1:], whole], strict=True))
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(x="from:Q", x2="to:Q")
    return [
        base.mark_rect(color=ROLES["warn"]).encode(
            opacity=alt.Opacity("depth:Q").scale(None), tooltip=alt.Tooltip("name:N", title=" ")
        ),
        base.transform_filter(f"datum.room * width > {LETTER} * length(datum.name)")
        .mark_text(align="left", baseline="bottom", dx=1, dy=-3, fontSize=11)
        .encode(text="name:N", y=alt.value(0)),
    ]


def _sparklines(lines: Mapping[str, Sequence[tuple[float, float]]], unit: str) -> RenderableType:
    top = max((v for points in lines.values() for _, v in points), default=0.0) or 1.0
    grid = columns("left", "wide", "right")
    for name, points in lines.items():
        peak = max(v for _, v in points)
        grid.add_row(name, Sparks([max(v, 0.0) / top for _, v in points]), f"peak {number(peak, unit)}")
    return grid if lines else Text("(nothing was measured)")
