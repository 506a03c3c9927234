"""Figures for both faces of the demo: what a chapter draws shows in the terminal (rich) and in the report (Vega-Lite, HTML).

A chapter calls `time_series`, `bars`, `heatmap`, `timeline`, `waterfall`, `table` or `facts` and puts what it gets into
its section. Times are seconds; `unit="s"` prints them as people say them (12 ms, 1.4 s).
"""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from shop.traces import Span

Chart = Any
"""An altair chart; its classes differ by mark and are of no interest here."""

ROLES = {"good": "#2f9e6e", "bad": "#e5484d", "warn": "#e08a1e", "muted": "#8b93a1", "main": "#3d7dd8"}
"""Colours with a meaning, readable on light and on dark; series without one take the report's palette in turn."""

_SPARKS = "▁▂▃▄▅▆▇█"
_ROWS = 60
_WIDTH = 60


@dataclass(frozen=True)
class Figure:
    """One figure: what the terminal prints (None: nothing), and a Vega-Lite chart or a piece of HTML for the report."""

    title: str
    note: str = ""
    terminal: RenderableType | None = None
    chart: Mapping[str, Any] | None = None
    html: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Stretch:
    """A bar of a timeline: in which row, from when to when (seconds), in which state (its colour), with which label."""

    row: str
    start: float
    end: float
    state: str
    label: str = ""


def seconds(value: float) -> str:
    """A duration as people say it: 850 µs, 12 ms, 1.4 s, 3 min."""
    for size, unit in ((60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if abs(value) >= size * (2 if unit == "min" else 1):
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value * 1e6)} µs" if value else "0 s"


def number(value: float, unit: str = "") -> str:
    """A number with its unit, three digits where it is small, separators where it is large."""
    if unit == "s":
        return seconds(value)
    if unit == "%":
        return f"{value:.1%}" if 0 < abs(value) < 0.1 else f"{value:.0%}"
    if unit == "By":
        for size, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if abs(value) >= size:
                return f"{_digits(value / size)} {name}"
    return f"{_digits(value)} {unit}".strip()


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
    scale, axis = _scale(unit, max((v for points in lines.values() for _, v in points), default=0.0))
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
        layers = [*_shades(shade), *layers]
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
    scale, axis = _scale(unit, largest)
    rows = [{"group": g, "label": label, "v": v * scale, "said": number(v, unit)} for g, label, v in flat]
    labels = list(dict.fromkeys(label for _, label, _ in flat))
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("group:N").title(None).sort(None).axis(labelLimit=190, ticks=False, domain=False),
        x=alt.X("v:Q").title(axis).axis(tickCount=4).scale(domain=[0, 1.22 * scale * largest], nice=False),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("said:N", title="value")],
    )
    if grouped:
        base = base.encode(yOffset=alt.YOffset("label:N").sort(None))
    colour = _colour("label", labels, colours, legend=grouped) if grouped or colours else alt.value(ROLES["main"])
    chart = alt.layer(
        base.mark_bar(cornerRadiusEnd=3).encode(color=colour),
        base.mark_text(align="left", dx=5).encode(text="said:N"),
    ).configure_view(clip=False)
    grid = _grid("left", "wide", "right")
    for group, label, value in flat:
        colour_of = ROLES.get((colours or {}).get(label, "main"), "blue")
        name = f"{group} · {label}" if grouped else label
        grid.add_row(name, _Track(0.0, value / largest, colour_of), number(value, unit))
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
        x=alt.X("start:Q").title("seconds").scale(nice=False),
    )
    tips = [alt.Tooltip(f"{key}:N", title=key) for key in ("row", "state", "took", "label")]
    states = list(dict.fromkeys(s.state for s in stretches))
    chart = alt.layer(
        base.mark_bar(cornerRadius=3, height=18).encode(
            x2="end:Q", color=_colour("state", states, colours), tooltip=tips
        ),
        base.mark_text(align="left", dx=4, dy=-17, fontSize=11).encode(text="label:N"),
    )
    grid = _grid("left", "wide", "left")
    first, last = min((s.start for s in stretches), default=0.0), max((s.end for s in stretches), default=1.0)
    for s in stretches:
        style = ROLES.get((colours or {}).get(s.state, "main"), "blue")
        whole = (last - first) or 1.0
        track = _Track((s.start - first) / whole, (s.end - first) / whole, style)
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
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in cells)
    text = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return Figure(title, note, shown, html=text, wide=wide)


def facts(values: Mapping[str, str], *, title: str = "") -> Figure:
    """A few numbers that matter, large."""
    tiles = "".join(f"<div><b>{html.escape(v)}</b><span>{html.escape(k)}</span></div>" for k, v in values.items())
    line = Text("   ").join(Text.assemble((value, "bold"), f" {label}") for label, value in values.items())
    return Figure(title, "", line, html=f'<div class="facts">{tiles}</div>', wide=True)


def waterfall(title: str, spans: Sequence[Span], *, note: str = "") -> Figure:
    """One trace: each span below its parent, from when to when, with its attributes."""
    ordered = _by_parent(spans)
    if not ordered:
        return Figure(
            title, "There is no such trace.", Text("(no such trace)"), html="<p>There is no such trace.</p>", wide=True
        )
    began = min(span.start for _, span in ordered)
    took = max(span.end for _, span in ordered) - began or 1
    owners = list(dict.fromkeys(span.service for _, span in ordered))
    grid = _grid("left", "wide", "right", "left")
    pieces = []
    for depth, span in ordered[:_ROWS]:
        start, end = span.start - began, span.end - began
        bad = span.status == "error"
        style = (
            ROLES["bad"]
            if bad
            else ROLES["main"]
            if len(owners) == 1
            else f"color({4 + owners.index(span.service) % 3})"
        )
        said = seconds(span.seconds)
        why = str(span.attributes.get("error.type", span.description)) if bad else ""
        where = span.service if len(owners) > 1 else ""
        grid.add_row("  " * depth + span.name, _Track(start / took, end / took, style), said, f"{where} {why}".strip())
        pieces.append(_span_row(span, depth, start / took, end / took, said, owners))
    step = _round_step(took / 1e9)
    ticks = "".join(
        f'<span style="left:{n * step * 1e11 / took:.2f}%">{seconds(n * step)}</span>'
        for n in range(int(took / 1e9 / step) + 1)
    )
    legend = "".join(
        f'<i class="o{n % 6}"></i>{html.escape(owner)} ' for n, owner in enumerate(owners) if len(owners) > 1
    )
    more = f"<p>… and {len(ordered) - _ROWS} more spans</p>" if len(ordered) > _ROWS else ""
    head = f'<div class="axis"><div class="legend">{legend}</div><div class="ticks">{ticks}</div></div>'
    text = f'<div class="waterfall" style="--step:{step * 1e11 / took:.3f}%">{head}{"".join(pieces)}{more}</div>'
    return Figure(title, note or f"trace {ordered[0][1].trace_id}", grid, html=text, wide=True)


def _span_row(span: Span, depth: int, start: float, end: float, said: str, owners: Sequence[str]) -> str:
    bad = span.status == "error"
    details = {"service": span.service, "kind": span.kind, "status": span.status, **span.attributes}
    if span.description:
        details["description"] = span.description
    if span.links:
        details["links"] = ", ".join(span.links)
    listed = "".join(
        f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(str(v)[:400])}</dd>" for k, v in details.items() if v != ""
    )
    events = "".join(
        f"<dt>event</dt><dd>{html.escape(event.name)} {html.escape(str(event.attributes.get('exception.message', '')))}</dd>"
        for event in span.events[:5]
    )
    width = max(end - start, 0.002)
    colour = "bad" if bad else f"o{owners.index(span.service) % 6}"
    inside = start + width > 0.85 and width > 0.2
    if inside or start + width > 0.85:  # no room at the right: within the bar's end, or before its beginning
        side = f"right:{100 - ((start + width) if inside else start) * 100:.2f}%"
    else:
        side = f"left:{(start + width) * 100:.2f}%"
    return (
        f'<details><summary><span class="name" style="padding-left:{depth * 1.1:.1f}em">{html.escape(span.name)}</span>'
        f'<span class="track"><i class="{colour}" style="left:{start * 100:.2f}%;width:{width * 100:.2f}%"></i>'
        f'<em{" class=inside" if inside else ""} style="{side}">{said}</em></span></summary><dl>{listed}{events}</dl></details>'
    )


def _by_parent(spans: Sequence[Span]) -> list[tuple[int, Span]]:
    """Each span with its depth, children after their parent in the order in which they began."""
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda span: span.start):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    ordered: list[tuple[int, Span]] = []
    waiting = [(0, span) for span in reversed(children.get("", []))]
    while waiting:
        depth, span = waiting.pop()
        ordered.append((depth, span))
        waiting += [(depth + 1, child) for child in reversed(children.get(span.span_id, []))]
    return ordered


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


def _shades(shade: Mapping[str, tuple[float, float]]) -> list[Chart]:
    rows = [
        {"from": start, "to": end, "name": name, "depth": 0.10 if n % 2 == 0 else 0.04}
        for n, (name, (start, end)) in enumerate(shade.items())
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(x="from:Q", x2="to:Q")
    return [
        base.mark_rect(color=ROLES["warn"]).encode(opacity=alt.Opacity("depth:Q").scale(None)),
        base.mark_text(align="left", baseline="bottom", dx=1, dy=-3, fontSize=11).encode(text="name:N", y=alt.value(0)),
    ]


def _scale(unit: str, largest: float) -> tuple[float, str]:
    """By what to multiply for the axis, and what to write there."""
    if unit == "s":
        return (1e6, "µs") if largest < 1e-3 else (1e3, "ms") if largest < 2 else (1.0, "s")
    if unit == "By":
        return 1 / 2**20, "MiB"
    return (100.0, "%") if unit == "%" else (1.0, unit)


def _sparklines(lines: Mapping[str, Sequence[tuple[float, float]]], unit: str) -> RenderableType:
    top = max((v for points in lines.values() for _, v in points), default=0.0) or 1.0
    grid = _grid("left", "wide", "right")
    for name, points in lines.items():
        peak = max(v for _, v in points)
        grid.add_row(name, _Sparks([max(v, 0.0) / top for _, v in points]), f"peak {number(peak, unit)}")
    return grid if lines else Text("(nothing was measured)")


@dataclass(frozen=True)
class _Track:
    """A bar from one share of the width to another, as wide as its column."""

    start: float
    end: float
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _WIDTH)
        before = min(width - 1, int(width * self.start))
        length = max(1, min(width - before, round(width * (self.end - self.start))))
        yield Text(" " * before + "━" * length, style=self.style, no_wrap=True)


@dataclass(frozen=True)
class _Sparks:
    """A line of blocks, as wide as its column: a few points share a block, the highest shows."""

    shares: list[float]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _WIDTH)
        step = -(-len(self.shares) // width)
        peaks = [max(self.shares[n : n + step]) for n in range(0, len(self.shares), step)]
        blocks = [_SPARKS[min(7, int(8 * peak))] * max(1, width // len(peaks)) for peak in peaks]
        yield Text("".join(blocks), style=ROLES["main"], no_wrap=True)


def _grid(*sides: str) -> Table:
    """A table without lines: columns at the left, at the right, or as wide as there is room."""
    grid = Table.grid(padding=(0, 2), expand="wide" in sides)
    for side in sides:
        grid.add_column(justify="right" if side == "right" else "left", ratio=1 if side == "wide" else None)
    return grid


def _round_step(whole: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts `whole` into some four parts."""
    size = 10.0 ** math.floor(math.log10(whole / 4 or 1.0))
    return next(size * factor for factor in (1, 2, 5, 10) if whole / (size * factor) <= 5)


def _digits(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
