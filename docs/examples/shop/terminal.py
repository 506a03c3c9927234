"""A chapter as the terminal shows it, and the terminal as a picture."""

import re
from pathlib import Path

from rich.console import Console, Group
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from shop.frame import Told


def show(console: Console, told: Told) -> None:
    """The gist of the chapter and its figures; the rest of its prose is for the report."""
    section = told.section
    gist = section.prose if told.failed else section.prose.split("\n\n")[0]
    console.print()
    console.print(Rule(Text(section.title, style="bold red" if told.failed else "bold"), align="left", style="dim"))
    console.print(Markdown(gist))
    for figure in section.figures:
        if figure.terminal is not None:
            title = Text(figure.title.replace("`", ""), style="dim")
            console.print(Padding(Group(title, figure.terminal) if figure.title else figure.terminal, (1, 0, 0, 2)))


def picture(console: Console, path: Path) -> None:
    """What a recording console has shown, as an SVG that asks nobody for a font."""
    drawn = console.export_svg(title="python -m shop", clear=False)
    path.write_text(re.sub(r"@font-face\s*{[^}]*}\s*", "", drawn), "utf-8")
