"""The alerts on what is called: operations, and the conventions' HTTP, RPC, messaging and database metrics.

They fire when they must, are silent when they must be, stay as long as it is true and are gone when it isn't: with
series that end, start late, reset and come from several instances.
"""

from pathlib import Path

import pytest

from telemetry_kit.monitoring import Options
from telemetry_kit.monitoring.operations import CALLED, Called
from tests.monitoring.promtool import alerts, needs_promtool

pytestmark = [pytest.mark.integration, needs_promtool]
EACH = pytest.mark.parametrize("called", CALLED, ids=lambda called: called.title)
VALUES = {
    "job": "shop",
    "scope_name": "shop",
    "operation_name": "checkout",
    "http_request_method": "GET",
    "http_route": "/orders/{id}",
    "server_address": "payments",
    "rpc_method": "shop.Orders/Place",
    "messaging_destination_name": "orders",
    "messaging_operation_name": "send",
    "db_system_name": "postgresql",
    "db_namespace": "shop",
}
OPERATION = CALLED[0]


class Calls:
    """Series of one thing that is called, by one instance, a value a minute."""

    def __init__(self, called: Called = OPERATION, instance: str = "a", **labels: str) -> None:
        self.name = called.metric.replace(".", "_") + "_seconds"
        known = {name: VALUES[name] for name in called.labels} | {"instance": instance} | labels
        self.labels = ",".join(f'{name}="{value}"' for name, value in known.items())

    def count(self, values: str, error_type: str = "", more: str = "") -> dict[str, str]:
        error = f',error_type="{error_type}"' if error_type else ""
        return {f"{self.name}_count{{{self.labels}{error}{more}}}": values}

    def buckets(self, fast: str, every: str) -> dict[str, str]:
        """Of all calls, those that took at most half a second, and all, which took at most 2.5."""
        made = {}
        for bound, values in {"0.5": fast, "2.5": every, "+Inf": every}.items():
            made[f'{self.name}_bucket{{{self.labels},le="{bound}"}}'] = values
        return made


def check(
    folder: Path, called: Called, series: dict[str, str], expected: dict[str, str], options: Options | None = None
) -> None:
    """`{}` in an expected name stands for what the alerts of this thing begin with."""
    named = {at: names.replace("{}", called.title) for at, names in expected.items()}
    mine = (called.title, f"job:{called.key}_")
    alerts(folder, series, named, options or Options(only=(called.part,)), only=lambda name: name.startswith(mine))


# Errors of one type


@EACH
def test_many_errors_of_one_type(called: Called, tmp_path: Path) -> None:
    """More than ten in five minutes fire after their hold, stay while they come, and are gone some minutes after."""
    series = Calls(called).count("0+60x400") | Calls(called).count("0x60 0+3x60 180x280", "TimeoutError")

    check(
        tmp_path,
        called,
        series,
        {"1h2m": "", "1h10m": "{}ErrorsOfOneType", "2h": "{}ErrorsOfOneType", "2h15m": "", "4h": ""},
    )


@EACH
def test_a_failure_now_and_then_tells_nobody(called: Called, tmp_path: Path) -> None:
    """At low traffic one failure is a large share of the calls: ten in five minutes are not more than ten."""
    series = Calls(called).count("0+1x400") | Calls(called).count("0x60 0+1x5 5x20 5+2x5 15x200", "TimeoutError")

    check(tmp_path, called, series, {"1h5m": "", "1h10m": "", "1h30m": "", "2h": ""})


def test_an_error_that_was_never_seen_before(tmp_path: Path) -> None:
    """Its series begins at the number that came between two scrapes: none of them is lost."""
    series = Calls().count("0+60x200") | Calls().count("_x60 11 11x100", "TimeoutError")

    check(tmp_path, OPERATION, series, {"1h2m": "", "1h4m": "{}ErrorsOfOneType", "1h15m": ""})


def test_errors_of_several_instances_are_added_up(tmp_path: Path) -> None:
    """Six in each of two instances are twelve, and one alert."""
    series = Calls(instance="a").count("0+60x200") | Calls(instance="b").count("0+60x200")
    for instance in "ab":
        series |= Calls(instance=instance).count("0x60 6x100", "TimeoutError")

    check(tmp_path, OPERATION, series, {"1h4m": "{}ErrorsOfOneType", "1h15m": ""})


def test_an_instance_that_was_replaced(tmp_path: Path) -> None:
    """The old one's series end, a new one's begin, with errors from its first second on."""
    series = Calls(instance="a").count("0+60x60 stale") | Calls(instance="a").count("3x60 stale", "TimeoutError")
    series |= Calls(instance="b").count("_x61 0+60x100") | Calls(instance="b").count(
        "_x61 4+4x9 40x100", "TimeoutError"
    )

    check(tmp_path, OPERATION, series, {"55m": "", "1h10m": "{}ErrorsOfOneType", "1h30m": ""})


def test_a_counter_that_starts_anew_is_no_storm(tmp_path: Path) -> None:
    """A restart under the same name sets counters to zero: what was counted before isn't counted again."""
    series = Calls().count("0+60x60 0+60x200") | Calls().count("500x60 0x30 2x200", "TimeoutError")

    check(tmp_path, OPERATION, series, {"1h5m": "", "1h35m": "", "2h": ""})


def test_a_service_that_is_scraped_for_the_first_time(tmp_path: Path) -> None:
    """What it counted in the weeks before is no news."""
    series = Calls().count("_x30 50000+60x100") | Calls().count("_x30 4000x100", "TimeoutError")

    check(tmp_path, OPERATION, series, {"33m": "", "40m": "", "1h": ""})


def test_a_scrape_that_failed_for_ten_minutes(tmp_path: Path) -> None:
    """The errors of an hour ago aren't new when the target answers again."""
    series = Calls().count("0+60x60 _x10 4200+60x100") | Calls().count("300x60 _x10 300x100", "TimeoutError")

    check(tmp_path, OPERATION, series, {"1h12m": "", "1h16m": "", "1h30m": ""})


def test_a_rare_error_of_a_busy_operation(tmp_path: Path) -> None:
    """Fifteen in five minutes of a thousand calls a second are nothing to be woken by."""
    series = Calls().count("0+60000x200") | Calls().count("0+3x200", "TimeoutError")

    check(tmp_path, OPERATION, series, {"30m": "", "2h": ""})


@EACH
def test_cancelled_calls_are_no_errors(called: Called, tmp_path: Path) -> None:
    """However many: `cancelled` is in no ratio and in no count of errors."""
    series = Calls(called).count("0+10x200") | Calls(called).count("0+90x200", "cancelled")

    check(tmp_path, called, series, {"30m": "", "2h": ""})


def test_cancelled_calls_thin_no_errors_out(tmp_path: Path) -> None:
    """They are among the calls of no ratio either: 12 of 100 that were not cancelled fail."""
    series = Calls().count("0+20x200") | Calls().count("0+20000x200", "cancelled")
    for number in range(8):
        series |= Calls().count("0+1x200", f"Error{number}")

    check(tmp_path, OPERATION, series, {"30m": "{}ErrorRatio", "2h": "{}ErrorRatio"})


@pytest.mark.parametrize("metric", ["http.server.request.duration", "http.client.request.duration"])
def test_statuses_from_500_on_are_one_type(metric: str, tmp_path: Path) -> None:
    """Six times 500 and six times 503 are twelve of `5..`, also where no error.type is set."""
    called = next(one for one in CALLED if one.metric == metric)
    calls = Calls(called)
    series = calls.count("0+60x200", more=',http_response_status_code="200"')
    series |= calls.count("0x60 6x100", "500", ',http_response_status_code="500"')
    series |= calls.count("0x60 6x100", more=',http_response_status_code="503"')

    check(tmp_path, called, series, {"1h4m": "{}ErrorsOfOneType", "1h15m": ""})


def test_sampled_durations_count_all_calls(tmp_path: Path) -> None:
    """Where durations are sampled the histogram has a hundredth of the calls; `operation.calls` has all."""
    series = Calls().count("0+1x200") | Calls().count("0x200", "TimeoutError")
    exact = f"operation_calls_total{{{Calls().labels}"
    series |= {exact + "}": "0+60x200", exact + ',error_type="TimeoutError"}': "0x60 0+5x100"}

    check(tmp_path, OPERATION, series, {"50m": "", "1h10m": "{}ErrorsOfOneType"})


# The share of errors


@EACH
def test_many_kinds_of_errors_that_are_a_share_together(called: Called, tmp_path: Path) -> None:
    """None of them is more than ten, all together are more than five of a hundred."""
    series = Calls(called).count("0+60x300")
    for number in range(8):
        series |= Calls(called).count("0x60 0+1x60 60x200", f"Error{number}")

    check(tmp_path, called, series, {"1h5m": "", "1h15m": "{}ErrorRatio", "2h": "{}ErrorRatio", "2h15m": ""})


def test_one_type_alone_is_told_by_the_exact_alert(tmp_path: Path) -> None:
    """The share that it makes is no second page, neither beside it nor after it."""
    series = Calls().count("0+60x300") | Calls().count("0x60 0+30x60 1800x200", "TimeoutError")
    expected = dict.fromkeys(("1h5m", "1h30m", "2h", "2h5m"), "{}ErrorsOfOneType")

    check(tmp_path, OPERATION, series, expected | {"2h16m": "", "3h": ""})


# Slow


@EACH
def test_calls_that_take_longer_than_they_may(called: Called, tmp_path: Path) -> None:
    """More than five of a hundred take longer than half a second, for some minutes; a ticket where nobody said a number."""
    calls = Calls(called)
    series = calls.count("0+60x300") | calls.buckets("0+60x60 3600+54x60 6840+60x200", "0+60x320")
    options = Options(only=(called.part,), slower_than=0.5)

    check(tmp_path, called, series, {"55m": "", "1h15m": "{}Slow", "2h": "{}Slow", "2h15m": "", "4h": ""}, options)
    check(tmp_path, called, series, {"1h30m": ""}, Options(only=(called.part,), slower_than=2.5))


def test_a_few_slow_calls_at_night(tmp_path: Path) -> None:
    """Three calls of which one is slow are no percentile."""
    series = Calls().count("0+1x300") | Calls().buckets("0x300", "0+1x300")

    check(tmp_path, OPERATION, series, {"30m": "", "3h": ""}, Options(only=("red",), slower_than=0.5))


def test_where_there_is_an_objective_of_latency_it_decides(tmp_path: Path) -> None:
    """It counts exactly; buckets are for those that have none."""
    series = Calls().count("0+60x300") | Calls().buckets("0x300", "0+60x300")
    target = {f'operation_objective_target{{{Calls().labels},objective_name="latency"}}': "0.99x300"}
    options = Options(only=("red",), slower_than=0.5)

    check(tmp_path, OPERATION, series, {"30m": "{}Slow"}, options)
    check(tmp_path, OPERATION, series | target, {"30m": "", "3h": ""}, options)


# Traffic


@EACH
def test_traffic_that_is_gone(called: Called, tmp_path: Path) -> None:
    """There were calls all the time, and now there are none, for as long as there are none: who serves pages."""
    series = Calls(called).count("0+60x120 7200x300 7200+60x60")
    gone = "{}TrafficGone" if called.serves else ""

    check(tmp_path, called, series, {"1h50m": "", "2h10m": "", "2h20m": gone, "4h": gone, "6h50m": gone, "7h10m": ""})


def test_traffic_that_was_hardly_there(tmp_path: Path) -> None:
    """Two calls an hour may stay away."""
    check(tmp_path, OPERATION, Calls().count("0+1x10 10x300"), {"30m": "", "1h": "", "5h": ""})


def test_one_instance_without_traffic(tmp_path: Path) -> None:
    """The other one has it."""
    series = Calls(instance="a").count("0+60x120 7200x300") | Calls(instance="b").count("0+60x420")

    check(tmp_path, OPERATION, series, {"2h20m": "", "4h": ""})


def test_another_services_traffic(tmp_path: Path) -> None:
    """`service` narrows all rules to one."""
    series = Calls().count("0+60x400") | Calls().count("0x60 0+3x200", "TimeoutError")

    check(tmp_path, OPERATION, series, {"1h30m": "{}ErrorsOfOneType"}, Options(only=("red",), service="shop"))
    check(tmp_path, OPERATION, series, {"1h30m": ""}, Options(only=("red",), service="bank"))


# Objectives


def objective(met: str, missed: str, *, name: str = "availability", target: float = 0.999) -> dict[str, str]:
    labels = f'{Calls().labels},objective_name="{name}"'
    return {
        f'operation_objective_calls_total{{{labels},objective_result="met"}}': met,
        f'operation_objective_calls_total{{{labels},objective_result="missed"}}': missed,
        f"operation_objective_target{{{labels}}}": f"{target}x1500",
    }


def check_objectives(
    folder: Path, series: dict[str, str], expected: dict[str, str], objective: float | None = None
) -> None:
    mine = ("Operation", "Objective", "job:operation", "job:objective")
    options = Options(only=("red", "objective"), objective=objective)
    alerts(folder, series, expected, options, interval="2m", only=lambda name: name.startswith(mine))


def test_a_budget_that_burns_fast(tmp_path: Path) -> None:
    """Five of a hundred calls miss an objective of 99.9: a page within minutes, which is the only one, and ends."""
    series = objective("0+600x60 36000+570x30 53100+600x450", "0x60 0+30x30 900x450")
    series |= Calls().count("0+600x60 36000+570x30 53100+600x450")
    series |= Calls().count("0x60 0+30x30 900x450", "TimeoutError")
    burns = dict.fromkeys(("2h35m", "3h"), "ObjectiveBurnsFast")

    check_objectives(tmp_path, series, {"2h": "", **burns, "4h": "", "6h": "", "14h": ""})


def test_a_budget_that_burns_slowly(tmp_path: Path) -> None:
    """Four times too fast for hours is a ticket."""
    series = objective("0+600x750", "0x60 0+2.4x650", name="latency")

    check_objectives(tmp_path, series, {"3h": "", "23h": "ObjectiveBurnsSlowly"})


def test_a_few_missed_calls_at_low_traffic(tmp_path: Path) -> None:
    """Nine misses in an hour with ten calls are a large share, and nobody's night."""
    series = objective("0+1x600", "0x60 9x600")

    check_objectives(tmp_path, series, {"1h5m": "", "1h30m": "", "5h": ""})


def test_an_objective_that_is_met(tmp_path: Path) -> None:
    """Within its budget nothing is said."""
    check_objectives(tmp_path, objective("0+60000x600", "0+30x600"), {"1h": "", "9h": ""})


def test_an_objective_for_those_that_declare_none(tmp_path: Path) -> None:
    """`objective` gives one of success to every operation, by its errors, without those that were cancelled."""
    series = Calls().count("0+600x300") | Calls().count("0x120 0+30x180", "TimeoutError")
    series |= Calls(operation_name="browse").count("0+600x300") | Calls(operation_name="browse").count(
        "0+90x300", "cancelled"
    )

    check_objectives(tmp_path, series, {"4h": "", "5h": "ObjectiveBurnsFast", "8h": "ObjectiveBurnsFast"}, 99.9)
