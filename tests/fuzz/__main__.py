"""Coverage-guided fuzzing of every carrier and both kinds of propagators, until it finds something or is told to stop.

    python -m tests.fuzz -max_total_time=300

Options are libFuzzer's. What it finds, it leaves in a file that it names, which is its argument the next time.
"""

import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["telemetry_kit"]):
    from tests.fuzz.targets import FIELDS, MAKERS, PROPAGATORS, harmless, stable

from opentelemetry import propagate

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def one(data: bytes) -> None:
    """A propagator, a carrier, and up to six fields of text or bytes."""
    given = atheris.FuzzedDataProvider(data)
    propagate.set_global_textmap(PROPAGATORS[given.PickValueInList(sorted(PROPAGATORS))])
    make = MAKERS[given.ConsumeIntInRange(0, len(MAKERS) - 1)]
    pairs: list[tuple[Any, Any]] = []
    for _ in range(given.ConsumeIntInRange(0, 6)):
        name = given.PickValueInList([*FIELDS, "Traceparent", "BAGGAGE"])
        kind = given.ConsumeIntInRange(0, 3)
        value: Any = given.ConsumeUnicode(given.ConsumeIntInRange(0, 2000))
        if kind == 1:
            value = given.ConsumeBytes(2000)
        elif kind == 2:
            value = PARENT + value[:20]
        elif kind == 3:
            value = [value, PARENT, None]
        pairs.append((name.encode() if given.ConsumeBool() else name, value))
    harmless(make, pairs, len(data))
    stable(pairs)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
