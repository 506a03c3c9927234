"""Every metric of the kit and every attribute, once, as data.

Instruments, the reference page, rules, dashboards and tests derive from these two tables. A name, a unit or an attribute
in them is public: changing one breaks whoever charts or alerts on it.

>>> METRICS["operation.duration"].unit
's'
"""

from dataclasses import dataclass
from typing import Literal

from telemetry_kit.catalogue import keys

Instrument = Literal["histogram", "observable_counter", "observable_up_down_counter", "observable_gauge"]
Merge = Literal["sum", "larger", "smaller", "ratio"]
Group = Literal[
    "red", "objective", "use", "queue", "cache", "health", "event_loop", "database", "executor", "job", "self"
]
AttributeType = Literal["string", "int", "double", "boolean"]

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""What the HTTP conventions advise for requests."""
WAIT_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""From a lock that is nearly free to a task that sits in a queue for minutes."""
DATABASE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""What the database conventions advise for calls and connections."""
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""A healthy loop lags by less than a millisecond; one that lags by seconds is stuck."""
JOB_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)
"""From a second to a day."""
ROWS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
"""What the database conventions advise for returned rows."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: what it is called, what it counts in, and which attributes its points can have.

    Attributes declared by the user (`metric_attributes=`) come on top where the helper takes them.

    >>> METRICS["operation.duration"].unit
    's'
    """

    name: str
    instrument: Instrument
    unit: str
    description: str
    attributes: tuple[str, ...]
    group: Group
    boundaries: tuple[float, ...] | None = None
    """Bucket boundaries of a histogram, else None."""
    merge: Merge = "sum"
    """What two sources of one series make, of an instrument that is observed; `ratio`: sum of the used by sum of the limits."""


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """One attribute: the type of its values, what it says, some of its values, or all that it can have.

    >>> {attribute.key: attribute.values for attribute in ATTRIBUTES}["cache.result"]
    ('hit', 'miss')
    """

    key: str
    type: AttributeType
    brief: str
    examples: tuple[str | int | float, ...] = ()
    values: tuple[str, ...] = ()
    """All values that it can have, where they are a closed set; else empty."""


def _spec(
    group: Group,
    instrument: Instrument,
    name: str,
    unit: str,
    description: str,
    *attributes: str,
    boundaries: tuple[float, ...] | None = None,
    merge: Merge | None = None,
) -> MetricSpec:
    merge = merge or ("larger" if instrument == "observable_gauge" else "sum")
    return MetricSpec(name, instrument, unit, description, attributes, group, boundaries, merge)


_OPERATION_OBJECTIVE = (keys.OPERATION_NAME, keys.SCOPE_NAME, keys.OBJECTIVE_NAME)
_OPERATION = (keys.OPERATION_NAME, keys.SCOPE_NAME)
_POOL = (keys.POOL_NAME, keys.SCOPE_NAME)
_QUEUE = (keys.QUEUE_NAME, keys.SCOPE_NAME)
_CACHE = (keys.CACHE_NAME, keys.SCOPE_NAME)
_HEALTH = (keys.HEALTH_CHECK_NAME, keys.SCOPE_NAME)
_EXECUTOR = (keys.EXECUTOR_NAME, keys.EXECUTOR_TYPE, keys.SCOPE_NAME)
_JOB = (keys.JOB_NAME, keys.SCOPE_NAME)
_SERVER = (keys.SERVER_ADDRESS, keys.SERVER_PORT)
_HTTP = (keys.HTTP_REQUEST_METHOD, keys.HTTP_RESPONSE_STATUS_CODE)
_HTTP_SERVER = (*_HTTP, keys.HTTP_ROUTE, keys.URL_SCHEME, keys.ERROR_TYPE)
_HTTP_CLIENT = (*_HTTP, *_SERVER, keys.ERROR_TYPE)
_RPC = (keys.RPC_SYSTEM_NAME, keys.RPC_METHOD, keys.RPC_RESPONSE_STATUS_CODE, *_SERVER, keys.ERROR_TYPE)
_DB = (
    keys.DB_SYSTEM_NAME,
    keys.DB_COLLECTION_NAME,
    keys.DB_NAMESPACE,
    keys.DB_OPERATION_NAME,
    keys.DB_QUERY_SUMMARY,
    keys.DB_RESPONSE_STATUS_CODE,
    *_SERVER,
    keys.ERROR_TYPE,
)
_MESSAGING = (
    keys.MESSAGING_SYSTEM,
    keys.MESSAGING_OPERATION_NAME,
    keys.MESSAGING_OPERATION_TYPE,
    keys.MESSAGING_DESTINATION_NAME,
    keys.MESSAGING_CONSUMER_GROUP_NAME,
    *_SERVER,
    keys.ERROR_TYPE,
)
_CONNECTIONS = (keys.DB_CLIENT_CONNECTION_POOL_NAME,)

_HISTOGRAM: Instrument = "histogram"
_COUNTER: Instrument = "observable_counter"
_UP_DOWN: Instrument = "observable_up_down_counter"
_GAUGE: Instrument = "observable_gauge"

CATALOGUE: tuple[MetricSpec, ...] = (
    # RED
    _spec("red", _HISTOGRAM, "operation.duration", "s", "How long operations took", *_OPERATION, keys.ERROR_TYPE,
          boundaries=REQUEST_SECONDS),
    _spec("red", _UP_DOWN, "operation.active", "{operation}", "Operations that are running", *_OPERATION),
    _spec("red", _COUNTER, "operation.calls", "{call}", "Operations that ended, where durations are sampled",
          *_OPERATION, keys.ERROR_TYPE),
    _spec("red", _COUNTER, "operation.time", "s", "Time that operations took in all, where durations are sampled",
          *_OPERATION, keys.ERROR_TYPE),
    _spec("red", _HISTOGRAM, "http.server.request.duration", "s", "How long requests to this server took, by the kit",
          *_HTTP_SERVER, boundaries=REQUEST_SECONDS),
    _spec("red", _UP_DOWN, "http.server.active_requests", "{request}", "Requests that this server is at, by the kit",
          keys.HTTP_REQUEST_METHOD, keys.URL_SCHEME),
    _spec("red", _HISTOGRAM, "http.client.request.duration", "s", "How long requests of this client took, by the kit",
          *_HTTP_CLIENT, boundaries=REQUEST_SECONDS),
    _spec("red", _HISTOGRAM, "rpc.server.call.duration", "s", "How long calls to this server took, by the kit", *_RPC,
          boundaries=REQUEST_SECONDS),
    _spec("red", _HISTOGRAM, "rpc.client.call.duration", "s", "How long calls of this client took, by the kit", *_RPC,
          boundaries=REQUEST_SECONDS),
    _spec("red", _HISTOGRAM, "messaging.client.operation.duration", "s",
          "How long sending and receiving messages took, by the kit", *_MESSAGING, boundaries=REQUEST_SECONDS),
    _spec("red", _HISTOGRAM, "messaging.process.duration", "s", "How long processing messages took, by the kit",
          *_MESSAGING, boundaries=REQUEST_SECONDS),
    # Objectives
    _spec("objective", _COUNTER, "operation.objective.calls", "{call}", "Calls by whether they met the objective",
          *_OPERATION_OBJECTIVE, keys.OBJECTIVE_RESULT),
    _spec("objective", _GAUGE, "operation.objective.target", "1", "Share of the calls that are to meet the objective",
          *_OPERATION_OBJECTIVE),
    # USE
    _spec("use", _UP_DOWN, "pool.usage", "{item}", "Items of the pool that are taken", *_POOL),
    _spec("use", _UP_DOWN, "pool.limit", "{item}", "Items that the pool has at most", *_POOL),
    _spec("use", _GAUGE, "pool.utilization", "1", "Share of the pool that is taken", *_POOL, merge="ratio"),
    _spec("use", _UP_DOWN, "pool.pending", "{request}", "Requests that wait for an item of the pool", *_POOL),
    _spec("use", _HISTOGRAM, "pool.wait_time", "s", "How long an item of the pool was waited for", *_POOL,
          keys.ERROR_TYPE, boundaries=WAIT_SECONDS),
    _spec("use", _HISTOGRAM, "pool.use_time", "s", "How long an item of the pool was used", *_POOL, keys.ERROR_TYPE,
          boundaries=WAIT_SECONDS),
    _spec("use", _COUNTER, "pool.errors", "{error}", "Errors of the pool", *_POOL, keys.ERROR_TYPE),
    _spec("queue", _UP_DOWN, "queue.size", "{item}", "Items in the queue", *_QUEUE),
    _spec("queue", _UP_DOWN, "queue.limit", "{item}", "Items that the queue takes at most", *_QUEUE),
    _spec("queue", _GAUGE, "queue.oldest_age", "s", "How long the oldest item has been in the queue", *_QUEUE),
    _spec("cache", _COUNTER, "cache.requests", "{request}", "Look-ups in the cache", *_CACHE, keys.CACHE_RESULT),
    _spec("cache", _COUNTER, "cache.evictions", "{entry}", "Entries that the cache let go for others", *_CACHE),
    _spec("cache", _UP_DOWN, "cache.size", "{entry}", "Entries in the cache", *_CACHE),
    _spec("cache", _UP_DOWN, "cache.limit", "{entry}", "Entries that the cache keeps at most", *_CACHE),
    _spec("cache", _HISTOGRAM, "cache.load.duration", "s", "How long loading a missing entry took", *_CACHE,
          keys.ERROR_TYPE, boundaries=REQUEST_SECONDS),
    _spec("health", _GAUGE, "health.status", "", "1 if the check finds it healthy, else 0", *_HEALTH, merge="smaller"),
    _spec("health", _HISTOGRAM, "health.check.duration", "s", "How long the health check took", *_HEALTH, keys.ERROR_TYPE,
          boundaries=REQUEST_SECONDS),
    _spec("event_loop", _HISTOGRAM, "event_loop.lag", "s", "How late the event loop ran what was due",
          keys.EVENT_LOOP_NAME, keys.SCOPE_NAME, boundaries=LAG_SECONDS),
    _spec("database", _HISTOGRAM, "db.client.operation.duration", "s", "How long database calls took, by the kit", *_DB,
          boundaries=DATABASE_SECONDS),
    _spec("database", _HISTOGRAM, "db.client.response.returned_rows", "{row}", "Rows that the database returned, by the kit",
          *_DB, boundaries=ROWS),
    _spec("database", _UP_DOWN, "db.client.connection.count", "{connection}", "Connections of the pool by state, by the kit",
          *_CONNECTIONS, keys.DB_CLIENT_CONNECTION_STATE),
    _spec("database", _UP_DOWN, "db.client.connection.max", "{connection}", "Connections that the pool opens at most, by the kit",
          *_CONNECTIONS),
    _spec("database", _UP_DOWN, "db.client.connection.idle.max", "{connection}",
          "Idle connections that the pool keeps at most, by the kit", *_CONNECTIONS),
    _spec("database", _UP_DOWN, "db.client.connection.idle.min", "{connection}",
          "Idle connections that the pool keeps at least, by the kit", *_CONNECTIONS),
    _spec("database", _UP_DOWN, "db.client.connection.pending_requests", "{request}",
          "Requests that wait for a connection, by the kit", *_CONNECTIONS),
    _spec("database", _COUNTER, "db.client.connection.timeouts", "{timeout}",
          "Requests for a connection that timed out, by the kit", *_CONNECTIONS),
    _spec("database", _HISTOGRAM, "db.client.connection.wait_time", "s", "How long a connection was waited for, by the kit",
          *_CONNECTIONS, boundaries=DATABASE_SECONDS),
    _spec("database", _HISTOGRAM, "db.client.connection.use_time", "s", "How long a connection was used, by the kit",
          *_CONNECTIONS, boundaries=DATABASE_SECONDS),
    _spec("database", _HISTOGRAM, "db.client.connection.create_time", "s", "How long opening a connection took, by the kit",
          *_CONNECTIONS, boundaries=DATABASE_SECONDS),
    # Executors
    _spec("executor", _UP_DOWN, "executor.worker.count", "{worker}", "Workers by state", *_EXECUTOR,
          keys.EXECUTOR_WORKER_STATE),
    _spec("executor", _UP_DOWN, "executor.worker.limit", "{worker}", "Workers that the executor has at most", *_EXECUTOR),
    _spec("executor", _GAUGE, "executor.worker.utilization", "1", "Share of the workers that are at a task", *_EXECUTOR,
          merge="ratio"),
    _spec("executor", _UP_DOWN, "executor.queue.size", "{task}", "Tasks that wait for a worker", *_EXECUTOR),
    _spec("executor", _HISTOGRAM, "executor.queue.wait_time", "s", "How long tasks waited for a worker", *_EXECUTOR,
          boundaries=WAIT_SECONDS),
    _spec("executor", _HISTOGRAM, "executor.task.duration", "s", "How long tasks ran", *_EXECUTOR, keys.ERROR_TYPE,
          boundaries=WAIT_SECONDS),
    _spec("executor", _COUNTER, "executor.tasks", "{task}", "Tasks by their one final outcome", *_EXECUTOR,
          keys.EXECUTOR_TASK_OUTCOME),
    # Batch jobs
    _spec("job", _GAUGE, "job.start.timestamp", "s", "Unix time at which the last run started", *_JOB),
    _spec("job", _GAUGE, "job.success.timestamp", "s",
          "Unix time at which the run completed well, 0 from its start until then", *_JOB),
    _spec("job", _GAUGE, "job.last_success.timestamp", "s", "Unix time of the last success, never set back", *_JOB),
    _spec("job", _GAUGE, "job.failed", "", "1 if the last finished run failed, else 0", *_JOB),
    _spec("job", _GAUGE, "job.end.timestamp", "s", "Unix time at which the last run ended, however it ended", *_JOB),
    _spec("job", _GAUGE, "job.last_success.age", "s", "Time since the last success in this process", *_JOB),
    _spec("job", _GAUGE, "job.expected_interval", "s", "Time in which a run is expected, as declared", *_JOB),
    _spec("job", _HISTOGRAM, "job.duration", "s", "How long runs took", *_JOB, keys.JOB_RESULT, keys.ERROR_TYPE,
          boundaries=JOB_SECONDS),
    _spec("job", _UP_DOWN, "job.active", "{run}", "Runs in progress", *_JOB),
    _spec("job", _GAUGE, "job.elapsed", "s", "How long the oldest active run has been running", *_JOB),
    _spec("job", _COUNTER, "job.records", "{record}", "Records by outcome", *_JOB, keys.JOB_RECORD_OUTCOME,
          keys.JOB_RECORD_REASON),
    _spec("job", _GAUGE, "job.last_run.records", "{record}", "Records of the current or last run by outcome", *_JOB,
          keys.JOB_RECORD_OUTCOME),
    _spec("job", _GAUGE, "job.progress", "1", "Share of the active run that is done", *_JOB),
    _spec("job", _HISTOGRAM, "job.step.duration", "s", "How long steps of runs took", *_JOB, keys.JOB_STEP_NAME,
          keys.ERROR_TYPE, boundaries=JOB_SECONDS),
    _spec("job", _UP_DOWN, "job.state", "1", "1 for the state that the job is in, else 0", *_JOB, keys.JOB_STATE),
    # The library about itself
    _spec("self", _COUNTER, "telemetry_kit.exception.suppressed", "{exception}",
          "Detailed exception records that the rate limit left out", keys.ERROR_TYPE, keys.SCOPE_NAME, keys.OPERATION_NAME),
    _spec("self", _COUNTER, "telemetry_kit.attribute.overflow", "{value}",
          "Values that became _OTHER, as their key had too many", keys.ATTRIBUTE_KEY, keys.SCOPE_NAME, keys.OPERATION_NAME,
          keys.POOL_NAME, keys.QUEUE_NAME, keys.CACHE_NAME, keys.HEALTH_CHECK_NAME, keys.EVENT_LOOP_NAME, keys.EXECUTOR_NAME, keys.JOB_NAME),
    _spec("self", _COUNTER, "telemetry_kit.events", "{event}", "Events that were emitted", keys.EVENT_NAME, keys.SCOPE_NAME),
    _spec("self", _COUNTER, "telemetry_kit.faults", "{fault}", "Faults in telemetry that were kept from the host",
          keys.FAULT_SITE),
)  # fmt: skip

METRICS: dict[str, MetricSpec] = {spec.name: spec for spec in CATALOGUE}
"""The same by name."""

ATTRIBUTES: tuple[AttributeSpec, ...] = (
    # The kit's own
    AttributeSpec(keys.SCOPE_NAME, "string", "Name given to `Telemetry`: whose number it is", ("shop.orders",)),
    AttributeSpec(keys.OPERATION_NAME, "string", "Name of the operation", ("checkout", "Orders.place")),
    AttributeSpec(keys.OPERATION_BUSY_TIME, "double", "On spans: seconds that a suspended body worked", (0.25,)),
    AttributeSpec(keys.OBJECTIVE_NAME, "string", "Name of the objective", ("availability", "latency")),
    AttributeSpec(keys.OBJECTIVE_RESULT, "string", "Whether the call met the objective", (), ("met", "missed")),
    AttributeSpec(keys.POOL_NAME, "string", "Name of the pool", ("gpu", "orders-db")),
    AttributeSpec(keys.QUEUE_NAME, "string", "Name of the queue", ("mails",)),
    AttributeSpec(keys.CACHE_NAME, "string", "Name of the cache", ("prices",)),
    AttributeSpec(keys.CACHE_RESULT, "string", "Whether the entry was there", (), ("hit", "miss")),
    AttributeSpec(keys.HEALTH_CHECK_NAME, "string", "Name of the health check", ("payments",)),
    AttributeSpec(keys.EVENT_LOOP_NAME, "string", "Name of the event loop", ("main",)),
    AttributeSpec(keys.EXECUTOR_NAME, "string", "Name of the executor", ("resize",)),
    AttributeSpec(keys.EXECUTOR_TYPE, "string", "What its workers are", (), ("thread", "process", "interpreter", "other")),
    AttributeSpec(keys.EXECUTOR_WORKER_STATE, "string", "Whether the worker is at a task", (), ("active", "idle")),
    AttributeSpec(keys.EXECUTOR_TASK_OUTCOME, "string", "The task's one final outcome", (),
                  ("succeeded", "failed", "cancelled", "rejected", "lost")),
    AttributeSpec(keys.JOB_NAME, "string", "Name of the batch job", ("nightly-billing",)),
    AttributeSpec(keys.JOB_RUN_ID, "string", "On spans: the run's own id", ("2026-11-22",)),
    AttributeSpec(keys.JOB_SKIP_REASON, "string", "On spans: why the run had nothing to do", ("no new files",)),
    AttributeSpec(keys.JOB_RESULT, "string", "How the run ended", (), ("success", "failure", "cancelled", "skipped")),
    AttributeSpec(keys.JOB_STATE, "string", "State of the job", (), ("running", "succeeded", "failed", "skipped", "cancelled")),
    AttributeSpec(keys.JOB_STEP_NAME, "string", "Name of the step", ("extract",)),
    AttributeSpec(keys.JOB_RECORD_OUTCOME, "string", "What became of the record", (), ("processed", "failed", "skipped")),
    AttributeSpec(keys.JOB_RECORD_REASON, "string", "Why the record failed or was skipped", ("bad_row", "duplicate")),
    AttributeSpec(keys.FAULT_SITE, "string", "Where in the kit the fault was kept from the host", ("pool.stats",)),
    AttributeSpec(keys.ATTRIBUTE_KEY, "string", "Key whose values were too many", ("payment.method",)),
    AttributeSpec(keys.EVENT_NAME, "string", "Name of the event", ("config.changed",)),
    AttributeSpec(keys.TELEMETRY_KIT_EXCEPTION_SUPPRESSED_COUNT, "int",
                  "On exceptions: how many of their kind the rate limit left out since the last one", (117,)),
    AttributeSpec(keys.TELEMETRY_KIT_EXCEPTION_HOOK, "string", "On exceptions that nobody handled: the hook that saw them",
                  ("sys.excepthook", "threading.excepthook", "sys.unraisablehook", "asyncio", "ipython")),
    # Of the semantic conventions
    AttributeSpec(keys.ERROR_TYPE, "string", "Class of the exception, or what the failure is called; absent on success",
                  ("TimeoutError", "card_declined", "503", "cancelled", "_OTHER")),
    AttributeSpec(keys.CODE_FUNCTION_NAME, "string", "On spans: the function that is measured", ("shop.orders.place",)),
    AttributeSpec(keys.THREAD_NAME, "string", "On exceptions of a thread that nobody handled: the thread", ("worker-1",)),
    AttributeSpec(keys.HTTP_REQUEST_METHOD, "string", "Method of the request", ("GET", "POST", "_OTHER")),
    AttributeSpec(keys.HTTP_RESPONSE_STATUS_CODE, "int", "Status of the answer", (200, 503)),
    AttributeSpec(keys.HTTP_ROUTE, "string", "Template of the route", ("/orders/{id}",)),
    AttributeSpec(keys.URL_SCHEME, "string", "Scheme of the address", ("http", "https")),
    AttributeSpec(keys.SERVER_ADDRESS, "string", "Host name or address of the server", ("db.example.com",)),
    AttributeSpec(keys.SERVER_PORT, "int", "Port of the server", (5432,)),
    AttributeSpec(keys.RPC_SYSTEM_NAME, "string", "The remote procedure call system", ("grpc", "jsonrpc")),
    AttributeSpec(keys.RPC_METHOD, "string", "Full name of the method", ("shop.Orders/Place",)),
    AttributeSpec(keys.RPC_RESPONSE_STATUS_CODE, "string", "Status of the call", ("OK", "DEADLINE_EXCEEDED")),
    AttributeSpec(keys.DB_SYSTEM_NAME, "string", "The database system", ("postgresql", "redis")),
    AttributeSpec(keys.DB_COLLECTION_NAME, "string", "Table, collection or container", ("orders",)),
    AttributeSpec(keys.DB_NAMESPACE, "string", "Name of the database", ("shop",)),
    AttributeSpec(keys.DB_OPERATION_NAME, "string", "The operation or command", ("SELECT", "HMGET")),
    AttributeSpec(keys.DB_QUERY_SUMMARY, "string", "Low-cardinality summary of the query", ("SELECT orders",)),
    AttributeSpec(keys.DB_RESPONSE_STATUS_CODE, "string", "Status of the database's answer", ("08P01", "1045")),
    AttributeSpec(keys.DB_CLIENT_CONNECTION_POOL_NAME, "string", "Name of the connection pool", ("orders-db",)),
    AttributeSpec(keys.DB_CLIENT_CONNECTION_STATE, "string", "State of the connections", (), ("idle", "used")),
    AttributeSpec(keys.MESSAGING_SYSTEM, "string", "The messaging system", ("kafka", "rabbitmq")),
    AttributeSpec(keys.MESSAGING_OPERATION_NAME, "string", "The operation, in the system's words", ("send", "ack")),
    AttributeSpec(keys.MESSAGING_OPERATION_TYPE, "string", "Kind of the operation", (),
                  ("create", "send", "receive", "process", "settle")),
    AttributeSpec(keys.MESSAGING_DESTINATION_NAME, "string", "Queue or topic", ("orders",)),
    AttributeSpec(keys.MESSAGING_CONSUMER_GROUP_NAME, "string", "Group of the consumers", ("billing",)),
)  # fmt: skip
"""What keys the points and spans of the kit can have beside those that users declare."""
