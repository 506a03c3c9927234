"""Numbers as people say them."""

import math


def seconds(value: float) -> str:
    """A duration as people say it: 850 µs, 12 ms, 1.4 s, 3 min."""
    for size, unit in ((60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if abs(value) >= size * (2 if unit == "min" else 1):
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value * 1e6)} µs" if value else "0 s"


def between(low: float, high: float | None) -> str:
    """A duration of which only its histogram's bucket is known: < 5 ms, 100 to 250 ms, > 10 s."""
    if high is None:
        return f"> {seconds(low)}"
    if not low:
        return f"< {seconds(high)}"
    first, last = seconds(low), seconds(high)
    same = first.rpartition(" ")[2] == last.rpartition(" ")[2]
    return f"{first.partition(' ')[0] if same else first} to {last}"


def number(value: float, unit: str = "") -> str:
    """A number with its unit, three digits where it is small, separators where it is large."""
    if unit == "s":
        return seconds(value)
    if unit == "%":
        return f"{value:.1%}" if 0 < abs(value) < 0.1 else f"{value:.0%}"
    if unit == "By":
        for size, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if abs(value) >= size:
                return f"{_digits(value / size)} {name}"
    return f"{_digits(value)} {unit}".strip()


def axis_of(unit: str, largest: float) -> tuple[float, str]:
    """By what to multiply for the axis, and what to write there."""
    if unit == "s":
        return (1e6, "µs") if largest < 1e-3 else (1e3, "ms") if largest < 2 else (1.0, "s")
    if unit == "By":
        return 1 / 2**20, "MiB"
    return (100.0, "%") if unit == "%" else (1.0, unit)


def round_step(whole: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts `whole` into some four parts."""
    size = 10.0 ** math.floor(math.log10(whole / 4 or 1.0))
    return next(size * factor for factor in (1, 2, 5, 10) if whole / (size * factor) <= 5)


def _digits(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
