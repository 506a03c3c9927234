"""Bottle aborts and redirects by raising the answer itself."""

# ruff: noqa: E402 - imported where it is there

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("bottle", reason="needs bottle from PyPI")
import bottle

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


def raised(answer: Callable[..., Any], *arguments: Any) -> BaseException:
    try:
        answer(*arguments)
    except Exception as exc:
        return exc
    raise AssertionError("it didn't answer")


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "abort": (lambda: raised(bottle.abort, 403), 403),
        "an answer": (lambda: bottle.HTTPResponse(status=204), 204),
        "redirect": (lambda: bottle.HTTPResponse(status=303), 303),
        "unavailable": (lambda: bottle.HTTPError(503), 503),
    }
