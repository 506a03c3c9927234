"""Django REST framework has an exception for each answer that is an error."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("rest_framework", reason="needs djangorestframework from PyPI")
import django
from django.conf import settings

if not settings.configured:
    settings.configure(SECRET_KEY="x", USE_TZ=True)
    django.setup()
from rest_framework import exceptions

from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "not found": (lambda: exceptions.NotFound(), 404),
        "validation": (lambda: exceptions.ValidationError({"sku": ["missing"]}), 400),
        "throttled": (lambda: exceptions.Throttled(wait=3), 429),
        "of its base": (lambda: exceptions.APIException(), 500),
    }
