"""Sanic has an exception for each answer that is an error."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("sanic", reason="needs sanic from PyPI")
import sanic.exceptions

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "not found": (lambda: sanic.exceptions.NotFound(), 404),
        "not allowed": (lambda: sanic.exceptions.Forbidden(), 403),
        "of any status": (lambda: sanic.exceptions.SanicException(status_code=410), 410),
        "unavailable": (lambda: sanic.exceptions.ServiceUnavailable(), 503),
    }
