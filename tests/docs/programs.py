"""Programs that stand on a page, from the files that tests run: `python -m tests.docs.programs` writes them anew.

On a page a program is a block below a comment with its path, so that it is read on a repository's pages as on the site.
"""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = re.compile(r"^(<!-- (\S+\.py) -->\n```py\n)(?:.*?\n)?```$", re.MULTILINE | re.DOTALL)


def anew(page: Path) -> str:
    """The page, with the programs of now."""

    def with_program(found: re.Match[str]) -> str:
        return f"{found[1]}{(page.parent / found[2]).read_text(encoding='utf-8')}```"

    return SHOWN.sub(with_program, page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for page in DOCS.rglob("*.md"):
        page.write_text(anew(page), encoding="utf-8")
