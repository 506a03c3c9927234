"""Chromium, the built documentation and a report of the demo, each once for all tests that look at them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import support


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser; where there is none the tests are skipped, and say so where it is read."""
    pytest.importorskip("playwright", reason="the dependency group `browser` has it")
    if support.chromium() is None:
        print(support.MISSING, file=sys.__stderr__, flush=True)
        pytest.skip(support.MISSING)
    with support.browser() as running:
        yield running


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the documentation's start page."""
    with support.served(support.built_pages(tmp_path_factory.mktemp("pages"))) as url:
        yield f"{url}/index.html"


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report of the demo, with every chapter that needs no server of Debian's."""
    path: Path = support.demo_report(tmp_path_factory.mktemp("report"), "--seconds", "20")
    return path.as_uri()
