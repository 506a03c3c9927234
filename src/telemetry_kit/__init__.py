"""telemetry_kit says what a library or service does, on the OpenTelemetry API alone.

The host application chooses the SDK; without one everything is a no-op at almost no cost. Names that not every
library needs are imported when they are first asked for: importing the kit must stay cheap.
"""

import importlib as _importlib
import typing as _typing

from telemetry_kit._core.error_policy import ErrorPolicy
from telemetry_kit._core.late import late_import as _late_import
from telemetry_kit._operation.current import current_measurement
from telemetry_kit._operation.measurement import Measurement
from telemetry_kit._operation.operation import Operation
from telemetry_kit._telemetry import Telemetry
from telemetry_kit._version import VERSION as __version__  # noqa: N811 - the name that tools look for

if _typing.TYPE_CHECKING:
    from telemetry_kit._core.names import Handle
    from telemetry_kit._events.logging_filters import LogCorrelation, LogSampling
    from telemetry_kit._executors.binding import bind
    from telemetry_kit._jobs.job import BatchJob, JobRun, current_run
    from telemetry_kit._operation.objective import Objective
    from telemetry_kit._redaction.scrub import default_scrub
    from telemetry_kit._spans.context_attributes import context_attributes
    from telemetry_kit._spans.current import enrich_span, set_span_attributes
    from telemetry_kit._use.cache import Cache
    from telemetry_kit._use.database import Database, Query
    from telemetry_kit._use.own_instruments import Counter
    from telemetry_kit._use.pool import Pool
    from telemetry_kit._use.pool_stats import PoolStats
    from telemetry_kit._use.queue import QueueStats
    from telemetry_kit.diagnosis.findings import Diagnosis, Finding, diagnose
    from telemetry_kit.propagation import attached, child_environment, extract, inject, link_to, links_to

__all__ = [
    "BatchJob",
    "Cache",
    "Counter",
    "Database",
    "Diagnosis",
    "ErrorPolicy",
    "Finding",
    "Handle",
    "JobRun",
    "LogCorrelation",
    "LogSampling",
    "Measurement",
    "Objective",
    "Operation",
    "Pool",
    "PoolStats",
    "Query",
    "QueueStats",
    "Telemetry",
    "__version__",
    "attached",
    "bind",
    "child_environment",
    "context_attributes",
    "current_measurement",
    "current_run",
    "default_scrub",
    "diagnose",
    "enrich_span",
    "extract",
    "inject",
    "link_to",
    "links_to",
    "set_span_attributes",
]

_HOMES = {
    "_core.names": ("Handle",),
    "_events.logging_filters": ("LogCorrelation", "LogSampling"),
    "_executors.binding": ("bind",),
    "_jobs.job": ("BatchJob", "JobRun", "current_run"),
    "_operation.objective": ("Objective",),
    "_redaction.scrub": ("default_scrub",),
    "_spans.context_attributes": ("context_attributes",),
    "_spans.current": ("enrich_span", "set_span_attributes"),
    "_use.cache": ("Cache",),
    "_use.database": ("Database", "Query"),
    "_use.own_instruments": ("Counter",),
    "_use.pool": ("Pool",),
    "_use.pool_stats": ("PoolStats",),
    "_use.queue": ("QueueStats",),
    "diagnosis.findings": ("Diagnosis", "Finding", "diagnose"),
    "propagation": ("attached", "child_environment", "extract", "inject", "link_to", "links_to"),
}
"""Where the names stand that not every library needs."""
_IN_PICKLES = {
    "_core.recipe": ("_again",),
    "_core.scope": ("_made_again",),
    "_errors.recorder": ("_recorder_like",),
    "_jobs.options": ("JobOptions",),
    "_operation.options": ("OperationOptions",),
    "_telemetry": ("_of_scope",),
}
"""Where the names stand that only pickles of handles have."""
_HOME_OF = {name: home for homes in (_HOMES, _IN_PICKLES) for home, names in homes.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    with _late_import():
        value = getattr(_importlib.import_module(f"{__name__}.{home}"), name)
    if name in __all__:
        globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
