"""An exception as text, as the interpreter would print it, at a fraction of what `traceback` takes for it.

A service that fails fails at few places. So the text of a frame (file, line, function, source) is made once and kept by
code object and line, and the rest is concatenation.

It prints what `traceback` prints, chained exceptions, groups and notes included, with three differences: the carets
under columns and the further lines of a statement of several lines (3.11, 3.13) are left out, so are the "Did you mean"
suggestions, for which the objects at hand would have to be searched, and what has no bound there has one here.
"""

import builtins
import linecache
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, TracebackType
from typing import Any

from telemetry_kit._core.interrupts import pass_on
from telemetry_kit._redaction.scrub import cut

FRAMES = 4_096
"""Texts of frames that are kept."""
FIRST, LAST = 60, 140
"""Frames printed of a longer stack: where it began and where it ended."""
CHAIN = 50
"""Exceptions printed of a longer chain: the last ones."""
MESSAGE = 8_192
"""Characters of a message."""
TOTAL = 65_536
"""Characters from which on nothing is added."""
GROUP_WIDTH, GROUP_DEPTH = 15, 10
"""As `traceback` has them."""
REPEATED = 3
"""Equal lines that are printed before they are counted."""

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", None)


def _is_group(exc: BaseException) -> bool:
    """Whether it is a group: the interpreter's, or before Python 3.11 the one of the backport."""
    if _GROUP is not None:
        return isinstance(exc, _GROUP)
    return isinstance(getattr(exc, "exceptions", None), tuple) and hasattr(exc, "derive")


class Formatter:
    """Prints exceptions; `clean` is applied to all text before it is put together (and then once for each frame).

    >>> try:
    ...     {}["sku"]
    ... except KeyError as missing:
    ...     text = Formatter().format(missing)
    >>> text.splitlines()[0], text.splitlines()[-1]
    ('Traceback (most recent call last):', "KeyError: 'sku'")
    """

    __slots__ = ("_clean", "_frames")

    def __init__(self, clean: Callable[[str], str] | None = None) -> None:
        self._clean = clean
        self._frames: dict[tuple[int, int | None], tuple[CodeType, str]] = {}

    def format(self, exc: BaseException, *, messages: bool = True, message: str | None = None) -> str:
        """`exc` with all that it was raised from; without `messages` only the types, in place of what they say.

        `message` is what `exc` says, where that is known already, and clean: it isn't asked for again.
        """
        if exc.__cause__ is None and exc.__context__ is None and not _is_group(exc):
            return self._stack(exc) + self._last_lines(exc, messages, message)
        return "".join(_Printer(self, messages, exc, message).text(_Node.tree(exc)))

    def _stack(self, exc: BaseException, header: str = "Traceback (most recent call last):\n") -> str:
        at = exc.__traceback__
        if at is None:
            return ""
        lines: list[str] = []
        seen: tuple[str, int | None, str] | None = None
        last: CodeType | None = None
        last_line: int | None = None
        count = 0
        frames = self._frames
        while at is not None:
            code = at.tb_frame.f_code
            number = at.tb_lineno
            if code is last and number == last_line:
                count += 1
            else:
                here = code.co_filename, number, code.co_name
                if here == seen:
                    count += 1
                else:
                    if count > REPEATED:
                        lines.append(_repeated(count))
                    seen, count = here, 1
                last, last_line = code, number
            if count <= REPEATED:
                known = frames.get((id(code), number))
                lines.append(known[1] if known is not None and known[0] is code else self._frame(at, number))
                if len(lines) > FIRST + 2 * LAST:
                    del lines[FIRST : FIRST + LAST]
                    lines[FIRST - 1] = "  [...]\n"
            at = at.tb_next
        if count > REPEATED:
            lines.append(_repeated(count))
        return header + "".join(lines)

    def _frame(self, at: TracebackType, number: int | None) -> str:
        code = at.tb_frame.f_code
        name = code.co_filename
        text = f'  File "{name}", line {number}, in {code.co_name}\n'
        if number is not None:
            linecache.lazycache(name, at.tb_frame.f_globals)
            source = linecache.getline(name, number).strip()
            if source:
                text += f"    {cut(source, MESSAGE)}\n"
        if self._clean is not None:
            text = self._clean(text)
        if len(self._frames) >= FRAMES:
            self._frames.clear()
        self._frames[id(code), number] = code, text
        return text

    def _last_lines(self, exc: BaseException, messages: bool, known: str | None = None) -> str:
        kind = type(exc)
        name: str = kind.__qualname__
        module: object = kind.__module__
        if module not in ("__main__", "builtins"):
            name = f"{module if isinstance(module, str) else '<unknown>'}.{name}"
        if not messages:
            return f"{name}\n"
        clean = self._clean
        if isinstance(exc, SyntaxError):
            text = _syntax_error(exc)
            return text if clean is None else clean(text)
        message = _string(exc, "<exception str() failed>") if known is None else known
        if known is None and clean is not None:
            message = clean(message)
        text = f"{name}: {message}\n" if message else f"{name}\n"
        notes = getattr(exc, "__notes__", None)
        if notes is None:
            return text
        further = "".join(_notes(notes))
        return text + (further if clean is None else clean(further))


class _Node:
    """An exception and what is printed with it."""

    __slots__ = ("before", "exc", "how", "inner")

    def __init__(self, exc: BaseException) -> None:
        self.exc = exc
        self.before: _Node | None = None
        self.how = ""
        self.inner: list[_Node] | None = None

    @classmethod
    def tree(cls, exc: BaseException) -> "_Node":
        """All that is to be printed of `exc`: each exception once, and a bounded number of them."""
        top = cls(exc)
        todo: list[_Node] = [top]
        seen = {id(exc)}
        while todo:
            node = todo.pop()
            exc = node.exc
            cause = exc.__cause__
            if cause is not None and id(cause) not in seen:
                node.before, node.how = cls(cause), _CAUSE
            elif not exc.__suppress_context__:
                context = exc.__context__
                if context is not None and id(context) not in seen:
                    node.before, node.how = cls(context), _CONTEXT
            if node.before is not None:
                seen.add(id(node.before.exc))
            if _is_group(exc):
                node.inner = [cls(part) for part in exc.exceptions[: GROUP_WIDTH + 1]]  # type: ignore[attr-defined]
                seen.update(id(part.exc) for part in node.inner)
            if len(seen) > 4 * CHAIN:
                node.before = None
                break
            if node.before is not None:
                todo.append(node.before)
            todo += node.inner or ()
        return top


class _Printer:
    """Puts the pieces together, with the margins of groups."""

    def __init__(self, formatter: Formatter, messages: bool, last: BaseException, message: str | None) -> None:
        self._formatter = formatter
        self._messages = messages
        self._last = last
        self._message = message
        self._depth = 0
        self._open = False

    def text(self, top: _Node) -> Iterator[str]:
        left = TOTAL
        for piece in self._chain(top):
            left -= len(piece)
            yield piece
            if left < 0:
                yield "[...]\n"
                return

    def _chain(self, node: _Node) -> Iterator[str]:
        chain: list[_Node] = []
        at: _Node | None = node
        while at is not None and len(chain) < CHAIN:
            chain.append(at)
            at = at.before
        if at is not None:
            yield self._margin("[...]\n" + chain[-1].how)
            chain[-1].before = None
        for link in reversed(chain):
            if link.before is not None:
                yield self._margin(link.how)
            if link.inner is None:
                yield self._margin(self._formatter._stack(link.exc))
                yield self._margin(self._last_lines(link.exc))
            elif self._depth > GROUP_DEPTH:
                yield self._margin(f"... (max_group_depth is {GROUP_DEPTH})\n")
            else:
                yield from self._group(link)

    def _group(self, node: _Node) -> Iterator[str]:
        formatter = self._formatter
        outermost = self._depth == 0
        if outermost:
            self._depth = 1
        stack = formatter._stack(node.exc, "")
        if stack:
            yield self._margin("Exception Group Traceback (most recent call last):\n", "+" if outermost else "|")
            yield self._margin(stack)
        yield self._margin(self._last_lines(node.exc))
        parts = node.inner or []
        self._open = False
        for place, part in enumerate(parts):
            if place == len(parts) - 1:
                self._open = True
            cut = place >= GROUP_WIDTH
            start = "+-" if place == 0 else "  "
            yield f"{' ' * 2 * self._depth}{start}+---------------- {'...' if cut else place + 1} ----------------\n"
            self._depth += 1
            if cut:
                more = len(node.exc.exceptions) - GROUP_WIDTH  # type: ignore[attr-defined]
                yield self._margin(f"and {more} more exception{'s' if more > 1 else ''}\n")
            else:
                yield from self._chain(part)
            if place == len(parts) - 1 and self._open:
                yield f"{' ' * 2 * self._depth}+------------------------------------\n"
                self._open = False
            self._depth -= 1
        if outermost:
            self._depth = 0

    def _last_lines(self, exc: BaseException) -> str:
        return self._formatter._last_lines(exc, self._messages, self._message if exc is self._last else None)

    def _margin(self, text: str, sign: str = "|") -> str:
        if not self._depth:
            return text
        margin = f"{' ' * 2 * self._depth}{sign} "
        return "".join(margin + line for line in text.splitlines(keepends=True))


def _repeated(count: int) -> str:
    more = count - REPEATED
    return f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n"


def _string(value: object, otherwise: str) -> str:
    try:
        return cut(str(value), MESSAGE)
    except Exception as odd:
        pass_on(odd)
        return otherwise


def _notes(notes: object) -> Iterator[str]:
    if isinstance(notes, Sequence) and not isinstance(notes, (str, bytes)):
        for note in notes[:CHAIN]:
            for line in _string(note, "<note str() failed>").split("\n"):
                yield line + "\n"
        return
    try:
        yield cut(repr(notes), MESSAGE) + "\n"
    except Exception as odd:
        pass_on(odd)
        yield "<__notes__ repr() failed>\n"


def _syntax_error(exc: SyntaxError) -> str:
    """The place in the source that an exception of this kind has, rare enough to leave it to `traceback`."""
    alone = traceback.TracebackException(type(exc), exc, None, compact=True)
    return "".join(alone.format_exception_only())[: 2 * MESSAGE]
