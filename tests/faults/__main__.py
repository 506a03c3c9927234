"""`python -m tests.faults FOLDER`: the tour through the copy of the package in FOLDER, with each place broken in turn.

Prints, as JSON, what it found wrong: places that the tour doesn't reach, and those at which a fault changed a result, got
out, or wasn't counted.
"""

import contextvars
import faulthandler
import fnmatch
import gc
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PATIENCE = 60
"""Seconds for one step of the tour."""
ENOUGH = 2
"""Steps in which a place is broken, where more come by."""


def main(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import broken_places

    import telemetry_kit
    from telemetry_kit._core import ambient, faults

    assert Path(telemetry_kit.__file__).is_relative_to(folder), telemetry_kit.__file__
    broken_places.outside = str(folder / "outside")
    Path(broken_places.outside).touch()
    record = faults.record

    def listened(site: str, fault: BaseException, **about: str) -> None:
        broken_places.record(site)
        record(site, fault, **about)

    faults.record = listened
    from tests.faults.places import named_sites, places
    from tests.faults.tour import STEPS
    from tests.support import Sdk

    def run(step: Callable[[Any], Any]) -> Any:
        """What the step gives; what it raises is given too."""
        broken_places.forget()
        ambient.used = False  # once used they are looked for by every call, which goes another way then
        before = faults.counts()
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        sdk = Sdk()
        propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]))
        try:
            result = contextvars.copy_context().run(step, sdk)
            sdk.metrics()
        except Exception as problem:
            result = f"{type(problem).__name__}: {problem}"
        broken_places.armed = ""
        sdk.shutdown()
        faulthandler.cancel_dump_traceback_later()
        broken_places.hear()
        # Where a module has bound `record` at import only the counts tell.
        broken_places.recorded.extend(site for site, number in faults.counts().items() if number > before.get(site, 0))
        return result

    problems: list[str] = []
    came_by: dict[str, list[str]] = {}
    results: dict[str, Any] = {}
    took: dict[str, float] = {}
    sites: set[str] = set()
    for name, step in STEPS.items():
        gc.collect()  # what an earlier step made isn't this one's to come by
        began = time.perf_counter()
        results[name] = run(step)
        took[name] = time.perf_counter() - began
        if isinstance(results[name], str) and "Error: " in results[name]:
            problems.append(f"the tour itself fails at {name}: {results[name]}")
        for point in broken_places.reached:
            came_by.setdefault(point, []).append(name)
        sites |= set(broken_places.recorded)

    package = Path("src/telemetry_kit")
    found = places(package)
    ever = set(came_by)
    for place in found:
        points = [place.where + end for end in "<>="]
        for point in points[:2]:
            comers = sorted(came_by.get(point, []), key=took.__getitem__)
            for name in comers if "*" in place.site else comers[:ENOUGH]:
                broken_places.armed = point
                result = run_armed(run, STEPS[name], broken_places, point)
                ever |= broken_places.reached
                sites |= set(broken_places.recorded)
                if result != results[name]:
                    problems.append(f"{point} ({place.site}) in {name}: {result!r} instead of {results[name]!r}")
                if not any(fnmatch.fnmatch(site, place.site) for site in broken_places.recorded):
                    problems.append(
                        f"{point} ({place.site}) in {name}: not counted, {sorted(set(broken_places.recorded))}"
                    )
    problems += [
        f"{place.where} ({place.site}): no step of tests/faults/tour.py comes by"
        for place in found
        if not any(place.where + end in ever for end in "<>=")
    ]
    missing = [site for site in sorted(named_sites(package)) if not any(fnmatch.fnmatch(s, site) for s in sites)]
    problems += [f"site {site!r}: no fault was counted there" for site in missing]
    print(json.dumps({"places": len(found), "sites": len(sites), "took": took, "problems": problems}, indent=1))


def run_armed(run: Any, step: Any, broken_places: Any, point: str) -> Any:
    broken_places.armed = point
    try:
        return run(step)
    finally:
        broken_places.armed = ""


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
