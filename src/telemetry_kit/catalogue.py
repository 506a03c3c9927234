"""Every metric of the kit and every attribute, once, as data.

Instruments, the reference page, rules, dashboards and tests derive from these two tables. A name, a unit or an attribute
in them is public: changing one breaks whoever charts or alerts on it.

>>> METRICS["operation.duration"].unit
's'
"""

from dataclasses import dataclass
from typing import Literal

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
    """One attribute: the type of its values, what it says, some of its values, or all that it can have."""

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


_OPERATION_OBJECTIVE = ("operation.name", "scope.name", "objective.name")
_OPERATION = ("operation.name", "scope.name")
_POOL = ("pool.name", "scope.name")
_QUEUE = ("queue.name", "scope.name")
_CACHE = ("cache.name", "scope.name")
_HEALTH = ("health.check.name", "scope.name")
_EXECUTOR = ("executor.name", "executor.type", "scope.name")
_JOB = ("job.name", "scope.name")
_HTTP_SERVER = ("http.request.method", "http.response.status_code", "http.route", "url.scheme", "error.type")
_HTTP_CLIENT = ("http.request.method", "http.response.status_code", "server.address", "server.port", "error.type")
_RPC = ("rpc.system.name", "rpc.method", "rpc.response.status_code", "server.address", "server.port", "error.type")
_DB = (
    "db.system.name",
    "db.collection.name",
    "db.namespace",
    "db.operation.name",
    "db.query.summary",
    "db.response.status_code",
    "server.address",
    "server.port",
    "error.type",
)
_MESSAGING = (
    "messaging.system",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.destination.name",
    "messaging.consumer.group.name",
    "server.address",
    "server.port",
    "error.type",
)
_CONNECTIONS = ("db.client.connection.pool.name",)

_HISTOGRAM: Instrument = "histogram"
_COUNTER: Instrument = "observable_counter"
_UP_DOWN: Instrument = "observable_up_down_counter"
_GAUGE: Instrument = "observable_gauge"

CATALOGUE: tuple[MetricSpec, ...] = (
    # RED
    _spec("red", _HISTOGRAM, "operation.duration", "s", "How long operations took", *_OPERATION, "error.type",
          boundaries=REQUEST_SECONDS),
    _spec("red", _UP_DOWN, "operation.active", "{operation}", "Operations that are running", *_OPERATION),
    _spec("red", _COUNTER, "operation.calls", "{call}", "Operations that ended, where durations are sampled",
          *_OPERATION, "error.type"),
    _spec("red", _COUNTER, "operation.time", "s", "Time that operations took in all, where durations are sampled",
          *_OPERATION, "error.type"),
    _spec("red", _HISTOGRAM, "http.server.request.duration", "s", "How long requests to this server took, by the kit",
          *_HTTP_SERVER, boundaries=REQUEST_SECONDS),
    _spec("red", _UP_DOWN, "http.server.active_requests", "{request}", "Requests that this server is at, by the kit",
          "http.request.method", "url.scheme"),
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
          *_OPERATION_OBJECTIVE, "objective.result"),
    _spec("objective", _GAUGE, "operation.objective.target", "1", "Share of the calls that are to meet the objective",
          *_OPERATION_OBJECTIVE),
    # USE
    _spec("use", _UP_DOWN, "pool.usage", "{item}", "Items of the pool that are taken", *_POOL),
    _spec("use", _UP_DOWN, "pool.limit", "{item}", "Items that the pool has at most", *_POOL),
    _spec("use", _GAUGE, "pool.utilization", "1", "Share of the pool that is taken", *_POOL, merge="ratio"),
    _spec("use", _UP_DOWN, "pool.pending", "{request}", "Requests that wait for an item of the pool", *_POOL),
    _spec("use", _HISTOGRAM, "pool.wait_time", "s", "How long an item of the pool was waited for", *_POOL,
          "error.type", boundaries=WAIT_SECONDS),
    _spec("use", _HISTOGRAM, "pool.use_time", "s", "How long an item of the pool was used", *_POOL, "error.type",
          boundaries=WAIT_SECONDS),
    _spec("use", _COUNTER, "pool.errors", "{error}", "Errors of the pool", *_POOL, "error.type"),
    _spec("queue", _UP_DOWN, "queue.size", "{item}", "Items in the queue", *_QUEUE),
    _spec("queue", _UP_DOWN, "queue.limit", "{item}", "Items that the queue takes at most", *_QUEUE),
    _spec("queue", _GAUGE, "queue.oldest_age", "s", "How long the oldest item has been in the queue", *_QUEUE),
    _spec("cache", _COUNTER, "cache.requests", "{request}", "Look-ups in the cache", *_CACHE, "cache.result"),
    _spec("cache", _COUNTER, "cache.evictions", "{entry}", "Entries that the cache let go for others", *_CACHE),
    _spec("cache", _UP_DOWN, "cache.size", "{entry}", "Entries in the cache", *_CACHE),
    _spec("cache", _UP_DOWN, "cache.limit", "{entry}", "Entries that the cache keeps at most", *_CACHE),
    _spec("cache", _HISTOGRAM, "cache.load.duration", "s", "How long loading a missing entry took", *_CACHE,
          "error.type", boundaries=REQUEST_SECONDS),
    _spec("health", _GAUGE, "health.status", "", "1 if the check finds it healthy, else 0", *_HEALTH, merge="smaller"),
    _spec("health", _HISTOGRAM, "health.check.duration", "s", "How long the health check took", *_HEALTH, "error.type",
          boundaries=REQUEST_SECONDS),
    _spec("event_loop", _HISTOGRAM, "event_loop.lag", "s", "How late the event loop ran what was due",
          "event_loop.name", "scope.name", boundaries=LAG_SECONDS),
    _spec("database", _HISTOGRAM, "db.client.operation.duration", "s", "How long database calls took, by the kit", *_DB,
          boundaries=DATABASE_SECONDS),
    _spec("database", _HISTOGRAM, "db.client.response.returned_rows", "{row}", "Rows that the database returned, by the kit",
          *_DB, boundaries=ROWS),
    _spec("database", _UP_DOWN, "db.client.connection.count", "{connection}", "Connections of the pool by state, by the kit",
          *_CONNECTIONS, "db.client.connection.state"),
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
          "executor.worker.state"),
    _spec("executor", _UP_DOWN, "executor.worker.limit", "{worker}", "Workers that the executor has at most", *_EXECUTOR),
    _spec("executor", _GAUGE, "executor.worker.utilization", "1", "Share of the workers that are at a task", *_EXECUTOR,
          merge="ratio"),
    _spec("executor", _UP_DOWN, "executor.queue.size", "{task}", "Tasks that wait for a worker", *_EXECUTOR),
    _spec("executor", _HISTOGRAM, "executor.queue.wait_time", "s", "How long tasks waited for a worker", *_EXECUTOR,
          boundaries=WAIT_SECONDS),
    _spec("executor", _HISTOGRAM, "executor.task.duration", "s", "How long tasks ran", *_EXECUTOR, "error.type",
          boundaries=WAIT_SECONDS),
    _spec("executor", _COUNTER, "executor.tasks", "{task}", "Tasks by their one final outcome", *_EXECUTOR,
          "executor.task.outcome"),
    # Batch jobs
    _spec("job", _GAUGE, "job.start.timestamp", "s", "Unix time at which the last run started", *_JOB),
    _spec("job", _GAUGE, "job.success.timestamp", "s",
          "Unix time at which the run completed well, 0 from its start until then", *_JOB),
    _spec("job", _GAUGE, "job.last_success.timestamp", "s", "Unix time of the last success, never set back", *_JOB),
    _spec("job", _GAUGE, "job.failed", "", "1 if the last finished run failed, else 0", *_JOB),
    _spec("job", _GAUGE, "job.end.timestamp", "s", "Unix time at which the last run ended, however it ended", *_JOB),
    _spec("job", _GAUGE, "job.last_success.age", "s", "Time since the last success in this process", *_JOB),
    _spec("job", _GAUGE, "job.expected_interval", "s", "Time in which a run is expected, as declared", *_JOB),
    _spec("job", _HISTOGRAM, "job.duration", "s", "How long runs took", *_JOB, "job.result", "error.type",
          boundaries=JOB_SECONDS),
    _spec("job", _UP_DOWN, "job.active", "{run}", "Runs in progress", *_JOB),
    _spec("job", _GAUGE, "job.elapsed", "s", "How long the oldest active run has been running", *_JOB),
    _spec("job", _COUNTER, "job.records", "{record}", "Records by outcome", *_JOB, "job.record.outcome",
          "job.record.reason"),
    _spec("job", _GAUGE, "job.last_run.records", "{record}", "Records of the current or last run by outcome", *_JOB,
          "job.record.outcome"),
    _spec("job", _GAUGE, "job.progress", "1", "Share of the active run that is done", *_JOB),
    _spec("job", _HISTOGRAM, "job.step.duration", "s", "How long steps of runs took", *_JOB, "job.step.name",
          "error.type", boundaries=JOB_SECONDS),
    _spec("job", _UP_DOWN, "job.state", "1", "1 for the state that the job is in, else 0", *_JOB, "job.state"),
    # The library about itself
    _spec("self", _COUNTER, "telemetry_kit.exception.suppressed", "{exception}",
          "Detailed exception records that the rate limit left out", "error.type", "scope.name", "operation.name"),
    _spec("self", _COUNTER, "telemetry_kit.attribute.overflow", "{value}",
          "Values that became _OTHER, as their key had too many", "attribute.key", "scope.name", "operation.name",
          "pool.name", "queue.name", "cache.name", "health.check.name", "event_loop.name", "executor.name", "job.name"),
    _spec("self", _COUNTER, "telemetry_kit.events", "{event}", "Events that were emitted", "event.name", "scope.name"),
    _spec("self", _COUNTER, "telemetry_kit.faults", "{fault}", "Faults in telemetry that were kept from the host",
          "fault.site"),
)  # fmt: skip

METRICS: dict[str, MetricSpec] = {spec.name: spec for spec in CATALOGUE}
"""The same by name."""

ATTRIBUTES: tuple[AttributeSpec, ...] = (
    # The kit's own
    AttributeSpec("scope.name", "string", "Name given to `Telemetry`: whose number it is", ("shop.orders",)),
    AttributeSpec("operation.name", "string", "Name of the operation", ("checkout", "Orders.place")),
    AttributeSpec("operation.busy_time", "double", "On spans: seconds that a suspended body worked", (0.25,)),
    AttributeSpec("objective.name", "string", "Name of the objective", ("availability", "latency")),
    AttributeSpec("objective.result", "string", "Whether the call met the objective", (), ("met", "missed")),
    AttributeSpec("pool.name", "string", "Name of the pool", ("gpu", "orders-db")),
    AttributeSpec("queue.name", "string", "Name of the queue", ("mails",)),
    AttributeSpec("cache.name", "string", "Name of the cache", ("prices",)),
    AttributeSpec("cache.result", "string", "Whether the entry was there", (), ("hit", "miss")),
    AttributeSpec("health.check.name", "string", "Name of the health check", ("payments",)),
    AttributeSpec("event_loop.name", "string", "Name of the event loop", ("main",)),
    AttributeSpec("executor.name", "string", "Name of the executor", ("resize",)),
    AttributeSpec("executor.type", "string", "What its workers are", (), ("thread", "process", "interpreter", "other")),
    AttributeSpec("executor.worker.state", "string", "Whether the worker is at a task", (), ("active", "idle")),
    AttributeSpec("executor.task.outcome", "string", "The task's one final outcome", (),
                  ("succeeded", "failed", "cancelled", "rejected", "lost")),
    AttributeSpec("job.name", "string", "Name of the batch job", ("nightly-billing",)),
    AttributeSpec("job.run.id", "string", "On spans: the run's own id", ("2026-11-22",)),
    AttributeSpec("job.skip.reason", "string", "On spans: why the run had nothing to do", ("no new files",)),
    AttributeSpec("job.result", "string", "How the run ended", (), ("success", "failure", "cancelled", "skipped")),
    AttributeSpec("job.state", "string", "State of the job", (), ("running", "succeeded", "failed", "skipped", "cancelled")),
    AttributeSpec("job.step.name", "string", "Name of the step", ("extract",)),
    AttributeSpec("job.record.outcome", "string", "What became of the record", (), ("processed", "failed", "skipped")),
    AttributeSpec("job.record.reason", "string", "Why the record failed or was skipped", ("bad_row", "duplicate")),
    AttributeSpec("fault.site", "string", "Where in the kit the fault was kept from the host", ("pool.stats",)),
    AttributeSpec("attribute.key", "string", "Key whose values were too many", ("payment.method",)),
    AttributeSpec("event.name", "string", "Name of the event", ("config.changed",)),
    AttributeSpec("telemetry_kit.exception.suppressed_count", "int",
                  "On exceptions: how many of their kind the rate limit left out since the last one", (117,)),
    AttributeSpec("telemetry_kit.exception.hook", "string", "On exceptions that nobody handled: the hook that saw them",
                  ("sys.excepthook", "threading.excepthook")),
    # Of the semantic conventions
    AttributeSpec("error.type", "string", "Class of the exception, or what the failure is called; absent on success",
                  ("TimeoutError", "card_declined", "503", "cancelled", "_OTHER")),
    AttributeSpec("code.function.name", "string", "On spans: the function that is measured", ("shop.orders.place",)),
    AttributeSpec("thread.name", "string", "On exceptions of a thread that nobody handled: the thread", ("worker-1",)),
    AttributeSpec("http.request.method", "string", "Method of the request", ("GET", "POST", "_OTHER")),
    AttributeSpec("http.response.status_code", "int", "Status of the answer", (200, 503)),
    AttributeSpec("http.route", "string", "Template of the route", ("/orders/{id}",)),
    AttributeSpec("url.scheme", "string", "Scheme of the address", ("http", "https")),
    AttributeSpec("server.address", "string", "Host name or address of the server", ("db.example.com",)),
    AttributeSpec("server.port", "int", "Port of the server", (5432,)),
    AttributeSpec("rpc.system.name", "string", "The remote procedure call system", ("grpc", "jsonrpc")),
    AttributeSpec("rpc.method", "string", "Full name of the method", ("shop.Orders/Place",)),
    AttributeSpec("rpc.response.status_code", "string", "Status of the call", ("OK", "DEADLINE_EXCEEDED")),
    AttributeSpec("db.system.name", "string", "The database system", ("postgresql", "redis")),
    AttributeSpec("db.collection.name", "string", "Table, collection or container", ("orders",)),
    AttributeSpec("db.namespace", "string", "Name of the database", ("shop",)),
    AttributeSpec("db.operation.name", "string", "The operation or command", ("SELECT", "HMGET")),
    AttributeSpec("db.query.summary", "string", "Low-cardinality summary of the query", ("SELECT orders",)),
    AttributeSpec("db.response.status_code", "string", "Status of the database's answer", ("08P01", "1045")),
    AttributeSpec("db.client.connection.pool.name", "string", "Name of the connection pool", ("orders-db",)),
    AttributeSpec("db.client.connection.state", "string", "State of the connections", (), ("idle", "used")),
    AttributeSpec("messaging.system", "string", "The messaging system", ("kafka", "rabbitmq")),
    AttributeSpec("messaging.operation.name", "string", "The operation, in the system's words", ("send", "ack")),
    AttributeSpec("messaging.operation.type", "string", "Kind of the operation", (),
                  ("create", "send", "receive", "process", "settle")),
    AttributeSpec("messaging.destination.name", "string", "Queue or topic", ("orders",)),
    AttributeSpec("messaging.consumer.group.name", "string", "Group of the consumers", ("billing",)),
)  # fmt: skip
"""What keys the points and spans of the kit can have beside those that users declare."""
