"""YAML for what is generated here: mappings, lists, strings and numbers; nothing else is needed of it."""

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""What YAML 1.1 reads as something else than text."""


def dump(value: Any) -> str:
    r"""The value as a YAML document.

    >>> print(dump({"expr": "a\nor\nb", "for": "5m", "labels": {"severity": "page"}, "on": [1, "yes"]}), end="")
    expr: |-
      a
      or
      b
    for: "5m"
    labels:
      severity: page
    "on":
      - 1
      - "yes"
    """
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _entry(f"{_text(str(key))}:", item)]
    if isinstance(value, list) and value:
        return [line for item in value for line in _item(item)]
    return [_scalar(value)]


def _entry(head: str, value: Any) -> list[str]:
    if isinstance(value, (dict, list)) and value:
        return [head, *(f"  {line}" for line in _lines(value))]
    if isinstance(value, str) and "\n" in value:
        return [f"{head} |-", *(f"  {line}" if line else "" for line in value.splitlines())]
    return [f"{head} {_scalar(value)}"]


def _item(value: Any) -> list[str]:
    first, *rest = _lines(value)
    return [f"- {first}", *(f"  {line}" if line else "" for line in rest)]


def _scalar(value: Any) -> str:
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
