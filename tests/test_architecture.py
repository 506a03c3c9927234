"""The house holds: who may import whom, what an import costs, what is public, how long a file is."""

import ast
import itertools
import pickle
import re
import subprocess
import sys
from importlib.metadata import entry_points, requires
from pathlib import Path

import pytest

import telemetry_kit
from telemetry_kit import Telemetry
from tests.lines import by_package

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "telemetry_kit").rglob("*.py"))
LONGEST = 350
RUNTIME = {"opentelemetry-api", "opentelemetry-semantic-conventions", "wrapt"}
LATE = ["asyncio", "concurrent.futures", "importlib.metadata", "multiprocessing", "opentelemetry.propagate"]
LATE += ["opentelemetry.sdk", "opentelemetry._logs", "traceback", "wrapt"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "src" / "telemetry_kit"))


def imported(path: Path) -> set[str]:
    """All modules that a file imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT).stdout


def test_every_public_name_is_there_once_in_order() -> None:
    """`__all__` is sorted, without doubles, and each of its names exists."""
    names = telemetry_kit.__all__

    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(telemetry_kit, name)] == []


def test_the_face_exports_what_it_imports() -> None:
    """No public name can be reached on the package that is not in `__all__`, apart from its modules; what a pickle asks for
    by name isn't kept."""
    assert pickle.loads(pickle.dumps(Telemetry("shop").operation("checkout")))
    modules = {path.stem for path in SOURCES} | {path.parent.name for path in SOURCES}
    found = {name for name in vars(telemetry_kit) if name[0] not in "_@"} - modules  # pytest's own begin with @

    assert found <= set(telemetry_kit.__all__)
    assert set(telemetry_kit.__all__) <= set(dir(telemetry_kit))


def test_public_names_say_what_they_are() -> None:
    """Everything public has a docstring, and says that it belongs to the face."""
    undocumented = [name for name in telemetry_kit.__all__ if not getattr(telemetry_kit, name).__doc__]

    assert undocumented == []


@pytest.mark.timeout(120)
def test_the_layers_hold() -> None:
    """import-linter finds no module that imports upwards or sideways."""
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.any_python
def test_nobody_imports_the_sdk() -> None:
    """No module imports `opentelemetry.sdk`, nor names of the conventions that may change."""
    forbidden = ("opentelemetry.sdk", "opentelemetry.semconv._incubating")
    found = {name_of(path): [name for name in imported(path) if name.startswith(forbidden)] for path in SOURCES}

    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.any_python
def test_a_file_can_be_read_at_one_sitting() -> None:
    """No file is longer than 350 lines, the façade apart, which is signatures and docstrings."""
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert {path for path, count in lines.items() if count > LONGEST} == {"_telemetry.py"}


@pytest.mark.any_python
def test_the_page_says_how_many_lines_there_are() -> None:
    """The design page's lines of code by package are those of now, give or take a tenth."""
    page = (ROOT / "docs" / "explanation" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:`(\w+)`|the modules beside them) \| [\d,]+ \| ([\d,]+) \|", page, re.MULTILINE)
    said = {name or "modules": int(count.replace(",", "")) for name, count in rows}
    found = by_package()

    assert said.keys() == found.keys()
    assert {name: count for name, count in found.items() if abs(count - said[name]) > count / 10} == {}


FORM = re.compile(r"[^;]+ must [^;]+, got [^;]*[^.;]")
"""What must be, what was got, what to do: `<thing> must <rule>, got <value>`, and `: <way out>` where the rule isn't it."""
SENTENCE = re.compile(r"\. [A-Z]")


def texts(node: ast.AST, assigned: dict[str, list[str]]) -> list[str]:
    """What a message may be, as far as the source says it; `{}` stands for a value."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            parts = [texts(value, assigned) for value in values]
            return ["".join(chosen) for chosen in itertools.product(*parts)]
        case ast.FormattedValue(value=ast.Name(id=name)) if name in assigned and "msg" in name:
            return assigned[name]
        case ast.FormattedValue():
            return ["{}"]
        case ast.Name(id=name):
            return assigned.get(name, [])
        case ast.IfExp(body=body, orelse=orelse):
            return [*texts(body, assigned), *texts(orelse, assigned)]
        case _:
            return []


def messages(path: Path) -> list[str]:
    """The texts of all TypeErrors and ValueErrors that a file makes, whether it raises or counts them."""
    found: list[str] = []
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        assigned: dict[str, list[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, []).extend(texts(node.value, {}))
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Name(id="TypeError" | "ValueError"), args=[message]):
                    found += texts(message, assigned)
    return found


@pytest.mark.any_python
def test_errors_have_one_form() -> None:
    """What must be, what was got, what to do: each TypeError and ValueError says it in this order."""
    found = {name_of(path): messages(path) for path in SOURCES}
    strays = [f"{name}: {text}" for name, said in found.items() for text in said if not FORM.fullmatch(text)]
    strays += [f"{name}: {text}" for name, said in found.items() for text in said if SENTENCE.search(text)]

    assert sum(map(len, found.values())) > 120
    assert strays == []


@pytest.mark.any_python
def test_a_module_says_what_it_is_for() -> None:
    """Each module starts with a docstring."""
    assert [name_of(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


@pytest.mark.parametrize("module", LATE)
def test_importing_the_kit_stays_cheap(module: str) -> None:
    """`import telemetry_kit` brings in nothing slow beyond what the API's trace and metrics need themselves."""
    loaded = run(
        "import sys, opentelemetry.trace, opentelemetry.metrics; before = set(sys.modules);"
        f"import telemetry_kit; print({module!r} in set(sys.modules) - before)"
    )

    assert loaded.strip() == "False"


def test_an_operation_without_an_sdk_imports_nothing_more() -> None:
    """Decorating and calling a plain function needs neither wrapt nor asyncio nor a propagator."""
    loaded = run(
        "import sys, opentelemetry.trace, opentelemetry.metrics; before = set(sys.modules);"
        "from telemetry_kit import Telemetry\n"
        "@Telemetry('lib').operation\n"
        "def work(): return 1\n"
        f"work(); print(sorted(set(sys.modules) - before & set({LATE!r})))"
    )
    late = {name for name in LATE if f"'{name}'" in loaded}

    assert late == set()


def test_three_dependencies_with_floors_and_no_caps() -> None:
    """The package needs exactly the API, the conventions and wrapt, and caps none of them."""
    needed = [requirement for requirement in requires("telemetry_kit") or [] if "extra ==" not in requirement]
    parts = [re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement) for requirement in needed]

    assert {part[1] for part in parts if part} == RUNTIME
    assert all(parts), needed


def test_the_floors_of_api_and_conventions_match() -> None:
    """They are released in pairs: 1.N of the API pins 0.(N+21)b0 of the conventions."""
    found = dict(line.split(">=") for line in requires("telemetry_kit") or [] if "extra ==" not in line)
    api = int(found["opentelemetry-api"].split(".")[1])
    conventions = int(re.split(r"[.b]", found["opentelemetry-semantic-conventions"])[1])

    assert conventions == api + 21


def test_the_strict_propagators_can_be_named_in_the_environment() -> None:
    """`OTEL_PROPAGATORS=tracecontext_strict,baggage_strict` finds them as entry points."""
    points = {point.name: point.load() for point in entry_points(group="opentelemetry_propagator")}

    assert {points["tracecontext_strict"].__name__, points["baggage_strict"].__name__} == {
        "StrictTraceContextPropagator",
        "StrictBaggagePropagator",
    }


@pytest.mark.any_python
def test_the_map_in_the_documentation_is_right() -> None:
    """Each place that "where do I find" names is there."""
    page = (ROOT / "docs" / "explanation" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| `([\w/.]+)` \|$", page, re.MULTILINE)
    missing = [place for place in rows if not (ROOT / "src" / "telemetry_kit" / place).exists()]

    assert len(rows) >= 15
    assert missing == []


def test_the_layers_in_the_documentation_are_those_of_the_contract() -> None:
    """The design page names every package that the contract of import-linter names, and no other."""
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r'id = "layers".*?layers = \[(.*?)\]', contract, re.DOTALL)
    page = (ROOT / "docs" / "explanation" / "design.md").read_text(encoding="utf-8")
    table = page.partition("| layer | packages |")[2].partition("\n\n")[0]

    assert layers is not None
    assert set(re.findall(r"`(\w+)`", table)) | {"_version"} == set(re.findall(r"\w+", layers[1]))


def test_the_top_level_can_be_taken_in_at_a_glance() -> None:
    """There are at most 24 modules and packages at the top."""
    top = [path for path in (ROOT / "src" / "telemetry_kit").iterdir() if path.suffix == ".py" or path.is_dir()]

    assert len([path for path in top if path.name != "__pycache__"]) <= 24


@pytest.mark.any_python
def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not directly, not through others, not in a function, not for type checking alone."""
    root = ROOT / "src" / "telemetry_kit"
    names = {".".join(("telemetry_kit", *path.relative_to(root).with_suffix("").parts)): path for path in SOURCES}
    modules = {name.removesuffix(".__init__"): path for name, path in names.items()}
    rest = {name: imported(path) & modules.keys() for name, path in modules.items()}
    for name, others in rest.items():
        parents = {other.rpartition(".")[0] for other in others if name.startswith(other.rpartition(".")[0] + ".")}
        others -= {name, *parents, "telemetry_kit"}  # a module of one's own package is imported, not the package
    rest.pop("telemetry_kit")
    while leaves := [name for name, others in rest.items() if not others & rest.keys()]:
        for name in leaves:
            del rest[name]

    assert sorted(rest) == []


CALL = {"_drop", "_end", "_put_back", "_resume", "_suspend"}
"""What a `Call` is told by whoever drives it: with an underscore, as the calls are public objects, whose users don't."""
OTHERS = {
    "_core/attributes.py",  # an enum's own name, where `name` is a member of it
    "_core/forks.py",  # whether a lock is this thread's, which only the lock knows
    "_core/reentrancy.py",  # `sys._getframe`
    "_core/sdk.py",  # the API's globals, `sys._getframe`
    "_errors/stacktrace.py",  # what `traceback` has for one line
    "_recording/metrics.py",  # the API's gauge, which has no public class
    "_use/pool_adapters.py",  # what pools know of themselves and don't say
    "_wrapping/awaitables.py",  # contextlib's managers, asyncio's way to look at an exception without retrieving it
    "testing/callsite.py",  # `sys._getframe`
    "testing/capturing.py",  # begins and ends captures, which are public objects whose users don't
    "testing/validator.py",  # `sys._current_frames`
}
"""Modules that look into other people's objects, with what they look at."""
HOT = ("_TRACER_PROVIDER", "_METER_PROVIDER", "_RUNTIME_CONTEXT")


def private(name: str) -> bool:
    return name[0] == "_" and not name.startswith("__")


def defined(tree: ast.Module) -> set[str]:
    """Names that a module gives to something: functions, classes, variables, slots of its own objects."""
    names = {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node):
            names.add(node.attr)
    return names


def is_own(node: ast.Attribute) -> bool:
    """Whether it is reached by `self`, `cls` or `super()`."""
    return ast.unparse(node.value) in ("self", "cls", "super()")


TREES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
SHORTCUTS = set(re.findall(r"`(_\w+/\w+\.py)`", ast.get_docstring(TREES["_core/__init__.py"]) or ""))


@pytest.mark.any_python
def test_an_underscore_is_private_to_its_module() -> None:
    """No module reads or writes what another one keeps for itself, but for the shortcuts that `_core` lists."""
    known = set().union(*(defined(tree) for tree in TREES.values()))
    reached = {
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and private(node.attr) and not is_own(node)
        if node.attr in known - defined(tree) - CALL and name not in OTHERS
        if not (node.attr in HOT and name in SHORTCUTS)
    }
    imported_ = {
        f"{name}:{node.lineno} {alias.name}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("telemetry_kit")
        for alias in node.names
        if private(alias.name) and not alias.name.startswith("_version") and alias.name in known
    }

    assert reached | imported_ == set()


@pytest.mark.any_python
def test_other_peoples_objects_are_looked_into_in_few_modules() -> None:
    """What isn't the kit's and has an underscore is reached for where the list says so, and nowhere else."""
    known = set().union(*(defined(tree) for tree in TREES.values()))
    found = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and private(node.attr) and not is_own(node) and node.attr not in known
    }

    assert found | {"_errors/stacktrace.py", "testing/capturing.py"} == OTHERS


@pytest.mark.any_python
def test_what_stays_for_speed_is_listed() -> None:
    """The places that look at the API's globals, or count in a list, are those that `_core` lists with what they save."""
    found = set()
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            api = isinstance(node, ast.Attribute) and node.attr in HOT
            counts = isinstance(node, ast.Subscript) and re.fullmatch(
                r"(\w+\.)?(cell|active|entry)\[\d\]", ast.unparse(node)
            )
            if api or counts:
                found.add(name)

    assert found - {"_core/cells.py"} == SHORTCUTS - {"_core/context.py"}
    assert len(SHORTCUTS) <= 12


@pytest.mark.any_python
def test_a_docstring_names_what_is_there() -> None:
    """Each `_name` in a docstring is that of a module, a class, a function or a slot that the source has."""
    parts = {part for name in TREES for part in Path(name).with_suffix("").parts}
    strings = {node.value for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    read = {node.attr for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    known = parts.union(read, *(defined(tree) for tree in TREES.values()))
    stale = {
        f"{name}:{node.lineno} {word}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for word in re.findall(r"`(_[\w./]*)`", node.value.value)
        for part in re.split(r"[./]", word.removesuffix(".py"))
        if part and not part.startswith("__") and part not in known and part not in strings
    }

    assert {place for place in stale if not place.startswith("monitoring/")} == set()  # there they are of PromQL


@pytest.mark.any_python
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_docstrings_can_be_encoded(path: Path) -> None:
    """From 3.13 on a module with a lone surrogate in a docstring can't be imported."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            (ast.get_docstring(node) or "").encode()


def late_imports(path: Path) -> set[str]:
    """What a file imports inside of functions, apart from what stands under `late_import()`."""
    found: set[str] = set()

    def look(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.With) and any("late_import()" in ast.unparse(item) for item in node.items):
            return
        if inside and isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update({node.module or ""} if isinstance(node, ast.ImportFrom) else {one.name for one in node.names})
        if inside and isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            found.add(ast.unparse(node))
        for child in ast.iter_child_nodes(node):
            look(child, inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))

    look(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def test_a_fork_waits_for_every_import_that_comes_late() -> None:
    """What a function imports stands under `late_import()`, unless it is there since its module is (PRC 1)."""
    loaded = run(
        "import sys, telemetry_kit; telemetry_kit.Telemetry('a').operation('b')(lambda: 1)(); print(*sys.modules)"
    )
    own = {path for path in SOURCES if name_of(path).split("/")[0] not in ("testing", "_recording", "monitoring")}
    late = {name_of(path): late_imports(path) - set(loaded.split()) for path in own}

    assert {name: names for name, names in late.items() if names} == {}
