"""Starlette has an exception for an answer."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("starlette", reason="needs starlette from PyPI")
import starlette.exceptions

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "not found": (lambda: starlette.exceptions.HTTPException(404), 404),
        "redirect": (lambda: starlette.exceptions.HTTPException(307, headers={"location": "/there"}), 307),
        "unavailable": (lambda: starlette.exceptions.HTTPException(503), 503),
    }
