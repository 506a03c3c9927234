"""Werkzeug, and Flask with it, aborts and redirects by raising."""

# ruff: noqa: E402 - imported where it is there

from typing import Any

import pytest

pytest.importorskip("werkzeug", reason="needs werkzeug from PyPI")
import werkzeug.exceptions
import werkzeug.routing

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


def aborted(*arguments: Any) -> BaseException:
    try:
        werkzeug.exceptions.abort(*arguments)
    except Exception as exc:
        return exc


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "abort": (lambda: aborted(403), 403),
        "abort with a response": (lambda: aborted(werkzeug.Response(status=410)), 410),
        "not found": (lambda: werkzeug.exceptions.NotFound(), 404),
        "a key of a form": (lambda: werkzeug.exceptions.BadRequestKeyError("sku"), 400),
        "redirect": (lambda: werkzeug.routing.RequestRedirect("/there"), 308),
        "unavailable": (lambda: werkzeug.exceptions.ServiceUnavailable(), 503),
    }
