"""Signals of what is called: rate, errors and duration of operations and of the conventions' metrics.

One recipe serves all, with the labels that tell one thing from another. `cancelled` is in no ratio: neither among the
errors nor among the calls.
"""

from dataclasses import dataclass

from telemetry_kit.monitoring.model import EXACT, VAGUE, VAGUEST, Alert, Panel, Recording, Signal
from telemetry_kit.monitoring.options import Options, Part
from telemetry_kit.monitoring.promql import BEFORE, Metrics, by, indented, new_in_window, on, quoted

RATIO = 0.05
"""Share of errors that is a page where no objective says another one."""
SHARE_OF_TYPE = 0.01
"""Less than this of all calls isn't worth a page, however many there are."""
QUANTILE = 0.95
STEADY = 0.1
"""Calls a second over an hour, of which it is strange if none come in some minutes."""
BUDGET = "job:objective_budget"
"""What is recorded of each objective: the share of calls that may miss it."""
OF_SUCCESS = 'objective_name="availability"'
FAILED = 'error_type!="", error_type!="cancelled"'
NOT_CANCELLED = 'error_type!="cancelled"'


@dataclass(frozen=True, slots=True)
class Called:
    """Something that is called: its duration's metric, the labels that tell it from others, and its words."""

    metric: str
    title: str
    """Begins the names of its alerts: `Operation`."""
    words: str
    labels: tuple[str, ...]
    part: Part = "red"
    serves: bool = True
    """Whether callers wait for us, and not we for somebody."""
    status: str = ""
    """The label of HTTP's status: 500 to 599 are one type of error, whatever raised them."""
    page: str = "how-to/be-paged-for-the-right-things"

    @property
    def key(self) -> str:
        return self.metric.removesuffix(".duration").replace(".", "_")


CALLED = (
    Called("operation.duration", "Operation", "operations", ("job", "scope_name", "operation_name")),
    Called("http.server.request.duration", "HttpServer", "requests to this service",
           ("job", "http_request_method", "http_route"), status="http_response_status_code"),
    Called("http.client.request.duration", "HttpClient", "requests of this service",
           ("job", "http_request_method", "server_address"), serves=False, status="http_response_status_code"),
    Called("rpc.server.call.duration", "RpcServer", "calls to this service", ("job", "rpc_method")),
    Called("rpc.client.call.duration", "RpcClient", "calls of this service", ("job", "rpc_method"), serves=False),
    Called("messaging.process.duration", "MessageProcessing", "messages processed",
           ("job", "messaging_destination_name")),
    Called("messaging.client.operation.duration", "MessagingClient", "messages sent and received",
           ("job", "messaging_destination_name", "messaging_operation_name"), serves=False),
    Called("db.client.operation.duration", "Database", "database calls",
           ("job", "db_system_name", "db_namespace"), part="database", serves=False,
           page="how-to/find-queries-that-are-made-once-a-row"),
)  # fmt: skip


def signals(options: Options) -> tuple[Signal, ...]:
    """Three signals and a heat map for each thing that is called, and how many operations run."""
    called = [signal for one in CALLED for signal in Recipe(one, options).signals()]
    return (*called, _active(options))


class Recipe:
    """Writes the signals of one thing that is called."""

    def __init__(self, called: Called, options: Options) -> None:
        self.called: Called = called
        self.options: Options = options
        self.metrics: Metrics = Metrics(options)
        self.window: str = options.window
        self.labels: tuple[str, ...] = called.labels
        of = " ".join(f"{{{{ $labels.{name} }}}}" for name in called.labels if name not in {"job", "scope_name"})
        self.name: str = f"{{{{ $labels.job }}}}: {of}"

    def signals(self) -> tuple[Signal, ...]:
        """All that is watched of it."""
        return (self._errors(), self._types(), self._latency(), self._heat(), self._traffic(), self._last_week())

    def each(self, function: str, *matchers: str, window: str, offset: str = "") -> str:
        """The counter of calls, read by this function. Where durations are sampled, `operation.calls` counts them all."""
        count = f"{function}({self.metrics(self.called.metric, *matchers, part='count', window=window, offset=offset)})"
        if self.called.metric != "operation.duration":
            return count
        calls = f"{function}({self.metrics('operation.calls', *matchers, window=window, offset=offset)})"
        return f"({calls} or {count})"

    def _grown(self, read: str, known: str) -> str:
        """What `read`, a function of window and offset that is written with `WINDOW`, grew by in the window."""
        current = read.replace("WINDOW", self.window).replace(" OFFSET", "")
        before = read.replace("WINDOW", BEFORE).replace("OFFSET", f"offset {self.window}")
        return new_in_window(current, before, known)

    def _known(self) -> str:
        return f"group by (job) ({self.each('last_over_time', window=BEFORE, offset=self.window)})"

    def _failed(self) -> str:
        failed = self.each("last_over_time", FAILED, window="WINDOW").replace("[WINDOW]", "[WINDOW] OFFSET")
        if not self.called.status:
            return failed
        status = self.each("last_over_time", f'{self.called.status}=~"5.."', window="WINDOW")
        return f"({failed} or {status.replace('[WINDOW]', '[WINDOW] OFFSET')})"

    def calls(self) -> str:
        """How many calls ended in the window."""
        read = self.each("last_over_time", NOT_CANCELLED, window="WINDOW").replace("[WINDOW]", "[WINDOW] OFFSET")
        return f"sum {by(self.labels)} (\n{indented(self._grown(read, self._known()))}\n)"

    def failures(self) -> str:
        """How many of them failed."""
        return f"sum {by(self.labels)} (\n{indented(self._grown(self._failed(), self._known()))}\n)"

    def failures_by_type(self) -> str:
        """How many failed with each type of error; HTTP's 500 to 599 are one."""
        read = self._failed()
        if not self.called.status:
            grown = self._grown(read, self._known())
            return f"sum {by((*self.labels, 'error_type'))} (\n{indented(grown)}\n)"
        typed = f'label_replace({read}, "error_kind", "$1", "error_type", "(.*)")'
        typed = f'label_replace({typed}, "error_kind", "5..", "{self.called.status}", "5..")'
        grown = self._grown(typed, self._known())
        summed = f"sum {by((*self.labels, 'error_kind'))} (\n{indented(grown)}\n)"
        renamed = f'label_replace(\n{indented(summed)},\n  "error_type", "$1", "error_kind", "(.*)"\n)'
        return f"sum {by((*self.labels, 'error_type'))} (\n{indented(renamed)}\n)"

    def recorded(self, what: str) -> str:
        """The name of what is recorded of it."""
        return f"job:{self.called.key}_{what}"

    def _unless_promised(self) -> str:
        """Where an objective of success says what is too much, its burn rate pages and nothing else does."""
        if self.called.metric != "operation.duration":
            return ""
        declared = self.metrics("operation.objective.target", OF_SUCCESS)
        promised = f"{BUDGET}{{{OF_SUCCESS}}}" if "objective" in self.options.only else declared
        return f"\nunless {on(self.labels)} {promised}"

    def _errors(self) -> Signal:
        called, calls, failures = self.called, self.recorded("calls:count"), self.recorded("failures:count")
        types, many = self.recorded("failures_of_type:count"), self.recorded("failures_of_type:many")
        of_all = f"{types} / {on(self.labels)} group_left {calls}"
        zero = f"({self.failures()}\nor\n0 * {self.calls()})"
        guard = (
            f"and {on(self.labels)} {failures} > {self.options.more_than}\n"
            f"unless {on(self.labels)} last_over_time({many}[15m])"
        )
        guard += self._unless_promised()
        return Signal(
            name=f"{called.key}_errors",
            part=called.part,
            kind="errors",
            meaning=f"Share of {called.words} that failed; those that were cancelled are left out.",
            expression=f"{zero}\n/ {on(self.labels)}\n{self.calls()}",
            labels=self.labels,
            panel=Panel(title=f"{called.title}: error ratio", unit="percentunit"),
            records=(
                Recording(name=calls, expression=self.calls()),
                Recording(name=failures, expression=self.failures()),
                Recording(name=types, expression=self.failures_by_type()),
                Recording(
                    name=many, expression=f"{types} > {self.options.more_than}\nand {of_all} > {SHARE_OF_TYPE:g}"
                ),
            ),
            alerts=(
                Alert(
                    name=f"{called.title}ErrorRatio",
                    threshold=RATIO,
                    expression=f"{failures} / {on(self.labels)} {calls} > {RATIO:g}\n{guard}",
                    hold="5m",
                    severity="page" if called.serves else "ticket",
                    summary=f"{self.name}: {{{{ $value | humanizePercentage }}}} fail",
                    rank=VAGUE,
                ),
            ),
            first_steps=(
                "Look which types of error it is made of: no single one explains it, or the panel of types would have paged.",
                "Was something deployed or configured? The dashboard marks it.",
                "Open a trace of a failed call: its span says where the error began.",
            ),
            page=called.page,
        )

    def _types(self) -> Signal:
        called = self.called
        return Signal(
            name=f"{called.key}_errors_by_type",
            part=called.part,
            kind="errors",
            meaning=f"How many {called.words} failed in the window, by error.type.",
            expression=self.failures_by_type(),
            labels=(*self.labels, "error_type"),
            panel=Panel(title=f"{called.title}: errors by type in {self.window}"),
            alerts=(
                Alert(
                    name=f"{called.title}ErrorsOfOneType",
                    threshold=self.options.more_than,
                    expression=self.recorded("failures_of_type:many") + self._unless_promised(),
                    hold="3m",
                    severity="page" if called.serves else "ticket",
                    summary=f"{self.name}: {{{{ $value }}}} times {{{{ $labels.error_type }}}} in {self.window}",
                    rank=EXACT,
                    keep="6m",
                ),
            ),
            first_steps=(
                "The type of the error is in the alert: look for the newest span or exception event that has it.",
                "Does it come from one instance? Then take that one out. From all? Then from what they share.",
                "Was something deployed or configured? The dashboard marks it.",
            ),
            page=called.page,
        )

    def _latency(self) -> Signal:
        called, slower = self.called, self.options.slower_than or 1.0
        buckets = self.metrics(called.metric, NOT_CANCELLED, part="bucket", window=self.window)
        spread = f"sum {by((*self.labels, 'le'))} (rate({buckets}))"
        legend = " ".join(f"{{{{{name}}}}}" for name in self.labels[1:])
        guard = f"and {on(self.labels)} {self.recorded('calls:count')} > {2 * self.options.more_than}"
        if called.metric == "operation.duration":
            target = self.metrics("operation.objective.target", 'objective_name="latency"')
            guard += f"\nunless {on(self.labels)} {target}"
        urgent = called.serves and self.options.slower_than is not None
        return Signal(
            name=f"{called.key}_latency",
            part=called.part,
            kind="latency",
            meaning=f"What 95 of 100 {called.words} take at most; exact where the threshold is a bucket's boundary.",
            expression=f"histogram_quantile({QUANTILE}, {spread})",
            labels=self.labels,
            panel=Panel(
                title=f"{called.title}: duration (p50, p95, p99)",
                unit="s",
                queries=tuple(
                    (f"p{100 * share:g} {legend}", f"histogram_quantile({share}, {spread})")
                    for share in (0.5, QUANTILE, 0.99)
                ),
            ),
            alerts=(
                Alert(
                    name=f"{called.title}Slow",
                    threshold=slower,
                    hold="5m",
                    severity="page" if urgent else "ticket",
                    summary=f"{self.name}: 5 of 100 take longer than {{{{ $value | humanizeDuration }}}}",
                    guard=guard,
                    rank=VAGUE,
                ),
            ),
            first_steps=(
                "Look at what it waits for: pools, executors, queues and the event loop stand on the same dashboard.",
                "Open a slow trace, or an exemplar of the heat map: its longest span is where the time goes.",
                "Is it all instances or one? All calls or one kind of them?",
            ),
            page=called.page,
        )

    def _heat(self) -> Signal:
        buckets = self.metrics(
            self.called.metric, part="bucket", window="$__rate_interval" if self._templated else "5m"
        )
        return Signal(
            name=f"{self.called.key}_durations",
            part=self.called.part,
            kind="latency",
            meaning=f"How the durations of {self.called.words} are spread: two humps are two kinds of calls.",
            expression=f"sum by (le) (rate({buckets}))",
            labels=("le",),
            panel=Panel(title=f"{self.called.title}: durations", unit="s", view="heatmap"),
            no_alert="A spread has no threshold; its percentile has one.",
        )

    @property
    def _templated(self) -> bool:
        return self.options.templated

    def _traffic(self) -> Signal:
        called = self.called
        expression = f"sum {by(self.labels)} ({self.each('rate', window=self.window)})"
        steady = f"sum {by(self.labels)} ({self.each('rate', window='1h', offset='15m')})"
        name = f"{called.title}TrafficGone"
        before = f"({steady} > {STEADY:g} or {on(self.labels)} ALERTS{{alertname={quoted(name)}}})"
        alert = Alert(
            name=name,
            threshold=0,
            comparison="==",
            hold="10m",
            severity="page",
            summary=f"{self.name}: nobody calls any more",
            guard=f"and {on(self.labels)} {before}",
            rank=VAGUEST,
        )
        return Signal(
            name=f"{called.key}_traffic",
            part=called.part,
            kind="traffic",
            meaning=f"How many {called.words} end a second.",
            expression=expression,
            labels=self.labels,
            panel=Panel(title=f"{called.title}: rate", unit="reqps"),
            alerts=(alert,) if called.serves else (),
            no_alert="" if called.serves else "What we call less of is seen where we are called.",
            first_steps=(
                "Look one step before it: the load balancer, the queue, the scheduler, the caller's own rate.",
                "Is it still reached? Call it by hand. Did a route or a name change with a deploy?",
            )
            if called.serves
            else (),
            page=called.page,
        )

    def _last_week(self) -> Signal:
        now = f"sum {by(self.labels)} ({self.each('rate', window='1h')})"
        then = f"sum {by(self.labels)} ({self.each('rate', window='1h', offset='1w')})"
        legend = " ".join(f"{{{{{name}}}}}" for name in self.labels)
        return Signal(
            name=f"{self.called.key}_traffic_last_week",
            part=self.called.part,
            kind="traffic",
            meaning=f"The rate of {self.called.words} now and at this hour a week ago.",
            expression=f"{now}\n/ {on(self.labels)}\n{then}",
            labels=self.labels,
            panel=Panel(
                title=f"{self.called.title}: rate, now and last week",
                unit="reqps",
                queries=((f"now {legend}", now), (f"last week {legend}", then)),
            ),
            no_alert="Unlike last week is a holiday more often than a fault: to look at, not to be woken by.",
        )


def _active(options: Options) -> Signal:
    labels = ("job", "scope_name", "operation_name")
    return Signal(
        name="operation_active",
        part="red",
        kind="saturation",
        meaning="How many operations are running at once, over all instances.",
        expression=f"sum {by(labels)} ({Metrics(options)('operation.active')})",
        labels=labels,
        panel=Panel(title="Operation: running"),
        no_alert="How many may run at once isn't known here; what limits them, a pool or an executor, pages.",
    )
