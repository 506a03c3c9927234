"""Tornado answers by raising its HTTPError."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("tornado", reason="needs tornado from PyPI")
import tornado.web

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "not found": (lambda: tornado.web.HTTPError(404), 404),
        "a missing argument": (lambda: tornado.web.MissingArgumentError("sku"), 400),
        "unavailable": (lambda: tornado.web.HTTPError(503), 503),
    }
