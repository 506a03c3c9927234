"""The report: one HTML file that needs nothing else, not even a network; charts by Vega-Lite, inlined once."""

import json
import os
import platform
import re
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import jinja2
import vl_convert
from markdown_it import MarkdownIt

from shop.figures import Figure
from shop.frame import Told

TEMPLATE = Path(__file__).with_name("report.html")


def write(path: Path, told: Sequence[Told], took: float) -> None:
    """Write what the chapters found to `path`."""
    markdown = MarkdownIt().enable("table")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    sections = [
        {
            "id": chapter.name,
            "title": chapter.section.title,
            "failed": chapter.failed,
            "gist": markdown.renderInline(_gist(chapter.section.prose)),
            "prose": markdown.render(chapter.section.prose),
            "figures": [
                {
                    "id": f"{chapter.name}-{n}",
                    "title": markdown.renderInline(figure.title),
                    "note": markdown.renderInline(figure.note),
                    "html": figure.html,
                    "label": ". ".join(filter(None, [figure.title, figure.note])).replace("`", ""),
                    "wide": wide,
                    "chart": figure.chart is not None,
                }
                for n, (figure, wide) in enumerate(
                    zip(chapter.section.figures, _widths(chapter.section.figures), strict=True)
                )
            ],
        }
        for chapter in told
    ]
    charts = {
        f"{chapter.name}-{n}": figure.chart
        for chapter in told
        for n, figure in enumerate(chapter.section.figures)
        if figure.chart is not None
    }
    page = environment.from_string(TEMPLATE.read_text("utf-8")).render(
        sections=sections,
        charts=json.dumps(charts).replace("</", "<\\/"),
        library=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
        when=time.strftime("%Y-%m-%d %H:%M"),
        took=f"{took:.0f} s",
        facts=[
            f"Python {platform.python_version()}",
            f"opentelemetry-sdk {version('opentelemetry-sdk')}",
            f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        ],
    )
    path.write_text(page, "utf-8")


def _gist(prose: str) -> str:
    """What the chapter says in bold at its beginning, or its first sentence where that is not much."""
    bold = re.match(r"\*\*(.{60,}?)\*\*", prose, re.DOTALL)
    return bold[1] if bold else prose.replace("**", "").partition("\n\n")[0].partition(". ")[0].rstrip(".") + "."


def _widths(figures: Sequence[Figure]) -> list[bool]:
    """Which figures fill the page's width: those that ask for it, and one of half the width that has no neighbour."""
    wide: list[bool] = []
    for n, figure in enumerate(figures):
        at_left = not figure.wide and (not wide or wide[-1] or sum(not w for w in wide) % 2 == 0)
        alone = at_left and (n + 1 == len(figures) or figures[n + 1].wide)
        wide.append(figure.wide or alone)
    return wide
