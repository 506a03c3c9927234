"""Lines of code by package, of what a host runs: neither blank, nor a comment, nor a docstring. `python -m tests.lines`
prints them as the design page has them, and with a commit after it how many of them stand in what that commit had already.
"""

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).parents[1] / "src" / "telemetry_kit"
ELSEWHERE = {"_recording", "diagnosis", "monitoring", "testing", "__main__.py"}
"""What only tests, commands and whoever looks for a fault run."""
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines(source: str) -> int:
    """Lines of code of one module."""
    return len(_code(source))


def _code(source: str) -> set[int]:
    tree = ast.parse(source)
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    documentation = {
        number
        for node in texts
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code = {
        number
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in NO_CODE
        for number in range(token.start[0], token.end[0] + 1)
    }
    return code - documentation


def package_of(path: Path) -> str | None:
    """Where a module of the kit is counted: `path` is below the kit's folder."""
    package = path.parts[0]
    return None if package in ELSEWHERE else "modules" if package.endswith(".py") else package


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(KIT.rglob("*.py")):
        if (package := package_of(path.relative_to(KIT))) is not None:
            yield package, path


def by_package() -> dict[str, int]:
    """Those of each package, and of the modules beside them together."""
    counted: Counter[str] = Counter()
    for package, path in _modules():
        counted[package] += lines(path.read_text(encoding="utf-8"))
    return dict(sorted(counted.items()))


def _parts(source: str, module: str) -> Iterator[tuple[str, range]]:
    """A module's functions, methods and constants by name, and what has none (imports) by the module's, with their lines."""

    def of(body: list[ast.stmt], within: str) -> Iterator[tuple[str, range]]:
        for node in body:
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            last = node.end_lineno or node.lineno
            if isinstance(node, ast.ClassDef):
                yield node.name, range(first, node.body[0].lineno)
                yield from of(node.body, f"{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield within + node.name, range(first, last + 1)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                yield within + ast.unparse(target), range(first, last + 1)
            else:
                yield module, range(first, last + 1)

    yield from of(ast.parse(source).body, "")


def _git(*command: str) -> str:
    done = subprocess.run(["git", *command], cwd=KIT, capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout


def since(commit: str) -> tuple[dict[str, int], dict[str, int]]:
    """Lines at that commit, and those of today that stand in a function, a method or a constant that it had under this
    name, wherever it stood."""
    top = _git("rev-parse", "--show-prefix").strip()
    then: Counter[str] = Counter()
    had: set[str] = set()
    for name in _git("ls-tree", "-r", "--name-only", commit, ".").split():
        package = package_of(Path(name)) if name.endswith(".py") else None
        if package is not None:
            source = _git("show", f"{commit}:{top}{name}")
            then[package] += lines(source)
            had.update(part for part, _ in _parts(source, name))
    stayed: Counter[str] = Counter()
    for package, path in _modules():
        source = path.read_text(encoding="utf-8")
        code = _code(source)
        of_then = (where for part, where in _parts(source, str(path.relative_to(KIT))) if part in had)
        stayed[package] += sum(len(code.intersection(where)) for where in of_then)
    return dict(then), dict(stayed)


def main() -> None:
    """Print the table."""
    now = by_package()
    then, stayed = since(sys.argv[1]) if len(sys.argv) > 1 else ({}, {})
    for name, count in {**now, "in all": sum(now.values())}.items():
        all_of = name == "in all"
        was, stands = (sum(part.values()) if all_of else part.get(name, 0) for part in (then, stayed))
        print(f"{name:<14} {count:>6,}" + (f"   then {was:>6,}   of it now {stands:>6,}" if then else ""))


if __name__ == "__main__":
    main()
