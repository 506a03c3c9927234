"""Signals of objectives: how fast the calls that miss what was promised use up what may miss it.

An operation that declares an `Objective` counts exactly; with `--objective` those that declare none have one of success,
by their errors. The windows are those of Google's SRE workbook.
"""

from telemetry_kit.monitoring.model import EXACT, Alert, Panel, Recording, Signal
from telemetry_kit.monitoring.operations import BUDGET, CALLED, FAILED, NOT_CANCELLED, OF_SUCCESS, Recipe
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.promql import Metrics, by, on

_NOT_MET = 'objective_result="missed"'
BURN_RATES = (
    ("page", "ObjectiveBurnsFast", "3m", (("5m", "1h", 14.4), ("30m", "6h", 6.0))),
    ("ticket", "ObjectiveBurnsSlowly", "1h", (("2h", "1d", 3.0), ("6h", "3d", 1.0))),
)
"""Severity, alert, hold, and pairs of a short and a long window with how many times faster than allowed the budget goes:
the numbers of Google's SRE workbook for 30 days. The short window ends the alert soon after the fault."""
_PAIRS = tuple(pair for *_, pairs in BURN_RATES for pair in pairs)
_WINDOWS = tuple(dict.fromkeys(window for short, long, _ in _PAIRS for window in (short, long)))
_OBJECTIVE = ("job", "scope_name", "operation_name", "objective_name")


def signals(options: Options) -> tuple[Signal, ...]:
    """Burn rates: how many times faster than allowed the budget of errors is used up."""
    metrics = Metrics(options)
    records = [Recording(name=BUDGET, expression=_budget(options))]
    records += [
        Recording(name=f"job:objective_missed:ratio_rate{window}", expression=_missed(options, window))
        for window in _WINDOWS
    ]
    records += [
        Recording(name=f"job:objective_missed:increase{long}", expression=_missed_count(options, long))
        for _, long, _ in _PAIRS
    ]
    records.append(Recording(name="job:objective_missed:page", expression=_burns(options, BURN_RATES[0][3])))
    paged = "unless last_over_time(job:objective_missed:page[1d])"
    alerts = tuple(
        Alert(
            name=name,
            threshold=pairs[0][2],
            expression="job:objective_missed:page" if severity == "page" else f"({_burns(options, pairs)})\n{paged}",
            hold=hold,
            severity="page" if severity == "page" else "ticket",
            summary="{{ $labels.job }}: {{ $labels.operation_name }} misses its {{ $labels.objective_name }} "
            "in {{ $value | humanizePercentage }} of its calls",
            rank=EXACT if severity == "page" else None,
            keep="6m" if severity == "page" else "",
        )
        for severity, name, hold, pairs in BURN_RATES
    )
    budget = _budget(options)
    return (
        Signal(
            name="objective_burn_rate",
            part="objective",
            kind="errors",
            meaning="How many times faster than allowed the calls that missed their objective use up what may miss it.",
            expression=f"{_missed(options, '1h')}\n/ {on(_OBJECTIVE)}\n({budget})",
            labels=_OBJECTIVE,
            panel=Panel(title="Objective: burn rate over an hour", unit="none"),
            records=tuple(records),
            alerts=alerts,
            first_steps=(
                "How much is left? The panel beside it says so; at a burn rate of 14.4 a month's budget lasts two days.",
                "availability: look at errors by type. latency: look at durations, and at what the operation waits for.",
                "Was something deployed or configured? The dashboard marks it: rolling back is cheaper than understanding.",
            ),
            page="how-to/be-paged-for-the-right-things",
        ),
        Signal(
            name="objective_budget_left",
            part="objective",
            kind="errors",
            meaning="Share of the last 30 days' budget of missed calls that is left.",
            expression=f"1 - {_missed(options, '30d')}\n/ {on(_OBJECTIVE)}\n({budget})",
            labels=_OBJECTIVE,
            panel=Panel(title="Objective: budget left of 30 days", unit="percentunit"),
            no_alert="What is left of a budget wakes nobody; how fast it goes does.",
        ),
        Signal(
            name="objective_target",
            part="objective",
            kind="errors",
            meaning="What share of calls is to meet the objective, as declared.",
            expression=f"max {by(_OBJECTIVE)} ({metrics('operation.objective.target')})",
            labels=_OBJECTIVE,
            panel=Panel(title="Objective: target", unit="percentunit", view="stat"),
            no_alert="It is declared, and changes by a deploy alone.",
        ),
    )


def _burns(options: Options, pairs: tuple[tuple[str, str, float], ...]) -> str:
    """Where the budget goes too fast in a long window and still does in the short one; a few calls don't count."""
    return "\nor\n".join(
        f"job:objective_missed:ratio_rate{long} > {times:g} * {BUDGET}\n"
        f"and job:objective_missed:ratio_rate{short} > {times:g} * {BUDGET}\n"
        f"and job:objective_missed:increase{long} > {options.more_than}"
        for short, long, times in pairs
    )


def _undeclared(expression: str, options: Options) -> str:
    """An operation's expression, for those that declare no objective of success, as a series of an objective."""
    declared = Metrics(options)("operation.objective.target", OF_SUCCESS)
    rest = f"({expression} unless {on(_OBJECTIVE[:3])} {declared})"
    return f'label_replace({rest}, "objective_name", "availability", "", "")'


def _of_all(declared: str, undeclared: str, options: Options) -> str:
    if options.objective is None:
        return declared
    return f"{declared}\nor\n{_undeclared(undeclared, options)}"


def _budget(options: Options) -> str:
    """What share of calls may miss the objective."""
    metrics, recipe = Metrics(options), Recipe(CALLED[0], options)
    declared = f"1 - max {by(_OBJECTIVE)} ({metrics('operation.objective.target')})"
    allowed = 1 - (options.objective or 0) / 100
    calls = recipe.each("last_over_time", window="1h")
    return _of_all(declared, f"0 * group {by(_OBJECTIVE[:3])} ({calls}) + {allowed:.6g}", options)


def _missed(options: Options, window: str) -> str:
    """Share of calls that missed their objective."""
    metrics, recipe = Metrics(options), Recipe(CALLED[0], options)
    name = "operation.objective.calls"
    missed = f"sum {by(_OBJECTIVE)} (rate({metrics(name, _NOT_MET, window=window)}))"
    every = f"sum {by(_OBJECTIVE)} (rate({metrics(name, window=window)}))"
    failed = f"sum {by(_OBJECTIVE[:3])} ({recipe.each('rate', FAILED, window=window)})"
    called = f"sum {by(_OBJECTIVE[:3])} ({recipe.each('rate', NOT_CANCELLED, window=window)})"
    return _of_all(f"(({missed} or 0 * {every}) / {every})", f"(({failed} or 0 * {called}) / {called})", options)


def _missed_count(options: Options, window: str) -> str:
    """How many calls missed it: at low traffic a single one is a large share."""
    metrics, recipe = Metrics(options), Recipe(CALLED[0], options)
    missed = metrics("operation.objective.calls", 'objective_result="missed"', window=window)
    failed = f"sum {by(_OBJECTIVE[:3])} ({recipe.each('increase', FAILED, window=window)})"
    return _of_all(f"sum {by(_OBJECTIVE)} (increase({missed}))", failed, options)
