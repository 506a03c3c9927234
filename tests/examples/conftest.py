"""The shop imports itself as `shop`, as it does where `python -m shop` runs it."""

import sys
from pathlib import Path

EXAMPLES = str(Path(__file__).parents[2] / "docs" / "examples")
if EXAMPLES not in sys.path:
    sys.path.append(EXAMPLES)
