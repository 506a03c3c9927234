"""`python -m tests.bench [NAME ...]`: all benchmarks, or those whose module names contain a NAME."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.bench.harness import Report, versions


def main() -> int:
    """Run what was asked for; 2 where there is no such benchmark."""
    wanted = sys.argv[1:]
    here = Path(__file__).parent
    names = sorted(path.stem for path in here.glob("bench_*.py"))
    chosen = [name for name in names if not wanted or any(part in name for part in wanted)]
    if not chosen:
        print(f"no benchmark is called {', '.join(wanted)}: there are {', '.join(names)}", file=sys.stderr)
        return 2
    report = Report()
    print("with " + ", ".join(f"{name} {number}" for name, number in versions().items()))
    for name in chosen:
        print(f"\n{name}")
        importlib.import_module(f"tests.bench.{name}").run(report)
    path = Path("bench.json")
    report.write(path)
    print(f"\nwritten to {path.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
