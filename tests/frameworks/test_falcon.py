"""Falcon answers by raising its errors, redirects and statuses."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("falcon", reason="needs falcon from PyPI")
import falcon

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "not found": (lambda: falcon.HTTPNotFound(), 404),
        "redirect": (lambda: falcon.HTTPMovedPermanently("/there"), 301),
        "a status": (lambda: falcon.HTTPStatus(falcon.HTTP_204), 204),
        "an error of any status": (lambda: falcon.HTTPError("410 Gone"), 410),
        "unavailable": (lambda: falcon.HTTPServiceUnavailable(), 503),
    }
