"""Signals of telemetry itself: targets that are gone, faults that were kept from the host, and what its limits left out."""

from telemetry_kit.monitoring.model import CAUSE, Alert, Panel, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.promql import BEFORE, Metrics, by, count_in_window


def signals(options: Options) -> tuple[Signal, ...]:
    """Whether what all others say can be believed."""
    m = Metrics(options)

    def grown(metric: str, *labels: str) -> str:
        known = m.named("target_info", window=BEFORE, offset=options.window)
        return count_in_window(m, ("job", *labels), metric, known=known)

    def rate(metric: str, *labels: str) -> str:
        return f"sum {by(('job', *labels))} (rate({m(metric, window='5m')}))"

    return (
        _targets(m),
        Signal(
            name="telemetry_faults",
            part="self",
            kind="errors",
            meaning="Faults in telemetry in the window, which were kept from the host, by where they were.",
            expression=grown("telemetry_kit.faults", "fault_site"),
            labels=("job", "fault_site"),
            panel=Panel(title=f"Telemetry: faults in {options.window}"),
            alerts=(
                Alert(
                    name="TelemetryFaults",
                    threshold=0,
                    hold="0m",
                    severity="ticket",
                    summary="{{ $labels.job }}: {{ $value }} faults of telemetry at {{ $labels.fault_site }}",
                ),
            ),
            first_steps=(
                "The first fault of each site is in the service's log, with its traceback (logger telemetry_kit).",
                "The site says what to look at: a callable of your own, the SDK, a pool's numbers.",
            ),
            page="how-to/be-paged-for-the-right-things",
        ),
        Signal(
            name="telemetry_overflow",
            part="self",
            kind="errors",
            meaning="Values in the window that became _OTHER, since their key had too many.",
            expression=grown("telemetry_kit.attribute.overflow", "scope_name", "attribute_key"),
            labels=("job", "scope_name", "attribute_key"),
            panel=Panel(title=f"Telemetry: overflow in {options.window}"),
            alerts=(
                Alert(
                    name="TelemetryOverflow",
                    threshold=0,
                    hold="0m",
                    severity="ticket",
                    summary="{{ $labels.job }}: {{ $labels.attribute_key }} of {{ $labels.scope_name }} has too many values",
                ),
            ),
            first_steps=(
                "The key holds something like an id: give it to the span (`set_attribute`), not to the metric.",
                "What was known before the overflow keeps its series; only new values are _OTHER.",
            ),
            page="explanation/cardinality",
        ),
        Signal(
            name="telemetry_suppressed",
            part="self",
            kind="errors",
            meaning="Detailed exception records a second that the rate limit left out; the counts of errors stay exact.",
            expression=rate("telemetry_kit.exception.suppressed", "scope_name", "error_type"),
            labels=("job", "scope_name", "error_type"),
            panel=Panel(title="Telemetry: suppressed exceptions", unit="ops"),
            no_alert="It is the limit at work in a storm of errors, which pages by itself.",
        ),
        Signal(
            name="telemetry_events",
            part="self",
            kind="traffic",
            meaning="Events a second, by name; they are marks on every panel, too.",
            expression=rate("telemetry_kit.events", "scope_name", "event_name"),
            labels=("job", "scope_name", "event_name"),
            panel=Panel(title="Telemetry: events", unit="ops"),
            no_alert="Events explain other things; which of them is bad nobody knows here.",
        ),
    )


def _targets(m: Metrics) -> Signal:
    now = f"count by (job) ({m.named('target_info')})"
    before = f"group by (job) (last_over_time({m.named('target_info', window='1d')}))"
    jobs = f"group by (job) (last_over_time({m('job.start.timestamp', window='1d')}))"
    served = f"group by (job) (last_over_time({m('operation.active', window='1h')}))"
    return Signal(
        name="targets",
        part="self",
        kind="state",
        meaning="How many instances of a service report; none is left where its line ends.",
        expression=now,
        labels=("job",),
        panel=Panel(title="Telemetry: instances that report"),
        alerts=(
            Alert(
                name="TargetsGone",
                threshold=1,
                comparison="<",
                expression=f"{before}\nunless {now}\nunless ({jobs} unless {served})",
                hold="5m",
                severity="page",
                summary="{{ $labels.job }}: no instance reports any more",
                rank=CAUSE,
                keep="6m",
            ),
        ),
        first_steps=(
            "Does it run? If not, start it; its logs and its supervisor say why it ended.",
            "It runs: does Prometheus reach it (Status, Targets), or does it reach its collector? `doctor` says what is set.",
        ),
        page="how-to/be-paged-for-the-right-things",
    )
