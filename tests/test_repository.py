"""What people look for in a repository says the same everywhere: versions, addresses, what a change must pass."""

import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
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


def test_an_index_page_links_to_the_project() -> None:
    """What is uploaded has an author, addresses, and a README whose links and pictures need no repository beside them."""
    said: Any = metadata("telemetry_kit")
    addresses = dict(line.split(", ") for line in said.get_all("Project-URL"))
    body = said.get_payload() or said["Description"]
    targets = re.findall(r"\]\(([^)]+)\)", re.sub(r"(?s)```.*?```", "", body))

    assert said["Author"]
    assert {"Homepage", "Documentation", "Source", "Changelog", "Issues"} == set(addresses)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    assert "<!--" not in body
    assert all(
        addresses["Source"].partition("github.com")[2] in target for target in targets if "/blob/main/" in target
    )


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
