"""Signals of what is finite: pools, executors and queues.

Instances of a service are one thing here: the fullest of them is shown, and one alert is sent for all.
"""

from telemetry_kit.monitoring.model import CAUSE, EXACT, Alert, Panel, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.promql import Metrics, by, count_in_window, most, on, quantiles

FULL = 0.95
"""Share of what is finite from which on it counts as full: the pools of busy services touch 1 all the time."""
NEARLY = 0.9
"""Share of a queue's limit from which on it counts as full: what comes next may be refused."""
OLD = 300.0
"""Seconds that the oldest item of a queue may wait."""
DRAINS = 300.0
"""Seconds in which an executor may work its queue off: a burst that it masters is no fault."""
FAILING = 0.05
"""Share of an executor's tasks that is a page."""

_POOL = ("job", "scope_name", "pool_name")
_EXECUTOR = ("job", "scope_name", "executor_name")
_QUEUE = ("job", "scope_name", "queue_name")


def signals(options: Options) -> tuple[Signal, ...]:
    """Everything that can be full."""
    m = Metrics(options)
    return (*_pools(options, m), *_executors(options, m), *_queues(options, m))


def _pools(options: Options, m: Metrics) -> tuple[Signal, ...]:
    waiting, taken = most(_POOL, m("pool.pending")), most(_POOL, m("pool.utilization"))
    waits = quantiles(m, _POOL, "pool.wait_time")
    page = "how-to/find-out-why-a-connection-pool-times-out"
    return (
        Signal(
            name="pool_pending",
            part="use",
            kind="saturation",
            meaning="How many requests wait for an item of the pool.",
            expression=waiting,
            labels=_POOL,
            panel=Panel(title="Pool: waiting"),
            alerts=(
                Alert(
                    name="PoolExhausted",
                    threshold=0,
                    hold="2m",
                    severity="page",
                    summary="{{ $labels.job }}: pool {{ $labels.pool_name }} is exhausted, {{ $value }} wait",
                    guard=f"unless {taken} < {FULL:g}",
                    rank=CAUSE,
                    keep="6m",
                ),
            ),
            first_steps=(
                "How long are items used? If longer than usual, what they are used for is slow: a query, a lock, a peer.",
                "If not, there are more users: look at the rate of operations, and at a deploy.",
                "An item that is never given back shows as a usage that doesn't fall when traffic does.",
            ),
            page=page,
        ),
        Signal(
            name="pool_utilization",
            part="use",
            kind="saturation",
            meaning="Share of the pool that is taken, of the fullest instance.",
            expression=taken,
            labels=_POOL,
            panel=Panel(title="Pool: utilization", unit="percentunit"),
            no_alert="A full pool that nobody waits for is one of the right size.",
        ),
        Signal(
            name="pool_errors",
            part="use",
            kind="errors",
            meaning="Errors of the pool in the window, such as time-outs.",
            expression=count_in_window(m, (*_POOL, "error_type"), "pool.errors"),
            labels=(*_POOL, "error_type"),
            panel=Panel(title=f"Pool: errors in {options.window}"),
            alerts=(
                Alert(
                    name="PoolErrors",
                    threshold=options.more_than,
                    hold="4m",
                    severity="ticket",
                    summary="{{ $labels.job }}: pool {{ $labels.pool_name }} had {{ $value }} times {{ $labels.error_type }} "
                    f"in {options.window}",
                    rank=EXACT,
                ),
            ),
            first_steps=(
                "timeout: nobody waits long enough for the pool; look at its waiting and its use time.",
                "Any other type: the pool could not make an item; look at what it connects to.",
            ),
            page=page,
        ),
        Signal(
            name="pool_wait_time",
            part="use",
            kind="latency",
            meaning="How long an item of the pool was waited for.",
            expression=waits[1][1],
            labels=_POOL,
            panel=Panel(title="Pool: wait (p50, p95, p99)", unit="s", queries=waits),
            no_alert="Who waits shows at once as waiting, and later here.",
        ),
        Signal(
            name="pool_use_time",
            part="use",
            kind="latency",
            meaning="How long an item of the pool was used.",
            expression=quantiles(m, _POOL, "pool.use_time")[1][1],
            labels=_POOL,
            panel=Panel(title="Pool: use (p50, p95, p99)", unit="s", queries=quantiles(m, _POOL, "pool.use_time")),
            no_alert="It explains why a pool is exhausted; by itself it harms nobody.",
        ),
    )


def _executors(options: Options, m: Metrics) -> tuple[Signal, ...]:
    queued, busy = most(_EXECUTOR, m("executor.queue.size")), most(_EXECUTOR, m("executor.worker.utilization"))
    done = f"min {by(_EXECUTOR)} (sum without (executor_task_outcome) (rate({m('executor.tasks', window='2m')})))"
    failed = count_in_window(m, _EXECUTOR, "executor.tasks", 'executor_task_outcome=~"failed|rejected|lost"')
    ended = count_in_window(m, _EXECUTOR, "executor.tasks", 'executor_task_outcome!="cancelled"')
    waits = quantiles(m, _EXECUTOR, "executor.queue.wait_time")
    page = "how-to/size-a-worker-pool"
    return (
        Signal(
            name="executor_queue_size",
            part="executor",
            kind="saturation",
            meaning="How many tasks wait for a worker.",
            expression=queued,
            labels=_EXECUTOR,
            panel=Panel(title="Executor: queue"),
            alerts=(
                Alert(
                    name="ExecutorSaturated",
                    threshold=0,
                    hold="2m",
                    severity="page",
                    summary="{{ $labels.job }}: every worker of {{ $labels.executor_name }} is busy, {{ $value }} tasks wait",
                    guard=f"unless {busy} < {FULL:g}\nunless {queued} / {done} < {DRAINS:g}",
                    rank=CAUSE,
                    keep="6m",
                ),
            ),
            first_steps=(
                "How long do tasks run? If longer than usual, what they wait for is slow: more workers would wait as well.",
                "Are there more tasks than usual? Who submits them, and must it be now?",
                "Workers that never become idle are stuck: `py-spy dump --pid` shows where.",
            ),
            page=page,
        ),
        Signal(
            name="executor_utilization",
            part="executor",
            kind="saturation",
            meaning="Share of the workers that are at a task, in the busiest instance.",
            expression=busy,
            labels=_EXECUTOR,
            panel=Panel(title="Executor: utilization", unit="percentunit"),
            no_alert="Busy workers are what they are for, as long as no task waits.",
        ),
        Signal(
            name="executor_failures",
            part="executor",
            kind="errors",
            meaning="Share of an executor's tasks that failed, were rejected or lost; cancelled ones are left out.",
            expression=f"({failed}\nor\n0 * {ended})\n/ {on(_EXECUTOR)}\n{ended}",
            labels=_EXECUTOR,
            panel=Panel(title="Executor: failing tasks", unit="percentunit"),
            alerts=(
                Alert(
                    name="ExecutorTasksFail",
                    threshold=FAILING,
                    hold="3m",
                    severity="page",
                    summary="{{ $labels.job }}: {{ $value | humanizePercentage }} of the tasks of {{ $labels.executor_name }} fail",
                    guard=f"and {failed} > {options.more_than}",
                    rank=EXACT,
                    keep="6m",
                ),
            ),
            first_steps=(
                "Which outcome is it? failed: look at error.type of executor.task.duration, and at the tasks' traces.",
                "rejected: the executor was shut down, or its pool is broken. lost: a worker died, often of memory.",
            ),
            page=page,
        ),
        Signal(
            name="executor_lost",
            part="executor",
            kind="errors",
            meaning="Tasks in the window that were accepted and whose worker died before they ended.",
            expression=count_in_window(m, _EXECUTOR, "executor.tasks", 'executor_task_outcome="lost"'),
            labels=_EXECUTOR,
            panel=Panel(title=f"Executor: lost tasks in {options.window}"),
            alerts=(
                Alert(
                    name="ExecutorLosesTasks",
                    threshold=0,
                    hold="0m",
                    severity="ticket",
                    summary="{{ $labels.job }}: {{ $labels.executor_name }} lost {{ $value }} tasks",
                ),
            ),
            first_steps=(
                "Did the kernel end a worker? `dmesg` and the container's memory say so.",
                "Nobody does lost tasks again by himself: find out which they were, from their callers' errors.",
            ),
            page=page,
        ),
        Signal(
            name="executor_wait_time",
            part="executor",
            kind="latency",
            meaning="How long tasks waited for a worker.",
            expression=waits[1][1],
            labels=_EXECUTOR,
            panel=Panel(title="Executor: wait (p50, p95, p99)", unit="s", queries=waits),
            no_alert="Tasks that wait show at once as a queue, and later here.",
        ),
        Signal(
            name="executor_task_duration",
            part="executor",
            kind="latency",
            meaning="How long tasks ran.",
            expression=quantiles(m, _EXECUTOR, "executor.task.duration")[1][1],
            labels=_EXECUTOR,
            panel=Panel(
                title="Executor: run (p50, p95, p99)",
                unit="s",
                queries=quantiles(m, _EXECUTOR, "executor.task.duration"),
            ),
            no_alert="It explains a queue; what is too long for a task only its caller knows.",
        ),
    )


def _queues(options: Options, m: Metrics) -> tuple[Signal, ...]:
    page = "how-to/notice-a-queue-that-grows"
    fill = most(_QUEUE, f"{m('queue.size')} / {m('queue.limit')}")
    oldest = most(_QUEUE, m("queue.oldest_age"))
    growth = f"max {by(_QUEUE)} (min_over_time({m('queue.size', window='10m')}))"
    before = f"max {by(_QUEUE)} (max_over_time({m('queue.size', window='10m', offset='1h')}))"
    return (
        Signal(
            name="queue_oldest_age",
            part="queue",
            kind="saturation",
            meaning="How long the oldest item has been in the queue.",
            expression=oldest,
            labels=_QUEUE,
            panel=Panel(title="Queue: age of the oldest", unit="s"),
            alerts=(
                Alert(
                    name="QueueOld",
                    threshold=OLD,
                    hold="2m",
                    severity="page",
                    summary="{{ $labels.job }}: the oldest item of {{ $labels.queue_name }} waits for {{ $value | humanizeDuration }}",
                    rank=CAUSE,
                    keep="6m",
                ),
            ),
            first_steps=(
                "Do its consumers run? Look at their rate; none means that they died or are stuck at one item.",
                "They run and it grows all the same: add consumers, or slow down who fills it.",
            ),
            page=page,
        ),
        Signal(
            name="queue_fill",
            part="queue",
            kind="saturation",
            meaning="Share of the queue's limit that is filled.",
            expression=fill,
            labels=_QUEUE,
            panel=Panel(title="Queue: filled", unit="percentunit"),
            alerts=(
                Alert(
                    name="QueueFull",
                    threshold=NEARLY,
                    hold="2m",
                    severity="page",
                    summary="{{ $labels.job }}: {{ $labels.queue_name }} is {{ $value | humanizePercentage }} full",
                    guard=f"unless {oldest} > {OLD:g}",
                    rank=CAUSE,
                    keep="6m",
                ),
            ),
            first_steps=(
                "What happens when it is full? Who puts blocks, or items are refused: look at those who put.",
                "Do its consumers run, and as fast as usual?",
            ),
            page=page,
        ),
        Signal(
            name="queue_size",
            part="queue",
            kind="saturation",
            meaning="How many items are in the queue.",
            expression=most(_QUEUE, m("queue.size")),
            labels=_QUEUE,
            panel=Panel(title="Queue: size"),
            alerts=(
                Alert(
                    name="QueueGrows",
                    threshold=options.more_than,
                    hold="10m",
                    severity="ticket",
                    summary="{{ $labels.job }}: {{ $labels.queue_name }} has only grown for an hour, to {{ $value }}",
                    guard=f"and {growth} > 1.5 * {before}\nunless {fill} > {NEARLY:g}\nunless {oldest} > {OLD:g}",
                ),
            ),
            first_steps=("Compare what is put in with what is taken out: which of the two has changed?",),
            page=page,
        ),
    )
