"""The options of an operation, once: their defaults, and what is said where one can't be right. A new one is a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.trace import SpanKind

from telemetry_kit._core import declared, names
from telemetry_kit._core.declared import INCOMING
from telemetry_kit._core.face import public
from telemetry_kit._core.outcome import CheckedExpected, Expected, check_expected
from telemetry_kit._operation.objective import Objective, Objectives, check_objectives
from telemetry_kit.conventions import Convention

if TYPE_CHECKING:
    from telemetry_kit._wrapping.arguments import Arguments, Attributes

SpanMode = bool | Literal["current", "errors"]
ErrorIf = Callable[[Any], "bool | str | None"]


def called(name: object) -> str:
    """What an operation of this name is called in messages. A name is a str that isn't empty, or None: the decorated
    function's."""
    if name is None:
        return "an operation"
    return f"operation {names.check_name('operation', name)!r}"


@public
@dataclass(frozen=True, kw_only=True, slots=True)
class OperationOptions:
    """What a user says of an operation, apart from its name; `Telemetry.operation` says what each one means."""

    kind: SpanKind = SpanKind.INTERNAL
    span: SpanMode = True
    metric_attributes: Attributes = None
    span_attributes: Attributes = None
    arguments: Arguments | None = None
    carrier: Any = None
    links: Any = None
    public_endpoint: bool = False
    expected: Expected = ()
    error_if: ErrorIf | None = None
    convention: Convention | None = None
    objective: Objectives = None
    sample_durations: float = 1.0

    def __post_init__(self) -> None:
        if not (self.objective is None or isinstance(self.objective, (Objective, tuple))):
            several = (
                self.objective
                if isinstance(self.objective, Iterable) and not isinstance(self.objective, str)
                else (self.objective,)
            )
            object.__setattr__(self, "objective", tuple(several))  # asked more than once

    def check(self, what: str) -> tuple[SpanKind, CheckedExpected | None]:
        """Raise TypeError or ValueError for what can't be right; gives the kind that applies, and `expected` ready to
        be asked."""
        kind = _check_kind(what, self.kind, self.convention)
        if not (isinstance(self.span, bool) or self.span in ("current", "errors")):
            msg = f'span of {what} must be True, False, "current" or "errors", got {self.span!r:.100}'
            raise ValueError(msg)
        for option in ("metric_attributes", "span_attributes"):
            declared.check_mapping(option, what, getattr(self, option), asked=True)
        if self.error_if is not None and not callable(self.error_if):
            msg = f"error_if of {what} must be a callable given the result, got {self.error_if!r:.100}"
            raise TypeError(msg)
        declared.check_carrier(what, kind, self.carrier)
        declared.check_flag("public_endpoint", what, self.public_endpoint)
        if self.public_endpoint and kind not in INCOMING:
            msg = f"kind of {what} must be SERVER or CONSUMER at a public_endpoint, got {kind.name}: others have no incoming context"
            raise ValueError(msg)
        check_objectives(what, self.objective)
        _check_share(what, self.sample_durations, self.convention)
        return kind, check_expected(what, self.expected)


def _check_kind(what: str, kind: object, convention: object) -> SpanKind:
    checked = declared.check_kind(what, kind)
    if convention is None:
        return checked
    if not isinstance(convention, Convention):
        msg = f"convention of {what} must be one of telemetry_kit.conventions, got {convention!r:.100}"
        raise TypeError(msg)
    if checked not in (SpanKind.INTERNAL, convention.kind):
        msg = f"kind of {what} must be {convention.kind.name} by {convention.name}, got {checked.name}: leave kind out"
        raise ValueError(msg)
    return convention.kind


def _check_share(what: str, share: object, convention: Convention | None) -> None:
    if isinstance(share, bool) or not isinstance(share, (int, float)):
        msg = f"sample_durations of {what} must be a number from 0.0 to 1.0, got {share!r:.100}"
        raise TypeError(msg)
    if not 0.0 <= share <= 1.0:
        msg = f"sample_durations of {what} must be from 0.0 to 1.0, got {share!r}"
        raise ValueError(msg)
    if share < 1.0 and convention is not None:
        msg = f"sample_durations of {what} must be 1.0 beside a convention, which needs every duration, got {share!r}: leave it out"
        raise ValueError(msg)
