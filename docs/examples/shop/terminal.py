"""A chapter as the terminal shows it."""

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
