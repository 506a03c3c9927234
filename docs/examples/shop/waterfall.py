"""One trace as a waterfall: each span below its parent, from when to when."""

import html
from collections.abc import Sequence

from rich.text import Text

from shop.marks import ROLES, Figure, Track, columns
from shop.traces import Span
from shop.units import round_step, seconds

_LABEL = 0.32
"""The share of a phone's track that a label takes."""
_ROWS = 60
"""Spans beyond these are counted, not drawn."""


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
    grid = columns("left", "wide", "right", "left")
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
        grid.add_row("  " * depth + span.name, Track(start / took, end / took, style), said, f"{where} {why}".strip())
        pieces.append(_span_row(span, depth, start / took, end / took, said, owners))
    step = round_step(took / 1e9)
    ticks = "".join(
        f'<span style="left:{n * step * 1e11 / took:.2f}%">{seconds(n * step)}</span>'
        for n in range(int(0.78 * took / 1e9 / step) + 1)  # one at the very end has no room for its words
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
    full = start + width > 1 - _LABEL
    inside = full and width > _LABEL
    if full:  # no room at the right: within the bar's end, or before its beginning
        side = f"right:{100 - ((start + width) if inside else start) * 100:.2f}%"
    else:
        side = f"left:{(start + width) * 100:.2f}%"
    return (
        f'<details><summary><span class="name" style="--depth:{depth}">{html.escape(span.name)}</span>'
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
