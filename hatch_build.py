"""What an index page is told at build time: the project's addresses, and a README that needs no repository beside it.

Both follow from one setting, `[tool.hatch.metadata.hooks.custom]` in pyproject.toml. While it is empty the package claims
no address, and the README's links into the repository are plain words.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

HIDDEN = re.compile(r"<!--.*?-->\n*", re.DOTALL)
"""What only a test of the README needs."""
PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?:)([^)#]+)\)")
LINK = re.compile(r"\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\((?!https?:|#)([^)]+)\)")


class IndexPage(MetadataHookInterface):
    """Fills `urls` and `readme`, which are dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called once for each build and each installation."""
        repository = self.config["repository"].rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": self_contained(text, repository)}
        metadata["urls"] = addresses(repository, self.config["documentation"])


def addresses(repository: str, documentation: str) -> dict[str, str]:
    """The addresses that an index page shows; those that are known."""
    known = {"Documentation": documentation} if documentation else {}
    if repository:
        known |= {"Homepage": repository, "Source": repository, "Issues": f"{repository}/issues"}
        known |= {"Changelog": f"{repository}/blob/main/CHANGELOG.md"}
    return known


def self_contained(readme: str, repository: str) -> str:
    """The README with addresses for what it links to in the repository; without an address, without those links."""
    text = HIDDEN.sub("", readme)
    if not repository:
        return LINK.sub(r"\1", PICTURE.sub("", text))
    text = PICTURE.sub(rf"![\1]({repository}/raw/main/\2)", text)
    return LINK.sub(rf"[\1]({repository}/blob/main/\2)", text)
