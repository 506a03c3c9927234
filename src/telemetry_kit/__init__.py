"""telemetry_kit says what a library or service does, on the OpenTelemetry API alone.

The host application chooses the SDK; without one everything is a no-op at almost no cost. Names of rooms that not every
library needs are imported when they are first asked for: importing the kit must stay cheap.
"""

import importlib as _importlib
import typing as _typing

from telemetry_kit._exceptions import ErrorPolicy
from telemetry_kit._measurement import Measurement, current_measurement
from telemetry_kit._operation import Operation
from telemetry_kit._telemetry import Telemetry
from telemetry_kit._version import VERSION as __version__  # noqa: N811 - the name that tools look for

if _typing.TYPE_CHECKING:
    from telemetry_kit._batch_job import BatchJob, JobRun, current_run
    from telemetry_kit._cache import Cache
    from telemetry_kit._current_span import enrich_span, set_span_attributes
    from telemetry_kit._database import Database, Query
    from telemetry_kit._logs import LogCorrelation, LogSampling
    from telemetry_kit._named import Handle
    from telemetry_kit._pool import Pool
    from telemetry_kit._pool_stats import PoolStats
    from telemetry_kit._scrub import default_scrub
    from telemetry_kit.propagation import attached, bind, child_environment, extract, inject, link_to, links_to

__all__ = [
    "BatchJob",
    "Cache",
    "Database",
    "ErrorPolicy",
    "Handle",
    "JobRun",
    "LogCorrelation",
    "LogSampling",
    "Measurement",
    "Operation",
    "Pool",
    "PoolStats",
    "Query",
    "Telemetry",
    "__version__",
    "attached",
    "bind",
    "child_environment",
    "current_measurement",
    "current_run",
    "default_scrub",
    "enrich_span",
    "extract",
    "inject",
    "link_to",
    "links_to",
    "set_span_attributes",
]

_ROOMS = {
    "_batch_job": ("BatchJob", "JobRun", "current_run"),
    "_cache": ("Cache",),
    "_current_span": ("enrich_span", "set_span_attributes"),
    "_database": ("Database", "Query"),
    "_logs": ("LogCorrelation", "LogSampling"),
    "_named": ("Handle",),
    "_pool": ("Pool",),
    "_pool_stats": ("PoolStats",),
    "_scrub": ("default_scrub",),
    "propagation": ("attached", "bind", "child_environment", "extract", "inject", "link_to", "links_to"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    room = _ROOM_OF.get(name)
    if room is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = globals()[name] = getattr(_importlib.import_module(f"{__name__}.{room}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
