"""A pytest plugin that runs every Python example of the documentation: `python -m pytest -p docs._ext.executed docs`.

In Markdown a block of `python` is executed, one after the other in one namespace per page. What a reader needn't see
(a database, a message that arrives) stands in an HTML comment: `<!-- invisible-code-block: python`, the code, `-->`.
No block is left out: what it needs, such as a server, starts in such a comment. The page on testing is several files and commands,
which `tests/testing/test_tutorial.py` writes and runs. Docstrings are doctests.

Each page starts as a fresh process would: the kit imported anew, no global provider set, so that a page can install
an SDK as its reader would.
"""

import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path
from typing import Any

import opentelemetry._logs._internal
import opentelemetry.metrics._internal
import opentelemetry.trace
from opentelemetry.util._once import Once
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

ROOT = str(Path(__file__).resolve().parents[2])
FLAGS = ELLIPSIS | NORMALIZE_WHITESPACE
GLOBALS = (
    (opentelemetry.trace, "_TRACER_PROVIDER"),
    (opentelemetry.metrics._internal, "_METER_PROVIDER"),
    (opentelemetry._logs._internal, "_LOGGER_PROVIDER"),
)


def unset_providers() -> None:
    """OpenTelemetry's globals as in a fresh process: a page that shows several ways to set them unsets them between two."""
    for module, name in GLOBALS:
        setattr(module, name, None)
        setattr(module, f"{name}_SET_ONCE", Once())
    opentelemetry.metrics._internal._PROXY_METER_PROVIDER = opentelemetry.metrics._internal._ProxyMeterProvider()


def start_anew(_: dict[str, Any]) -> None:
    """As in a fresh process: OpenTelemetry's globals unset, the kit not imported."""
    unset_providers()
    for name in [name for name in sys.modules if name.partition(".")[0] == "telemetry_kit"]:
        del sys.modules[name]


_pages = Sybil(
    path=ROOT,
    parsers=[PythonCodeBlockParser(doctest_optionflags=FLAGS)],
    patterns=["*.md"],
    excludes=["test-your-telemetry.md"],
    setup=start_anew,
)
_docstrings = Sybil(
    path=ROOT,
    parsers=[DocTestParser(FLAGS)],
    patterns=["src/telemetry_kit/*.py", "src/telemetry_kit/*/*.py"],
    document_types={".py": PythonDocStringDocument},
    setup=start_anew,
)
pytest_collect_file = (_pages + _docstrings).pytest()
