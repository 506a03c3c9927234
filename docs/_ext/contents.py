"""The table of contents from links: a page named index has as its children the pages of its folder, and the indexes of the
folders below, that it links to, in that order. So the lists are read on a repository's pages too, where `{toctree}` is raw."""

import re
from pathlib import PurePosixPath

from sphinx.application import Sphinx

LINK = re.compile(r"\]\(([\w./-]+)\.md[)#]")


def children(name: str, text: str) -> list[str]:
    """The documents below this one."""
    if PurePosixPath(name).name != "index":
        return []
    linked = dict.fromkeys(PurePosixPath(path) for path in LINK.findall(text))
    return [str(path) for path in linked if len(path.parts) == 1 or (len(path.parts) == 2 and path.name == "index")]


def add_contents(_: Sphinx, name: str, source: list[str]) -> None:
    """Put a hidden table of contents behind the text of an index."""
    found = children(name, source[0])
    if found:
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", "", *found, "```", ""])


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's way in."""
    app.connect("source-read", add_contents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
