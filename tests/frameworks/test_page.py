"""The page of frameworks that were tried is what the tests wrote, for what pyproject.toml supports now."""

import re

from packaging.version import Version

from tests.frameworks.__main__ import HEAD, PAGE, ROOT, cases_of, name_of, oldest_of, what

ROW = re.compile(r"\| `([\w-]+)` \| ([\w.]+) on (3\.\d+) \| ([\w.]+) on (3\.\d+) \| (\d+) \| (.+) \|")


def requirements() -> dict[str, str]:
    """The groups' requirements by name."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    groups = [
        re.search(rf"^{group} = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
        for group in ("frameworks", "frameworks-apart")
    ]
    lines = [
        line for group in groups if group is not None for line in re.findall(r'^    "([^"]+)"', group[1], re.MULTILINE)
    ]
    return {name_of(line): line for line in lines}


def test_every_framework_has_a_row() -> None:
    """In the order of their names, under the head that says how the page is made."""
    page = PAGE.read_text("utf-8")
    rows = [ROW.fullmatch(line) for line in page.removeprefix(HEAD).splitlines()]

    assert page.startswith(HEAD) and "`nox -s frameworks`" in page
    assert [row and row[1] for row in rows] == sorted(requirements())


def test_a_row_says_what_was_tried() -> None:
    """The oldest version is the lower bound, the newest isn't older, and there are cases, of which their files say what they are."""
    for line in PAGE.read_text("utf-8").removeprefix(HEAD).splitlines():
        row = ROW.fullmatch(line)
        assert row is not None, line
        name, oldest, _, newest, _, cases, said = row.groups()
        assert Version(oldest) == Version(oldest_of(requirements()[name]).partition("==")[2]), name
        assert Version(newest) >= Version(oldest), name
        assert int(cases) > 0 and said == what(name), name


def test_every_framework_has_cases() -> None:
    """What is supported has a file of cases."""
    assert [name for name in requirements() if not cases_of(name)] == []
