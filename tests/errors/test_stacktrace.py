"""Stack traces, against those of the standard library on every Python.

What is compared is `traceback`'s text without column carets, which `Formatter` leaves out.
"""

import linecache
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit._errors import stacktrace
from telemetry_kit._errors.stacktrace import Formatter

if sys.version_info >= (3, 11):
    Group: Any = ExceptionGroup  # noqa: F821
else:  # pytest brings it, and it teaches `traceback` to print groups and notes
    from exceptiongroup import ExceptionGroup as Group  # type: ignore[import-not-found,unused-ignore]


def expected(exc: BaseException) -> str:
    """What `traceback` prints, without carets."""
    told = traceback.TracebackException(type(exc), exc, exc.__traceback__, compact=True)

    def without_columns(one: Any) -> None:
        for frame in one.stack:
            if hasattr(frame, "colno"):
                frame.colno = frame.end_colno = None
        for other in (one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())):
            if other is not None:
                without_columns(other)

    without_columns(told)
    return "".join(told.format())


def caught(fail: Callable[[], object]) -> BaseException:
    try:
        fail()
    except BaseException as exc:
        return exc
    raise AssertionError("it should have failed")


def plain() -> None:
    raise ValueError("first\nsecond")


def without_text() -> None:
    raise ValueError


def from_cause() -> None:
    try:
        plain()
    except ValueError as problem:
        raise KeyError("sku") from problem


def from_context() -> None:
    try:
        from_cause()
    except KeyError:
        raise RuntimeError("again") from None


def while_handling() -> None:
    try:
        from_cause()
    except KeyError:
        raise RuntimeError("again")  # noqa: B904 - the case


def circle() -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__context__, two.__context__ = two, one
    raise one


def self_cause() -> None:
    one = ValueError("one")
    one.__cause__ = one
    raise one


def never_raised() -> None:
    try:
        raise ValueError("raised") from KeyError("never was")
    except ValueError:
        raise


def recursion(depth: int = 40) -> None:
    if depth:
        recursion(depth - 1)
    raise ZeroDivisionError


def other(depth: int) -> None:
    mutual(depth)


def mutual(depth: int = 20) -> None:
    if depth:
        other(depth - 1)
    raise ZeroDivisionError


def too_deep() -> None:
    def again() -> None:
        again()

    again()


def syntax() -> None:
    compile("x = (1,\n  2 2)\n", "<a template>", "exec")


def indentation() -> None:
    compile("if x:\npass\n", "<a template>", "exec")


def syntax_by_hand() -> None:
    raise SyntaxError("odd", ("a file", 3, 2, "  x y\n"))


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("in __str__")


def unprintable() -> None:
    raise Unprintable


class Outer:
    class Inner(Exception):
        pass


def of_a_module() -> None:
    raise Outer.Inner("text")


def of_no_module() -> None:
    kind = type("Odd", (Exception,), {"__module__": None})
    raise kind("text")


def several_lines() -> None:
    (
        plain
        # what is called
        ()
    )


def without_source() -> None:
    exec(compile("raise ValueError('no file')", "<generated>", "exec"), {})


def notes() -> None:
    try:
        plain()
    except ValueError as problem:
        if hasattr(problem, "add_note"):
            problem.add_note("of the order\nA1")
            problem.add_note("")
        raise


def odd_notes() -> None:
    problem = ValueError("text")
    problem.__notes__ = (1, Unprintable(), "x")  # type: ignore[attr-defined]
    raise problem


CASES = [
    plain, without_text, from_cause, from_context, while_handling, circle, self_cause, never_raised, recursion, mutual,
    syntax, indentation, syntax_by_hand, unprintable, of_a_module, of_no_module, several_lines, without_source,
    notes, odd_notes,
]  # fmt: skip


@pytest.mark.parametrize("fail", CASES, ids=lambda case: case.__name__)
def test_as_the_standard_library_prints_it(fail: Callable[[], None]) -> None:
    """Frames, causes, contexts, notes, syntax errors: the same text."""
    exc = caught(fail)

    assert Formatter().format(exc) == expected(exc)


def test_a_stack_overflow_is_folded() -> None:
    """A thousand equal frames are three and a number, as `traceback` has it (ASY 6)."""
    exc = caught(too_deep)

    text = Formatter().format(exc)

    assert text == expected(exc)
    assert text.count("\n") < 20


def group() -> None:
    parts = [caught(case) for case in (plain, from_cause, while_handling, notes, syntax)]
    raise Group("several\nlines", parts)


def nested_groups() -> None:
    inner = Group("inner", [KeyError("sku"), caught(plain)])
    try:
        raise Group("outer", [inner, ValueError("text"), Group("one", [Group("two", [OSError()])])])
    except BaseException as problem:
        raise RuntimeError("top") from problem


def wide_group() -> None:
    raise Group("wide", [ValueError(number) for number in range(30)])


def just_too_wide_group() -> None:
    raise Group("wide", [ValueError(number) for number in range(16)])


def deep_group() -> None:
    exc: Exception = ValueError("leaf")
    for level in range(15):
        exc = Group(str(level), [exc])
    raise exc


def chained_in_group() -> None:
    try:
        group()
    except Exception as problem:
        raise Group("again", [problem, caught(from_cause)]) from problem


@pytest.mark.parametrize(
    "fail",
    [group, nested_groups, wide_group, just_too_wide_group, deep_group, chained_in_group],
    ids=lambda case: case.__name__,
)
def test_groups_as_the_standard_library_prints_them(fail: Callable[[], None]) -> None:
    """Margins, numbers, limits of width and depth: the same text."""
    exc = caught(fail)

    assert Formatter().format(exc) == expected(exc)


def test_a_second_time_from_memory() -> None:
    """The text of a frame is kept, and is the same the second time."""
    formatter = Formatter()

    assert formatter.format(caught(plain)) == formatter.format(caught(plain)) == expected(caught(plain))


def test_a_code_object_at_an_old_address_is_another() -> None:
    """Generated functions come and go at the same address: each has its own text."""
    formatter = Formatter()
    for number in range(200):
        space: dict[str, Any] = {}
        exec(compile(f"def f{number}():\n    raise ValueError", "<generated>", "exec"), space)
        text = formatter.format(caught(space.pop(f"f{number}")))
        assert f"in f{number}\n" in text


def test_the_memory_is_bounded() -> None:
    """However many functions fail, so many texts are kept."""
    formatter = Formatter()
    for number in range(stacktrace.FRAMES + 50):
        space: dict[str, Any] = {}
        exec(compile(f"def f():\n    raise ValueError({number})", "<generated>", "exec"), space)
        formatter.format(caught(space["f"]))

    assert len(formatter._frames) <= stacktrace.FRAMES


def test_without_messages_only_the_types() -> None:
    """`messages=False` leaves out what exceptions and notes say, in the whole chain."""
    secret = "0123".replace("1", "x")

    def fail() -> None:
        try:
            raise KeyError(secret)
        except KeyError as problem:
            raise RuntimeError(secret) from problem

    text = Formatter().format(caught(fail), messages=False)

    assert text.splitlines()[-1] == "RuntimeError"
    assert "\nKeyError\n" in text
    assert secret not in text


def test_a_long_chain_is_bounded() -> None:
    """Of a chain of ten thousand the last ones are printed, in bounded time and size."""
    exc = ValueError("0")
    for number in range(10_000):
        newer = ValueError(str(number))
        newer.__context__ = exc
        exc = newer

    text = Formatter().format(exc)

    assert len(text) < 20_000
    assert text.splitlines()[-1] == "ValueError: 9999"
    assert text.startswith("[...]\n")


def test_a_deep_stack_of_different_frames_is_bounded() -> None:
    """Of a deep stack its beginning and its end are printed."""
    lines = "\n".join(f"def f{number}():\n    f{number + 1}()" for number in range(800))
    space: dict[str, Any] = {}
    exec(compile(f"{lines}\ndef f800():\n    raise ValueError('deep')", "<generated>", "exec"), space)

    text = Formatter().format(caught(space["f0"]))

    assert "in f0\n" in text
    assert "in f800\n" in text
    assert "  [...]\n" in text
    assert text.count("\n") < 500


def test_a_huge_message_is_cut() -> None:
    """A message of ten million characters doesn't make a stack trace of that size."""
    exc = ValueError("x" * 10_000_000)

    assert len(Formatter().format(exc)) < 10_000


def test_frames_are_cleaned_once_and_messages_each_time() -> None:
    """What cleans the text sees each frame once, and each message."""
    seen: list[str] = []

    def clean(text: str) -> str:
        seen.append(text)
        return text.replace("second", "***")

    formatter = Formatter(clean)
    texts = [formatter.format(caught(plain)) for _ in range(3)]

    assert all("***" in text and "second" not in text.splitlines()[-1] for text in texts)
    assert seen.count("first\nsecond") == 3
    assert len(seen) <= 3 + 4


def test_source_of_a_zip_or_a_loader(tmp_path: Any) -> None:
    """Source that only a loader has is printed, as `traceback` does."""

    class Loader:
        def get_source(self, name: str) -> str:
            return "def fail():\n    raise ValueError('loaded')\n"

    space: dict[str, Any] = {"__name__": "loaded", "__loader__": Loader()}
    exec(compile(Loader().get_source("loaded"), "<not a file>.py", "exec"), space)
    linecache.cache.pop("<not a file>.py", None)

    assert "raise ValueError('loaded')" in Formatter().format(caught(space["fail"]))
