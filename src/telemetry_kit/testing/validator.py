"""What is wrong with telemetry though no assertion asks for it: found in every test, named by a word and a line.

`never_ended`: a span that began and that nobody will end, or the block of a pool, a cache or whatever else that nobody
will leave. `ended_twice`: likewise. `attached`: a context that was made current and not put back. `keys`: the points of one helper have different attribute keys. `uncatalogued`: an instrument
on the kit's own meter that isn't in the catalogue. `fault`: a fault in telemetry that was kept from the host. `dropped`: a
value that can't be an attribute, or that came after the end of what it was said of. `overflow`: a value that was one too many and became `_OTHER`.
"""

from __future__ import annotations

import gc
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from opentelemetry.context import Context

from telemetry_kit._core import context as _context
from telemetry_kit._core import reentrancy
from telemetry_kit._recording.spans import RecordingSpan
from telemetry_kit.catalogue import METRICS, keys
from telemetry_kit.testing import callsite
from telemetry_kit.testing.helpers import KIT, helper_of, uncatalogued
from telemetry_kit.testing.open_blocks import OpenBlocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from telemetry_kit._recording.metrics import Instrument
    from telemetry_kit._recording.spans import RecordedSpan
    from telemetry_kit.testing.callsite import CallSite
    from telemetry_kit.testing.points import Point

Word = Literal["never_ended", "ended_twice", "attached", "keys", "uncatalogued", "fault", "dropped", "overflow"]
WORDS: tuple[Word, ...] = get_args(Word)
AT_THE_END: tuple[Word, ...] = ("never_ended", "attached")
"""What only the end of everything can show."""
_OF_SITES: dict[str, Word] = {"attributes.value": "dropped", "block.end": "ended_twice"}
"""Faults that have a word of their own, by their site."""
_SUSPENDED: dict[type, tuple[str, str]] = {
    types.GeneratorType: ("gi_frame", "gi_code"),
    types.CoroutineType: ("cr_frame", "cr_code"),
    types.AsyncGeneratorType: ("ag_frame", "ag_code"),
}
_ALWAYS = frozenset({keys.ERROR_TYPE})


class Finding(NamedTuple):
    """Something that is wrong: a word, what it is, and the line of the user's code.

    >>> from telemetry_kit import Telemetry
    >>> from telemetry_kit.testing import capture
    >>> with capture() as captured:
    ...     span = Telemetry("shop.orders").tracer.start_span("price")
    >>> [finding.word for finding in captured.findings()]
    ['never_ended']
    """

    word: Word
    message: str
    site: CallSite

    def __str__(self) -> str:
        return f"{self.word}: {self.message}\n    at {self.site}"


class Watched(Context):
    """The context in which a test begins: it remembers which line derived another from it."""

    noted: dict[str, CallSite]
    """By key, and not what was set there: to keep that would make it live longer than without a capture."""

    def copy(self) -> dict[str, object]:
        """What `opentelemetry.context.set_value` changes and makes a context of."""
        return _Derived(self, self.noted, callsite.of_caller())


class _Derived(dict[str, object]):
    def __init__(self, of: Context, noted: dict[str, CallSite], site: CallSite) -> None:
        super().__init__(of)
        self._noted, self._site = noted, site

    def __setitem__(self, key: str, value: object) -> None:
        self._noted[key] = self._site
        super().__setitem__(key, value)


class Validator:
    """Looks at what is recorded as it is recorded. It hears of it from the capture, and by the kit's core."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Finding] = {}
        self._running: dict[int, tuple[RecordedSpan, CallSite]] = {}
        self._keys: dict[Any, tuple[frozenset[str], CallSite]] = {}
        self._left_out: set[str] = set()
        self._odd: dict[tuple[str, str], tuple[frozenset[str], Finding]] = {}
        self._overflowed: set[str] = set()
        self._before: Context = Context()
        self._noted: dict[str, CallSite] = {}
        self._made_current: list[tuple[weakref.ref[Context], CallSite]] = []
        self._token: Any = None
        self.blocks: OpenBlocks = OpenBlocks()

    def findings(self, allow: Iterable[Word] = (), *, words: Iterable[Word] = WORDS) -> list[Finding]:
        """What is wrong so far, of these words and without those that are allowed."""
        wanted = set(words) - set(allow)
        found = list(self._found.values())
        found += [finding for keys, finding in self._odd.values() if not keys <= self._left_out]
        if "never_ended" in wanted:
            found += self._never_ended()
        if "attached" in wanted:
            found += self._still_attached()
        return [finding for finding in found if finding.word in wanted]

    # Contexts

    def watch_context(self) -> None:
        """From here on, in this thread or task, what is made current must be put back."""
        watched = Watched(_context.get_current())
        watched.noted = self._noted
        self._before = watched
        self._token = _context.attach(watched)

    def leave_context(self) -> None:
        """Put back what was current when `watch_context` was called."""
        token, self._token = self._token, None
        try:
            if token is not None:
                _context.detach(token)
        except Exception:  # another thread or task than it began in: nothing to be put back there
            pass

    def _still_attached(self) -> Iterable[Finding]:
        now, before = _context.get_current(), self._before
        if self._token is None or now is before:
            return
        changed = [key for key in {**before, **now} if now.get(key) is not before.get(key)]
        for key in changed or [""]:
            value = now.get(key)
            words, site = "a context that was made current is still current", callsite.NOWHERE
            if isinstance(value, RecordingSpan):
                words = f"the context of span {value.recorded.name!r} is still current"
                site = _began(value)
            if site is callsite.NOWHERE:
                site = self._noted.get(key) or self._line_of(now)
            yield Finding("attached", words, site)

    def _line_of(self, context: Context) -> CallSite:
        return next((site for made, site in reversed(self._made_current) if made() is context), callsite.NOWHERE)

    # Spans and other blocks

    def span_started(self, span: RecordedSpan) -> None:
        self._running[id(span)] = span, callsite.of_caller()

    def span_ended_again(self, span: RecordedSpan) -> None:
        site, words = callsite.of_caller(), f"the span {span.name!r} was ended, and had ended before"
        if (
            callsite.is_library(site) and id(span) in self._running
        ):  # as the target of a thread, whose caller has no line
            site, words = self._running[id(span)][1], f"{words}; it began"
        self._add("ended_twice", words, site)

    def _never_ended(self) -> Iterable[Finding]:
        reentrancy.drain()
        if self.blocks.still_open() or any(span.end is None for span, _ in self._running.values()):
            gc.collect()  # generators that nobody has any more end now
            reentrancy.drain()
        open_spans = [(span, site) for span, site in self._running.values() if span.end is None]
        blocks = self.blocks.still_open()
        busy = _running() if open_spans or blocks else set()
        told: set[CallSite] = set()
        for span, site in open_spans:
            if site.code not in busy and span.attributes.get(keys.CODE_FUNCTION_NAME) not in busy:
                told.add(site)
                yield Finding("never_ended", f"the span {span.name!r} was never ended; it began", site)
        for block in blocks:
            if block.site.code not in busy and block.site not in told:
                yield Finding("never_ended", f"{block.name} was never left; it began", block.site)

    # Metrics

    def instrument_made(self, instrument: Instrument) -> None:
        problem = uncatalogued(instrument) if instrument.scope == KIT else ""
        if problem:
            self._add("uncatalogued", f"{instrument.name!r} on the kit's own meter is {problem}", callsite.of_caller())

    def measured(self, instrument: Instrument, attributes: Mapping[str, object]) -> None:
        if instrument.scope == KIT:
            self._compare_keys(instrument.name, attributes, callsite.of_caller())

    def observed(self, point: Point) -> None:
        """A point of what the kit counts itself, of which no line is known."""
        if point.scope == KIT:
            self._compare_keys(point.metric, point.attributes or {}, callsite.NOWHERE)

    def _compare_keys(self, metric: str, attributes: Mapping[str, object], site: CallSite) -> None:
        spec = METRICS.get(metric)
        keys = frozenset(attributes) - _ALWAYS - frozenset(spec.attributes if spec else ())
        first, where = self._keys.setdefault((metric, helper_of(attributes)), (keys, site))
        if keys != first:
            message = f"{metric!r} of {_name(attributes)} has {_list(keys)} here, and had {_list(first)} at {where}"
            self._odd.setdefault((message, str(site)), (keys ^ first, Finding("keys", message, site)))

    # What the kit's core tells

    def fault(self, site: str, fault: BaseException) -> None:
        where = callsite.of_exception(fault) or callsite.of_caller()
        word, message = _OF_SITES.get(site, "fault"), _text(fault)
        self._add(word, f"at {site}: {type(fault).__name__}: {message}" if word == "fault" else message, where)

    def left_out(self, key: str) -> None:
        self._left_out.add(key)

    def lost(self, what: str, given: object, when: str) -> None:
        """It was said of what wasn't running."""
        site = callsite.of_own_caller()
        if site is not None:
            shown = ", ".join(map(repr, given)) if isinstance(given, dict) else f"{given!r:.100}"
            self._add("dropped", f"the {what} {shown} came {when}, and is lost", site)

    def made_current(self, context: Context) -> None:
        """By somebody who didn't derive it from what was current."""
        self._made_current.append((weakref.ref(context), callsite.of_caller()))

    def overflowed(self, key: str) -> None:
        if key in self._overflowed:  # a loop overflows at each turn: its first line says it
            return
        self._overflowed.add(key)
        self._add("overflow", f"a value of {key!r} was one too many and became _OTHER", callsite.of_caller())

    def _add(self, word: Word, message: str, site: CallSite) -> None:
        self._found.setdefault((word, message, str(site)), Finding(word, message, site))


def check_words(allow: object) -> tuple[Word, ...]:
    """`allow`, or the error that says which words there are."""
    words: Any = (allow,) if isinstance(allow, str) else allow
    if not isinstance(words, (tuple, list, set, frozenset)):
        raise TypeError(f"allow must be words out of {', '.join(WORDS)}, got {allow!r:.100}")
    for word in words:
        if word not in WORDS:
            raise ValueError(f"allow must be words out of {', '.join(WORDS)}, got {word!r:.100}")
    return tuple(words)


def report(findings: Sequence[Finding]) -> str:
    """What to say of them; empty where all is right."""
    if not findings:
        return ""
    words = ", ".join(repr(word) for word in WORDS if any(finding.word == word for finding in findings))
    is_meant = f"This telemetry isn't right. What is meant to be so is allowed by allow=({words},)."
    return "\n".join([*map(str, findings), is_meant])


def _began(span: RecordingSpan) -> CallSite:
    """Where it began, in whichever capture."""
    of: Any = span.sink
    return of.validator._running[id(span.recorded)][1]  # type: ignore[no-any-return]


def _running() -> set[Any]:
    """The code of all that is running, in any thread, or is suspended and may go on; of the latter the name, too: a
    decorated generator's span begins with its consumer's first step, which has ended long since."""
    running: set[Any] = set()
    for top in sys._current_frames().values():
        frame: Any = top
        while frame is not None:
            running.add(frame.f_code)
            frame = frame.f_back
    for thing in gc.get_objects():
        names = _SUSPENDED.get(type(thing))  # never isinstance: it would wake proxies
        frame = None if names is None else getattr(thing, names[0])
        if names is not None and frame is not None:
            running |= {getattr(thing, names[1]), f"{frame.f_globals.get('__name__')}.{thing.__qualname__}"}
    return running


def _name(attributes: Mapping[str, object]) -> str:
    own = [str(value) for key, value in attributes.items() if key.endswith(".name") and key != keys.SCOPE_NAME]
    return repr(own[0]) if own else "no helper"


def _list(keys: Iterable[str]) -> str:
    return f"the keys {', '.join(map(repr, sorted(keys)))}" if keys else "no keys"


def _text(fault: BaseException) -> str:
    try:
        return f"{fault}"[:500]
    except Exception:
        return "(its text can't be had)"
