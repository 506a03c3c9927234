"""The public face: what the package exports, where it says that it belongs, and what it answers to a misuse."""

import ast
import asyncio
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

import telemetry_kit
import telemetry_kit.testing
from telemetry_kit import ErrorPolicy, PoolStats, Telemetry, carriers, catalogue, conventions, diagnose, monitoring, w3c
from telemetry_kit.testing import Captured

telemetry = Telemetry("shop.orders")


@pytest.mark.parametrize("name", [name for name in telemetry_kit.__all__ if not name.startswith("__")])
def test_what_is_exported_belongs_to_the_package(name: str) -> None:
    """A class or function of the face says `telemetry_kit` and names no private file, nor do its pickles."""
    assert getattr(telemetry_kit, name).__module__ == "telemetry_kit"


PICKLED: dict[str, object] = {
    "PoolStats": PoolStats(used=3),
    "Telemetry": telemetry,
    "with an ErrorPolicy": Telemetry("shop.orders", errors=telemetry_kit.ErrorPolicy(rate=1.0)),
    "Operation": telemetry.operation("checkout", span="errors"),
    "BatchJob": telemetry.batch_job("nightly", expected_interval=60.0),
    "Pool": telemetry.pool("face"),
    "Cache": telemetry.cache("face"),
    "Database": telemetry.database("postgresql"),
}


@pytest.mark.parametrize("name", PICKLED)
def test_a_pickle_names_no_private_file(name: str) -> None:
    """What is pickled today can be read when private files are called something else."""
    pickled = pickle.dumps(PICKLED[name])

    assert b"telemetry_kit._" not in pickled
    assert pickle.loads(pickled) == PICKLED[name]


BLOCKS: dict[str, tuple[Any, str]] = {
    "operation": (telemetry.operation("checkout"), r"heads a `with` block must be one call.*`\.measure\(\)`"),
    "pool": (telemetry.pool("face"), r"heads a `with` block must be one call.*`\.wait\(\)` or `\.use\(\)`"),
    "job": (telemetry.batch_job("nightly"), r"heads a `with` block must be one call.*`\.run\(\)`"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_with_block_of_the_thing_itself_says_which_method_gives_one(name: str) -> None:
    """`with telemetry.operation("x"):` is a TypeError that names the way out."""
    thing, says = BLOCKS[name]

    with pytest.raises(TypeError, match=says):
        thing.__enter__()


def test_an_async_with_block_says_it_too() -> None:
    """`async with telemetry.operation("x"):` likewise."""

    async def main() -> None:
        async with BLOCKS["operation"][0]:
            raise AssertionError

    with pytest.raises(TypeError, match="must be one call"):
        asyncio.run(main())


MEMBERS = {
    "BatchJob": {"name", "run"},
    "Cache": {"evicted", "hit", "load", "lookup", "miss"},
    "Counter": {"add", "name"},
    "Database": {"query"},
    "Diagnosis": {"as_dict", "findings", "stops"},
    "ErrorPolicy": {
        "burst", "messages", "rate", "scrub", "signal", "stacktrace", "total_burst", "total_rate",
    },
    "Finding": {"code", "next", "seen", "severity"},
    "Handle": {"stop"},
    "JobRun": {
        "duration", "failed", "mark_failed", "mark_skipped", "processed", "progress", "set_attribute", "set_attributes",
        "skipped", "span", "state", "step", "track",
    },
    "LogCorrelation": {"filter"},
    "LogSampling": {"filter"},
    "Measurement": {
        "add_event", "duration", "fail", "inject", "set_attribute", "set_attributes", "set_metric_attribute", "span",
    },
    "Operation": {"measure", "name"},
    "Pool": {"create", "error", "resize", "stats", "timeout", "use", "wait"},
    "PoolStats": {"errors", "idle", "idle_max", "idle_min", "limit", "pending", "timeouts", "used"},
    "Query": {
        "add_event", "duration", "fail", "inject", "returned_rows", "set_attribute", "set_attributes",
        "set_metric_attribute", "span",
    },
    "QueueStats": {"limit", "oldest_age", "size"},
    "Telemetry": {
        "batch_job", "cache", "counter", "database", "event", "health", "logger", "meter", "name", "observe_cache",
        "observe_event_loop", "observe_gauge", "observe_pool", "observe_queue", "operation", "pool", "record_exception",
        "span", "tracer", "version", "watch_unhandled", "wrap_executor",
    },
}  # fmt: skip
"""Everything that a user may call on what the package exports; `Objective` has its own test."""


@pytest.mark.parametrize("name", MEMBERS)
def test_a_public_class_has_the_members_of_the_contract_and_no_other(name: str) -> None:
    """What isn't in the reference has an underscore or stands elsewhere."""
    kind = getattr(telemetry_kit, name)

    assert {member for member in dir(kind) if not member.startswith("_")} == MEMBERS[name]


def test_what_is_made_has_no_other_attributes(captured: Captured) -> None:
    """What is set when an object is made is held to the contract, too."""
    telemetry = Telemetry("shop.faces")
    database, job = telemetry.database("postgresql"), telemetry.batch_job("nightly")
    made = [telemetry, database, job, job.run(), database.query("SELECT"), telemetry.cache("prices"), diagnose()]
    made += [telemetry.pool("gpu"), telemetry.operation("price"), telemetry.operation("price").measure(), ErrorPolicy()]
    made += [telemetry.counter("sold", unit="{lamp}", description="Lamps"), telemetry.health("db", lambda: True)]

    public = {type(one).__name__: {name for name in dir(one) if not name.startswith("_")} for one in made}
    assert {name: MEMBERS[name] for name in public} == public


def test_every_public_class_is_held_to_the_contract() -> None:
    """No class is exported whose members nobody looks at."""
    classes = {name for name in telemetry_kit.__all__ if name[0].isupper()}

    assert classes - {"Objective"} == MEMBERS.keys()


PUBLIC = (telemetry_kit, telemetry_kit.testing, carriers, catalogue, conventions, monitoring, w3c)


def public_things() -> dict[str, Any]:
    """Each public function, class, and method of such a class that no class of another package declares, by its name."""
    found: dict[str, Any] = {}
    for module in PUBLIC:
        names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        for name in names:
            thing = getattr(module, name)
            if (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__module__.startswith("telemetry_kit"):
                found[f"{module.__name__}.{name}"] = thing
            for member in dir(thing) if inspect.isclass(thing) and thing.__module__.startswith("telemetry_kit") else ():
                owners = [kind for kind in thing.__mro__ if member in vars(kind)]
                method = vars(owners[0])[member] if owners else None
                method = getattr(method, "__func__", method)
                ours = all(kind.__module__.startswith("telemetry_kit") for kind in owners)
                is_field = member in getattr(thing, "__dataclass_fields__", ())
                if ours and not member.startswith("_") and not is_field and inspect.isfunction(method):
                    found[f"{module.__name__}.{name}.{member}"] = getattr(thing, member)
    return found


def test_all_that_is_public_has_an_example() -> None:
    """Each public class, function and method shows a call in its docstring, which the documentation's session runs."""
    found = public_things()

    assert len(found) > 250
    assert [name for name, thing in found.items() if ">>> " not in (inspect.getdoc(thing) or "")] == []


def asserted_types() -> set[str]:
    """All names and attributes in the `assert_type`s of `tests/typing`."""
    found: set[str] = set()
    for file in (Path(__file__).parent / "typing").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "assert_type":
                inside = [inner for argument in node.args for inner in ast.walk(argument)]
                found |= {inner.id for inner in inside if isinstance(inner, ast.Name)}
                found |= {inner.attr for inner in inside if isinstance(inner, ast.Attribute)}
    return found


def test_the_types_of_the_whole_face_are_asserted() -> None:
    """Each name of the package and each public member of its classes, by both type checkers."""
    names = [name for name in telemetry_kit.__all__ if not name.startswith("_")]
    classes = [thing for name in names if isinstance(thing := getattr(telemetry_kit, name), type)]
    members = {member for thing in classes for member in vars(thing) if not member.startswith("_")}

    assert sorted({*names, *members} - asserted_types()) == []
