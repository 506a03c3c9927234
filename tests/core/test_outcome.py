"""From an exception to the one `error.type`. How it comes out on span and metric: `operation/test_outcomes.py`."""

import asyncio
import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest

from telemetry_kit._core import faults, outcome

if sys.version_info >= (3, 11):
    Group = BaseExceptionGroup  # noqa: F821
else:
    from exceptiongroup import BaseExceptionGroup as Group


class Mine(Exception): ...


def nested(depth: int) -> Any:
    return ValueError() if depth == 0 else Group("g", [nested(depth - 1)])


def test_a_builtin_has_its_bare_name() -> None:
    """Builtins are named without a module."""
    assert outcome.error_type(KeyError("a")) == "KeyError"


def test_others_have_their_module() -> None:
    """Exceptions of modules are `module.QualName`."""
    assert outcome.error_type(Mine()) == f"{__name__}.Mine"


def test_a_subclass_of_a_cancellation_is_one() -> None:
    """A subclass of asyncio's cancellation is a cancellation (ASY 1)."""

    class Cancelled(asyncio.CancelledError): ...

    assert outcome.error_type(Cancelled()) == "cancelled"


def test_a_deep_group_of_one_type_has_that_type() -> None:
    """Groups in groups in groups are looked into (ASY 2)."""
    assert outcome.error_type(nested(50)) == "ValueError"


def test_a_huge_group_takes_bounded_time() -> None:
    """A group of a hundred thousand leaves is judged by the first thousand at most (FLT 2)."""
    huge = Group("g", [ValueError()] * 100_000)

    assert str(outcome.error_type(huge)).endswith(("ValueError", "ExceptionGroup"))


@pytest.mark.parametrize(("leaves", "named"), [(999, "ValueError"), (1_000, "ExceptionGroup")])
def test_a_group_is_looked_into_as_far_as_a_thousand(leaves: int, named: str) -> None:
    """The group itself and 999 leaves are looked at; one that has more is named by itself, whatever they are."""
    kind = outcome.error_type(Group("g", [ValueError()] * leaves))

    assert str(kind).rpartition(".")[2] == named


def test_a_leaf_that_only_looks_like_a_group_is_a_leaf() -> None:
    """In a group, too, an exception with an attribute `exceptions` of its own is named, and expected, by its type."""

    class Report(Exception):
        exceptions = (KeyError(), KeyError())

    assert str(outcome.error_type(Group("g", [Report()]))).endswith("Report")
    assert outcome.classify(Report(), (KeyError,), "tests.outcome") is not None


def test_a_class_of_a_function_is_named_without_its_place() -> None:
    """`<locals>`, which nobody could write in an alert, is left out."""

    class Here(Exception): ...

    assert outcome.error_type(Here()) == f"{__name__}.test_a_class_of_a_function_is_named_without_its_place.Here"


def test_what_breaks_while_it_is_looked_at_is_a_fault_of_the_place() -> None:
    """An exception that can't be asked what it is has the outcome `_OTHER`, and the fault is counted where it was met."""

    class Odd(Exception):
        @property
        def exceptions(self) -> object:
            raise ValueError("not now")

    def expected(exc: BaseException) -> bool:
        raise LookupError("no idea")

    before = faults.counts()
    seen = [
        outcome.classify(Odd(), None, "tests.odd"),
        outcome.classify(Group("g", [KeyError()]), expected, "tests.expected"),
    ]
    counted = {site: count - before.get(site, 0) for site, count in faults.counts().items()}

    assert (seen, counted["tests.odd"], counted["tests.expected"]) == (["_OTHER", "KeyError"], 1, 1)


def test_so_many_classes_are_remembered_and_no_more() -> None:
    """A host that makes classes of exceptions on the fly, and keeps them, isn't helped to keep more than a thousand names."""
    kinds = [type(f"Made{number}", (Exception,), {}) for number in range(1_100)]
    for kind in kinds:
        outcome.error_type(kind())

    assert len(outcome._named) <= 1_000


def test_what_only_looks_like_a_group_is_none() -> None:
    """An exception with an attribute `exceptions` of its own is named by its type."""

    class Report(Exception):
        exceptions = (ValueError(), ValueError())

    assert outcome.error_type(Report()).endswith("Report")  # type: ignore[union-attr]


def test_a_class_with_an_odd_module() -> None:
    """A class whose module is no text is named by itself (FLT 2)."""
    odd = type("Odd", (Exception,), {"__module__": None})

    assert outcome.error_type(odd()) == "Odd"


def test_asking_imports_nothing() -> None:
    """Whether something is a cancellation is asked without importing asyncio."""
    program = (
        "import sys, opentelemetry.trace, opentelemetry.metrics; before = set(sys.modules);"
        "from telemetry_kit._core import outcome; outcome.error_type(ValueError()); new = set(sys.modules) - before;"
        "print('asyncio' in new, 'concurrent.futures' in new)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert printed.stdout.strip() == "False False"


def test_classes_that_are_remembered_are_not_kept() -> None:
    """What an exception's class is called is looked up once; a class made on the fly goes when nobody has it any more."""
    kind = type("Made", (ValueError,), {})
    assert [outcome.error_type(kind()), outcome.error_type(kind())] == [f"{__name__}.Made"] * 2
    reference = weakref.ref(kind)
    del kind
    gc.collect()

    assert reference() is None


def test_two_exits_of_one_class_are_two_outcomes() -> None:
    """What a class says of its outcome in each exception isn't remembered."""
    assert [outcome.error_type(SystemExit(code)) for code in (1, 0, 2)] == ["SystemExit", None, "SystemExit"]
