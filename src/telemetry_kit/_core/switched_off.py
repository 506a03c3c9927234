"""How a host switches a library's telemetry off: `TELEMETRY_KIT_DISABLED`, by names and patterns."""

import fnmatch
import os

VARIABLE = "TELEMETRY_KIT_DISABLED"
"""Names or patterns of libraries, separated by commas: `acme.*,shop`."""
_EVERY = ("*", "true", "1", "all")
_NONE = ("", "false", "0")


def patterns() -> list[str]:
    """The names and patterns of now. `*`, `true`, `1` and `all` are `*`; `false`, `0` and nothing are none, in any case.

    >>> import os
    >>> os.environ[VARIABLE] = "acme.*, shop"
    >>> patterns()
    ['acme.*', 'shop']
    >>> os.environ[VARIABLE] = "False"
    >>> patterns()
    []
    >>> del os.environ[VARIABLE]
    """
    words = [word.strip() for word in os.environ.get(VARIABLE, "").split(",")]
    return ["*" if word.lower() in _EVERY else word for word in words if word.lower() not in _NONE]


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern means the library of this name. Names are told apart by case, as Python tells modules."""
    return fnmatch.fnmatchcase(name, pattern)


def is_switched_off(name: str) -> bool:
    """Whether the host has switched the library of this name off."""
    return any(matches(pattern, name) for pattern in patterns())
