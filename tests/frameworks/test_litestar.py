"""Litestar has an exception for each answer that is an error."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("litestar", reason="needs litestar from PyPI")
import litestar.exceptions

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "not found": (lambda: litestar.exceptions.NotFoundException(), 404),
        "not allowed": (lambda: litestar.exceptions.PermissionDeniedException(), 403),
        "of any status": (lambda: litestar.exceptions.HTTPException(status_code=410), 410),
        "validation": (lambda: litestar.exceptions.ValidationException(), 400),
        "unavailable": (lambda: litestar.exceptions.ServiceUnavailableException(), 503),
    }
