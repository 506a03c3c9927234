"""Finds the places, and writes a copy of the package in which each can be broken.

A place is a call of `faults.record`, or a `with faults.guard(...)`, wherever it stands. Three kinds:

- the handler of a `try` records: the `try` body can be broken, before its first statement and after its last;
- a guard's body likewise;
- a report of misuse, outside of any handler: nothing can be broken there, the tour must come by.

In the copy those statements call `broken_places.at(place)`, which raises where that place is the one to break: what its
handler is there for.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULE = "broken_places"


@dataclass(frozen=True)
class Place:
    """Where the kit keeps a fault from the host: `_use/pool.py:185`, and what it calls it."""

    where: str
    site: str
    """With `*` for what is put in at run time."""
    breakable: bool


def places_of(source: str, name: str) -> list[Place]:
    """Every place of one module."""
    return _Breaker(name).read(ast.parse(source))


def places(package: Path) -> list[Place]:
    """Every place of the package."""
    return [place for path in _sources(package) for place in places_of(path.read_text("utf-8"), _name(path, package))]


def write_copy(package: Path, folder: Path) -> None:
    """The package once more, in `folder`, with its places breakable."""
    for path in _sources(package):
        breaker = _Breaker(_name(path, package))
        tree = ast.parse(path.read_text("utf-8"))
        breaker.read(tree)
        breaker.break_open(tree)
        target = folder / package.name / path.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(ast.unparse(ast.fix_missing_locations(tree)), "utf-8")


def named_sites(package: Path) -> set[str]:
    """Every site that is spelled out: as the first argument of a call of what has a parameter `site`."""
    trees = [ast.parse(path.read_text("utf-8")) for path in _sources(package)]
    takers = {"guard"}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and [a.arg for a in node.args.args[:1]] == ["site"]:
                takers.add(node.name)
    return {
        site
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) in takers and node.args
        for site in _texts(node.args[0])
    }


def _sources(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def _name(path: Path, package: Path) -> str:
    return path.relative_to(package).as_posix()


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _texts(node: ast.expr) -> Iterator[str]:
    """What a site may be called: a literal, either side of a condition, `*` for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _records(node: ast.AST) -> bool:
    """`faults.record(...)`, or a module's own `_record(...)`, which takes the same."""
    if not isinstance(node, ast.Call) or len(node.args) != 2:
        return False
    func = node.func
    if isinstance(func, ast.Name):
        return func.id == "_record"
    return (
        isinstance(func, ast.Attribute) and func.attr == "record" and ast.unparse(func.value) in ("faults", "_faults")
    )


def _guards(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("faults.guard", "guard", "_faults.guard")


class _Breaker:
    """Walks one module, keeping what surrounds each place."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._found: list[tuple[Place, _Body | None, ast.Call]] = []

    def read(self, tree: ast.Module) -> list[Place]:
        self._walk(tree, None)
        self._found.sort(key=lambda found: int(found[0].where.rpartition(":")[2]))
        return [place for place, _, _ in self._found]

    def _walk(self, node: ast.AST, body: "_Body | None") -> None:
        """`body` is that of the `try` whose handler we are in."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            body = None
        if isinstance(node, ast.Try):
            for child in (*node.body, *node.orelse, *node.finalbody):
                self._walk(child, body)
            for handler in node.handlers:
                self._walk(handler, _Body(node.body, _first(handler.type)))
            return
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if _guards(item.context_expr):
                    self._add(item.context_expr, _Body(node.body, ast.Name("Exception")))
        if _records(node):
            self._add(node, body)
        for child in ast.iter_child_nodes(node):
            self._walk(child, body)

    def _add(self, call: ast.AST, body: "_Body | None") -> None:
        assert isinstance(call, ast.Call)
        site = "|".join(_texts(call.args[0])) or "*"
        self._found.append((Place(f"{self._name}:{call.lineno}", site, body is not None), body, call))

    def break_open(self, tree: ast.Module) -> None:
        """Put the calls in. A body with two places is broken as the first of them."""
        for place, body, call in self._found:
            if body is None:
                call.args[0] = _call("after", place.where + "=", call.args[0])
            else:
                body.break_open(place.where)
        if self._found:
            docstring = int(ast.get_docstring(tree) is not None)
            future = sum(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
            tree.body.insert(docstring + future, ast.Import([ast.alias(MODULE)]))


@dataclass
class _Body:
    """What is guarded, and what the guard is there for."""

    statements: list[ast.stmt]
    catches: ast.expr

    def break_open(self, where: str) -> None:
        first = ast.Expr(_call("at", where + "<", self.catches))
        last = self.statements[-1]
        if isinstance(last, ast.Return):
            last.value = _call("after", where + ">", last.value or ast.Constant(None), self.catches)
        elif not isinstance(last, (ast.Raise, ast.Continue, ast.Break)):
            self.statements.append(ast.Expr(_call("at", where + ">", self.catches)))
        self.statements.insert(0, first)


def _first(types: ast.expr | None) -> ast.expr:
    if types is None:
        return ast.Name("Exception")
    return types.elts[0] if isinstance(types, ast.Tuple) else types


def _call(name: str, where: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(MODULE), name), [ast.Constant(where), *arguments], [])
