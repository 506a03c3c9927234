"""What a reader sees on a page runs by itself: each page's visible Python, pasted into a file, with nothing hidden."""

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.docs import programs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
POINT = re.compile(r"[a-z._]+\{.*\} ")
"""A point, as a capture prints it: one line each."""
HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)

pytestmark = pytest.mark.docs


def visible(page: Path) -> str:
    """All Python that a reader sees, one block after the other."""
    return "\n".join(BLOCK.findall(HIDDEN.sub("", page.read_text(encoding="utf-8"))))


ELSEWHERE = {
    "be-paged-when-a-job-did-not-run": "tests/monitoring/test_pushed_jobs.py",
    "test-your-telemetry": "tests/testing/test_tutorial.py",
}
"""Pages whose programs are several files, or talk to a server: which test runs them, with the files and the server."""


def test_pages_that_are_run_elsewhere_are_run_there() -> None:
    """Each test that is named for a page reads that page."""
    for page, test in ELSEWHERE.items():
        assert f"{page}.md" in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if visible(page) and page.stem not in ELSEWHERE], ids=lambda page: page.stem
)
def test_what_a_reader_sees_runs_by_itself(page: Path, tmp_path: Path) -> None:
    """Pasted into an empty file, the blocks of a page run to their end without an error or a warning."""
    program = tmp_path / "pasted.py"
    program.write_text(visible(page), encoding="utf-8")
    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stderr


def said(page: Path) -> set[str]:
    """The distributions that are there once what the page says is installed: named ones, and what they need."""
    lines = re.findall(r"pip install ([^`#&\n]*)", page.read_text(encoding="utf-8"))
    there: set[str] = set()
    wanted = ["telemetry_kit", *(word for line in lines for word in shlex.split(line) if word[0] not in "-.")]
    while wanted:
        name = canonical(wanted.pop())
        if name in INSTALLED and name not in there:
            there.add(name)
            wanted += [need for need in metadata.requires(name) or [] if "extra ==" not in need]
    return there


def canonical(requirement: str) -> str:
    """The name of a requirement, as distributions are told apart."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()  # type: ignore[index]


INSTALLED = {canonical(one.metadata["Name"]) for one in metadata.distributions()}


def owner_of(module: str) -> str | None:
    """The distribution that a module is of, None for the standard library and for what isn't installed here."""
    found = importlib.util.find_spec(module) if module.partition(".")[0] not in sys.stdlib_module_names else None
    if found is None or found.origin is None:
        return None
    return OWNERS.get(Path(found.origin).resolve())


OWNERS = {
    Path(str(one.locate_file(file))).resolve(): canonical(one.metadata["Name"])
    for one in metadata.distributions()
    for file in one.files or ()
    if file.suffix in (".py", ".so")
}


def shown(page: Path) -> str:
    """All Python that a reader sees, programs that stand in files of their own included."""
    included = programs.SHOWN.findall(page.read_text(encoding="utf-8"))
    return "\n".join([visible(page), *((page.parent / name).read_text(encoding="utf-8") for _, name in included)])


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page).strip()], ids=lambda page: page.stem)
def test_what_a_page_needs_it_says(page: Path) -> None:
    """Whoever has a new environment, and installs what the page says, has all that its programs import."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(shown(page))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    needed = {owner for module in imported if (owner := owner_of(module)) is not None}

    assert needed - said(page) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_of_code_fit_a_page(page: Path) -> None:
    """No line of a visible block is longer than 88 columns."""
    long = [line for line in shown(page).splitlines() if len(line) > 88 and not POINT.match(line)]

    assert long == []


def test_the_readme_shows_what_comes_out(tmp_path: Path) -> None:
    """What stands below the README's first program is what the console prints of it, numbers of time apart."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    program = tmp_path / "shop.py"
    program.write_text(BLOCK.findall(page)[0], encoding="utf-8")
    shown = page.partition("python shop.py\n")[2].partition("```")[0]
    environment = {**os.environ, "TELEMETRY_KIT_CONSOLE": "1"}
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    numbers = re.compile(r"[\d.]+ (us|ms|s)\b")

    assert numbers.sub("N", done.stderr) == numbers.sub("N", shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_programs_on_pages_are_those_that_are_run(page: Path) -> None:
    """A program that stands in a file of its own stands on its page as it is: `python -m tests.docs.programs` writes it."""
    assert page.read_text(encoding="utf-8") == programs.anew(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_are_read_without_being_built(page: Path) -> None:
    """Lists and programs are Markdown's own: nothing but what is made from the code is a directive."""
    directives = set(re.findall(r"^`{3,}\{([a-z-]+)\}", page.read_text(encoding="utf-8"), re.MULTILINE))

    assert directives <= {"eval-rst", "metrics", "attributes", "public-names"}


def test_every_page_is_on_the_list() -> None:
    """The indexes name each page, which is where the site's contents come from."""
    listed = {
        (index.parent / name).resolve()
        for index in (ROOT / "docs").rglob("index.md")
        for name in re.findall(r"\]\(([\w./-]+\.md)", index.read_text(encoding="utf-8"))
    }
    pages = {page.resolve() for page in (ROOT / "docs").rglob("*.md") if not {"examples", "_build"} & set(page.parts)}

    assert pages - listed == {(ROOT / "docs" / "index.md").resolve()}
