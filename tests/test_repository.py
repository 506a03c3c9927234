"""What people look for in a repository says the same everywhere: versions, addresses, what a change must pass."""

import re
from importlib.metadata import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)
CLASSIFIERS = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PYPROJECT)


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_the_supported_pythons_are_one_list() -> None:
    """Classifiers, the sessions of the tests, the README and the page of supported versions name the same Pythons."""
    sessions = re.search(r"^SUPPORTED = (\[.*\])$", text("noxfile.py"), re.MULTILINE)
    page = re.search(r"^\| CPython \| ([^|]*) \|", text("docs/reference/supported-versions.md"), re.MULTILINE)

    assert sessions is not None
    assert page is not None
    assert re.findall(r"3\.\d+", sessions[1]) == CLASSIFIERS
    assert page[1].split(", ") == CLASSIFIERS
    assert f"from {CLASSIFIERS[0]} to {CLASSIFIERS[-1]}" in text("README.md")
    assert f'requires-python = ">={CLASSIFIERS[0]}"' in PYPROJECT


@pytest.mark.parametrize("name", ["opentelemetry-api", "opentelemetry-semantic-conventions", "wrapt"])
def test_the_floors_are_those_of_the_page(name: str) -> None:
    """The page of supported versions names the lowest version of each dependency."""
    floor = re.search(rf'^    "{name}>=([\w.]+)",', PYPROJECT, re.MULTILINE)

    assert floor is not None
    assert f"| `{name}` | {floor[1]} and newer |" in text("docs/reference/supported-versions.md")


def targets(markdown: str) -> list[str]:
    """Where its links and pictures lead."""
    return re.findall(r"\]\(([^)]+)\)", re.sub(r"(?s)```.*?```", "", markdown))


def test_what_is_installed_has_a_readme_without_a_repository() -> None:
    """An index page has an author and a README whose links and pictures need nothing beside it."""
    said: Any = metadata("telemetry_kit")
    body = said.get_payload() or said["Description"]

    assert said["Author"]
    assert [target for target in targets(body) if not target.startswith(("https://", "#"))] == []
    assert "<!--" not in body


def index_page(repository: str, documentation: str = "") -> dict[str, Any]:
    """What the build says of the project that lives there."""
    path = ROOT / "hatch_build.py"
    if not path.exists():
        pytest.skip("this isn't a checkout")
    module: Any = ModuleType("hatch_build")
    exec(path.read_text("utf-8"), vars(module))
    said: dict[str, Any] = {}
    module.IndexPage(str(ROOT), {"repository": repository, "documentation": documentation}).update(said)
    return said


def test_links_of_an_index_page_lead_to_the_repository() -> None:
    """From one setting follow the addresses, and those of all files and pictures that the README links to."""
    said = index_page("https://code.example/kit/", "https://docs.example")
    here = targets(HIDDEN.sub("", text("README.md")))
    there = [target for target in targets(said["readme"]["text"]) if target.startswith("https://code.example/kit/")]
    paths = [re.sub("https://code.example/kit/(blob|raw)/main/", "", target) for target in there]

    assert set(said["urls"]) == {"Homepage", "Documentation", "Source", "Changelog", "Issues"}
    assert paths == [target for target in here if not target.startswith(("https://", "#"))]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_without_an_address_nothing_is_claimed() -> None:
    """No invented address, no link that leads nowhere, and the words of the links are still there."""
    said = index_page("")
    body = said["readme"]["text"]

    assert said["urls"] == {}
    assert [target for target in targets(body) if not target.startswith("https://")] == []
    assert "[" not in re.sub(r"(?s)```.*?```|`[^`]*`", "", body)
    assert "the tour" in body.lower()


@pytest.mark.parametrize(
    "path",
    [
        ".editorconfig",
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/ISSUE_TEMPLATE/idea.yml",
        ".github/PULL_REQUEST_TEMPLATE.md",
        ".pre-commit-config.yaml",
        ".readthedocs.yaml",
        "CHANGELOG.md",
        "CODE_OF_CONDUCT.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "RELEASING.md",
    ],
)
def test_what_people_look_for_is_there(path: str) -> None:
    """A repository has what its visitors expect of one."""
    assert text(path).strip()


def test_what_a_change_must_pass_stands_in_one_place() -> None:
    """The workflow calls .ci/run, and lists no checks of its own."""
    assert "bash .ci/run" in text(".github/workflows/ci.yml")
    assert "nox -s" not in text(".github/workflows/ci.yml")


def test_links_are_links_on_github_too() -> None:
    """No page has a role of Sphinx's in its text: a repository's pages show it raw."""
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]

    assert [page.name for page in pages if re.search(r"\{(doc|ref|term|any)\}`", page.read_text("utf-8"))] == []
