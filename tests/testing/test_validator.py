"""What the validator finds though no assertion asks for it: by word, and by line; and what it leaves alone."""

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import opentelemetry.context
import pytest
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider

from telemetry_kit import Telemetry, attached, bind, context_attributes, current_measurement, extract
from telemetry_kit.testing import WORDS, Captured, capture
from telemetry_kit.testing import callsite as _callsite
from telemetry_kit.testing import validator as _validator

telemetry = Telemetry("shop.orders")
HERE = "tests/testing/test_validator.py"
KEPT: list[Any] = []


@pytest.fixture
def captured() -> Any:
    """What the fixture is, but judged by the test."""
    from telemetry_kit.testing import capture_and_watch

    with capture_and_watch() as captured:
        yield captured
    KEPT.clear()


def wrong(captured: Captured, **options: Any) -> str:
    """What the validator says; empty where all is right."""
    try:
        captured.validate(**options)
    except AssertionError as found:
        return str(found)
    return ""


def line_of(code: str) -> int:
    """The line of this file that ends with this comment."""
    with open(__file__, encoding="utf-8") as source:
        return next(number for number, line in enumerate(source, 1) if line.endswith(f"{code}\n"))


def never_ended() -> None:
    KEPT.append(telemetry.tracer.start_span("lost"))  # begins


def ended_twice() -> None:
    span = telemetry.tracer.start_span("twice")
    span.end()
    span.end()  # ends again


def still_attached() -> None:
    opentelemetry.context.attach(baggage.set_baggage("tenant", "acme"))  # stays


def attributes_stay() -> None:
    context_attributes({"tenant": "acme"}).__enter__()  # stay


def enter(block: Any) -> Any:
    KEPT.append(block)
    return block


def use_never_left() -> None:
    enter(telemetry.pool("gpu").use()).__enter__()  # takes one


def wait_that_nobody_has() -> None:
    telemetry.pool("gpu").wait().__enter__()  # waits


def load_never_left() -> None:
    enter(telemetry.cache("prices").load()).__enter__()  # loads


def measured_without_a_span() -> None:
    enter(telemetry.operation("hash", span=False).measure()).__enter__()  # measures


def run_without_a_span() -> None:
    enter(telemetry.batch_job("nightly", span=False).run()).__enter__()  # runs


def twice(block: Any) -> None:
    with block:
        pass
    block.__exit__(None, None, None)  # leaves it again


def use_left_twice() -> None:
    twice(telemetry.pool("gpu").use())


def measurement_left_twice() -> None:
    twice(telemetry.operation("checkout").measure())


def span_block_left_twice() -> None:
    twice(telemetry.span("price"))


def run_left_twice() -> None:
    twice(telemetry.batch_job("nightly").run())


def step_left_twice() -> None:
    with telemetry.batch_job("nightly").run() as run:
        twice(run.step("load"))


def made_by_hand() -> None:
    enter(attached(Context({"tenant": "acme"}))).__enter__()  # made current


def not_a_context() -> None:
    with attached({"traceparent": "00-"}):  # type: ignore[arg-type]  # headers
        pass


def bound_to_no_context() -> None:
    bind(len, {"traceparent": "00-"})([])  # type: ignore[arg-type]  # bound


def said_too_late() -> None:
    with telemetry.operation("checkout").measure() as measurement:
        pass
    measurement.set_metric_attribute("payment.method", "card")  # too late


def said_too_early() -> None:
    measurement = telemetry.operation("checkout").measure()
    measurement.set_attribute("user.id", 7)  # too early
    with measurement:
        pass


def said_of_a_span_too_late() -> None:
    with telemetry.span("price") as span:
        pass
    span.set_attributes({"product.sku": "A1", "product.size": 2})  # of an ended span


def ended_by_a_bare_thread() -> None:
    span = telemetry.tracer.start_span("of a thread")  # whose end is its target
    span.end()
    thread = threading.Thread(target=span.end)
    thread.start()
    thread.join()


def other_keys() -> None:
    sell = telemetry.operation("sell")
    with sell.measure(metric_attributes={"payment.method": "card"}):
        pass
    with sell.measure():  # without a method
        pass


def uncatalogued() -> None:
    from telemetry_kit._core import sdk

    provider: MeterProvider = sdk.override.meter_provider  # type: ignore[union-attr]
    provider.get_meter("telemetry_kit").create_counter("of.mine")  # not in the catalogue


def at_fault() -> None:
    @telemetry.operation("rate", metric_attributes=lambda order: {"order.size": order["size"]})  # raises
    def rate(order: dict[str, int]) -> int:
        return 1

    rate({})


def overflow() -> None:
    user = telemetry.operation("greet")
    for number in range(101):
        with user.measure(metric_attributes={"user.id": number}):  # overflows
            pass


def dropped() -> None:
    with telemetry.operation("pack").measure() as measurement:
        measurement.set_attribute("box", object())  # can't be kept


CASES: list[tuple[str, Callable[[], None], str, str]] = [
    ("never_ended", never_ended, "# begins", "the span 'lost' was never ended"),
    ("ended_twice", ended_twice, "# ends again", "the span 'twice' was ended, and had ended before"),
    (
        "ended_twice",
        ended_by_a_bare_thread,
        "# whose end is its target",
        "the span 'of a thread' was ended, and had ended before; it began",
    ),
    ("never_ended", use_never_left, "# takes one", "use() of pool 'gpu' was never left; it began"),
    ("never_ended", wait_that_nobody_has, "# waits", "wait() of pool 'gpu' was never left; it began"),
    ("never_ended", load_never_left, "# loads", "load() of cache 'prices' was never left; it began"),
    ("never_ended", measured_without_a_span, "# measures", "measure() of operation 'hash' was never left; it began"),
    ("never_ended", run_without_a_span, "# runs", "run() of job 'nightly' was never left; it began"),
    (
        "ended_twice",
        use_left_twice,
        "# leaves it again",
        "use() of pool 'gpu' must be ended once for each time it began",
    ),
    (
        "ended_twice",
        measurement_left_twice,
        "# leaves it again",
        "measure() of operation 'checkout' must be ended once",
    ),
    ("ended_twice", span_block_left_twice, "# leaves it again", "span 'price' must be ended once"),
    ("ended_twice", run_left_twice, "# leaves it again", "run() of job 'nightly' must be ended once"),
    ("ended_twice", step_left_twice, "# leaves it again", "step 'load' must be ended once"),
    ("attached", made_by_hand, "# made current", "a context that was made current is still current"),
    (
        "fault",
        not_a_context,
        "# headers",
        "at propagation.context: TypeError: context of attached() must be a Context",
    ),
    (
        "fault",
        bound_to_no_context,
        "# bound",
        "at bind.context: TypeError: context of bind() must be a Context, got dict",
    ),
    (
        "dropped",
        said_too_late,
        "# too late",
        "the attribute 'payment.method' came after the end of measure() of operation 'checkout', and is lost",
    ),
    (
        "dropped",
        said_too_early,
        "# too early",
        "the attribute 'user.id' came before the beginning of measure() of operation 'checkout', and is lost",
    ),
    (
        "dropped",
        said_of_a_span_too_late,
        "# of an ended span",
        "the attribute 'product.sku', 'product.size' came after the end of the span 'price', and is lost",
    ),
    ("attached", still_attached, "# stays", "a context that was made current is still current"),
    ("attached", attributes_stay, "# stay", "a context that was made current is still current"),
    (
        "keys",
        other_keys,
        "# without a method",
        "'operation.duration' of 'sell' has no keys here, and had the keys 'payment.m",
    ),
    (
        "uncatalogued",
        uncatalogued,
        "# not in the catalogue",
        "'of.mine' on the kit's own meter is not in the catalogue",
    ),
    ("fault", at_fault, "# raises", "at operation.metric_attributes: KeyError: 'size'"),
    ("dropped", dropped, "# can't be kept", "the value of 'box' must be what OpenTelemetry takes"),
    ("overflow", overflow, "# overflows", "a value of 'user.id' was one too many and became _OTHER"),
]


@pytest.mark.parametrize(("word", "cause", "code", "message"), CASES, ids=[case[1].__name__ for case in CASES])
def test_each_is_found(captured, word, cause, code, message) -> None:
    """Each word is found, once, with what it is and the line of the user's code."""
    cause()
    said = wrong(captured)

    assert said.startswith(f"{word}: {message}")
    assert f"\n    at {HERE}:{line_of(code)}\n" in said
    assert [word for word in WORDS if f"{word}: " in said] == [word]
    assert said.endswith(f"What is meant to be so is allowed by allow=({word!r},).")


@pytest.mark.parametrize(("word", "cause"), [case[:2] for case in CASES], ids=[case[1].__name__ for case in CASES])
def test_each_can_be_allowed(captured, word, cause) -> None:
    """What a test means to cause it allows by its word."""
    cause()

    assert wrong(captured, allow=(word,)) == ""


def test_a_word_that_is_none_is_refused(captured) -> None:
    """A word that the validator doesn't know is a ValueError that names them all."""
    with pytest.raises(
        ValueError, match="never_ended, ended_twice, attached, keys, uncatalogued, fault, dropped, overflow"
    ):
        captured.validate(allow=("faults",))
    with pytest.raises(TypeError, match="allow must be words"):
        captured.validate(allow=7)


def test_a_span_that_stays_current_names_where_it_began(captured) -> None:
    """The context of a block that was entered and never left names the span and where it began."""

    def leave_open() -> None:
        KEPT.append(telemetry.span("left.open"))
        KEPT[-1].__enter__()  # the block

    leave_open()
    said = wrong(captured)

    assert "attached: the context of span 'left.open' is still current" in said
    assert said.count(f"at {HERE}:{line_of('# the block')}") == 2


def test_an_incoming_context_that_stays(captured) -> None:
    """A context from headers that stays current names the line that extracted it."""
    KEPT.append(attached(extract({"baggage": "tenant=acme"})))  # extracted
    KEPT[-1].__enter__()

    assert f"at {HERE}:{line_of('# extracted')}" in wrong(captured)


def test_right_code_is_left_alone(captured) -> None:
    """Operations, pools, jobs, errors, generators, threads and tasks as they should be: nothing is found."""
    pool, job = telemetry.pool("gpu", limit=2), telemetry.batch_job("billing")

    @telemetry.operation("stream", arguments=["size"])
    def stream(size: int):
        yield from range(size)

    @telemetry.operation("fetch")
    async def fetch(fail: bool) -> None:
        await asyncio.sleep(0)
        if fail:
            raise ConnectionError("refused")

    async def main() -> None:
        await asyncio.gather(fetch(False), fetch(True), return_exceptions=True)
        task = asyncio.create_task(fetch(False))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    list(stream(2))
    next(stream(2))
    asyncio.run(main())
    with pool.wait(), pool.use():
        pass
    with pytest.raises(LookupError), job.run() as run, run.step("load"):
        run.processed()
        run.failed(1, "bad_row")
        raise LookupError
    thread = threading.Thread(target=lambda: list(stream(1)))
    thread.start()
    thread.join()
    telemetry.event("config.changed", {"nothing": None})

    assert wrong(captured) == ""


def test_an_abandoned_generator_has_ended(captured) -> None:
    """A generator that nobody has any more, also in a cycle, is not a span that never ends."""

    @telemetry.operation("stream")
    def stream():
        yield 1

    holder: dict[str, Any] = {}
    holder["me"], holder["stream"] = holder, stream()
    next(holder["stream"])
    del holder

    assert wrong(captured) == ""


def test_a_task_that_outlives_its_call_may_say_something(captured) -> None:
    """Nobody is to blame who asks for the current measurement in what a call has left behind: it does nothing there."""

    async def main() -> None:
        async def later() -> None:
            await asyncio.sleep(0)
            current_measurement().set_attribute("mail.sent", True)

        with telemetry.operation("checkout").measure():
            task = asyncio.create_task(later())
        await task
        current_measurement().fail("nobody")

    asyncio.run(main())

    assert wrong(captured) == ""


def test_what_an_installed_package_does_is_not_the_users_fault(captured, tmp_path, monkeypatch) -> None:
    """A package that holds a pool's item for its life, or says something of a span too late, fails no test of others."""
    package = tmp_path / "installed.py"
    package.write_text(
        "def hold(block):\n    block.__enter__()\n\n\ndef say(span):\n    span.set_attribute('late', 1)\n"
    )
    monkeypatch.setattr(_callsite, "_LIBRARIES", (f"{tmp_path}/",))
    _callsite._whose.cache_clear()
    monkeypatch.syspath_prepend(tmp_path)
    import installed  # type: ignore[import-not-found]

    installed.hold(enter(telemetry.pool("gpu").use()))
    with telemetry.span("price") as span:
        pass
    installed.say(span)
    said = wrong(captured)
    _callsite._whose.cache_clear()
    del sys.modules["installed"]

    assert said == ""


def test_blocks_in_threads_that_still_run_are_left_alone(captured) -> None:
    """A pool's item that another thread has, and thousands that were given back, are no blocks that were never left."""
    pool, started, go = telemetry.pool("gpu", limit=2), threading.Event(), threading.Event()

    def work() -> None:
        with pool.use():
            started.set()
            go.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(10)
    for _ in range(1_500):
        with pool.use():
            pass
    said = wrong(captured)
    go.set()
    thread.join()

    assert said == ""


def test_what_still_runs_is_left_alone(captured) -> None:
    """A span whose block is still running, here or in another thread, or is suspended, may end yet."""
    started, go = threading.Event(), threading.Event()

    def work() -> None:
        with telemetry.span("elsewhere"):
            started.set()
            go.wait(10)

    def suspended():
        with telemetry.span("suspended"):
            yield

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(10)
    generator = suspended()
    next(generator)
    with telemetry.span("here"):
        said = wrong(captured, words=("never_ended",))
    go.set()
    thread.join()
    generator.close()

    assert said == ""


def test_error_types_and_optional_keys_may_differ(captured) -> None:
    """`error.type`, what the catalogue has, and what was None are no difference in keys."""
    sell = telemetry.operation("sell")
    for method in ("card", None):
        with sell.measure(metric_attributes={"payment.method": method}) as measurement:
            measurement.fail("declined")
    with sell.measure(metric_attributes={"payment.method": "card"}):
        pass

    assert wrong(captured) == ""


def test_keys_of_calls_that_are_only_counted(captured) -> None:
    """Where durations are sampled and only the kit counts, keys that differ are found too."""
    sell = telemetry.operation("sell.often", sample_durations=0.0, span=False)
    for attributes in ({"payment.method": "card"}, {}):
        with sell.measure(metric_attributes=attributes):
            pass

    said = wrong(captured)
    assert "keys: 'operation.calls' of 'sell.often' has " in said
    assert "no keys" in said
    assert "the keys 'payment.method'" in said


def test_other_helpers_may_have_other_keys(captured) -> None:
    """Keys are compared within one helper: two operations may differ."""
    for name, keys in (("sell", {"payment.method": "card"}), ("buy", {"currency": "EUR"})):
        with telemetry.operation(name).measure(metric_attributes=keys):
            pass

    assert wrong(captured) == ""


def test_a_plain_capture_validates_too() -> None:
    """Without pytest, `captured.validate()` says the same, of a capture that has ended too."""
    with capture() as captured:
        ended_twice()

    assert "ended_twice: the span 'twice'" in wrong(captured)


def test_frames_are_not_kept(captured) -> None:
    """Remembering lines keeps no frame alive: what a function had goes when it ends."""

    class Big:
        pass

    def work() -> "weakref.ref[Big]":
        big = Big()
        with telemetry.span("work"):
            return weakref.ref(big)

    import weakref

    reference = work()
    gc.collect()

    assert reference() is None
    assert _validator.WORDS == WORDS


class Restless:
    """A proxy that can't be asked what it is."""

    @property
    def __class__(self):
        raise RuntimeError("working outside of a request")


def test_proxies_are_left_asleep(captured) -> None:
    """Looking for what still runs asks no object of a host's what it is."""
    KEPT.append([Restless()])
    never_ended()

    assert "never_ended: the span 'lost'" in wrong(captured)


def test_what_was_in_a_context_lives_no_longer(captured: Captured) -> None:
    """The fixture remembers where something was made current and not what: a test can see that it is freed."""

    class Value:
        pass

    value = Value()
    reference = weakref.ref(value)
    token = opentelemetry.context.attach(opentelemetry.context.set_value("value", value))
    opentelemetry.context.detach(token)
    del value, token

    assert reference() is None
    assert wrong(captured) == ""


@pytest.mark.parametrize("helper", ["operation", "span"])
def test_a_decorated_generator_that_goes_on_later(captured: Captured, helper: str) -> None:
    """What is suspended and kept may yet be driven to its end, wherever it was begun; once nobody has it, it has ended."""

    def rows() -> Any:
        yield 1
        yield 2

    KEPT.append(getattr(telemetry, helper)("rows")(rows)())
    next(KEPT[0])

    assert captured.span("rows").end is None
    assert wrong(captured) == ""

    KEPT.clear()
    gc.collect()

    assert captured.span("rows").end is not None
    assert wrong(captured) == ""
