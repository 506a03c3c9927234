"""A stack trace as text."""

import traceback


def format_exception(exc: BaseException, *, messages: bool = True) -> str:
    """What `traceback` would print of `exc`."""
    return "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
