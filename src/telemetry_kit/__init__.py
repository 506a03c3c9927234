"""telemetry_kit says what a library or service does, on the OpenTelemetry API alone.

The host application chooses the SDK; without one everything is a no-op at almost no cost.
"""

from telemetry_kit._batch_job import BatchJob, JobRun, current_run
from telemetry_kit._cache import Cache
from telemetry_kit._current_span import enrich_span, set_span_attributes
from telemetry_kit._database import Database, Query
from telemetry_kit._exceptions import ErrorPolicy
from telemetry_kit._logs import LogCorrelation, LogSampling
from telemetry_kit._measurement import Measurement, current_measurement
from telemetry_kit._named import Handle
from telemetry_kit._operation import Operation
from telemetry_kit._pool import Pool
from telemetry_kit._pool_stats import PoolStats
from telemetry_kit._scrub import default_scrub
from telemetry_kit._telemetry import Telemetry
from telemetry_kit._version import VERSION as __version__

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
    "current_measurement",
    "current_run",
    "default_scrub",
    "enrich_span",
    "set_span_attributes",
]
