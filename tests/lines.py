"""Lines of code by package, of what a host runs: neither blank, nor a comment, nor a docstring. `python -m tests.lines`
prints them as the design page has them."""

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

KIT = Path(__file__).parents[1] / "src" / "telemetry_kit"
ELSEWHERE = {"_recording", "diagnosis", "monitoring", "testing", "__main__.py"}
"""What only tests, commands and whoever looks for a fault run."""
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines(source: str) -> int:
    """Lines of code of one module."""
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
    return len(code - documentation)


def by_package() -> dict[str, int]:
    """Those of each package, and of the modules beside them together."""
    counted: Counter[str] = Counter()
    for path in KIT.rglob("*.py"):
        package = path.relative_to(KIT).parts[0]
        if package not in ELSEWHERE:
            counted["modules" if package.endswith(".py") else package] += lines(path.read_text(encoding="utf-8"))
    return dict(sorted(counted.items()))


if __name__ == "__main__":
    counted = by_package()
    for name, count in {**counted, "in all": sum(counted.values())}.items():
        print(f"{name:<14} {count:>6,}")
