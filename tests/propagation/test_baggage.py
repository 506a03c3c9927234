"""`baggage` by the letter of the W3C's specification."""

import copy
import logging
import pickle
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context

from telemetry_kit._propagation import baggage as _baggage
from telemetry_kit.w3c import BaggageValue, StrictBaggagePropagator

propagator = StrictBaggagePropagator()


def read(*headers: str) -> dict[str, object]:
    """The baggage of these headers."""
    return dict(baggage.get_all(propagator.extract({"baggage": list(headers)})))


def write(**entries: object) -> str | None:
    """The header for these entries."""
    sent: dict[str, str] = {}
    propagator.inject(sent, _baggage.keep(Context(), entries))
    return sent.get("baggage")


def there_and_back(*headers: str) -> str | None:
    """What is sent on of these headers."""
    sent: dict[str, str] = {}
    propagator.inject(sent, propagator.extract({"baggage": list(headers)}))
    return sent.get("baggage")


def test_members_are_read() -> None:
    """list-member: key, equals sign, value."""
    assert {"userId": "alice", "serverNode": "DF 28", "isProduction": "false"} == read(
        "userId=alice,serverNode=DF%2028,isProduction=false"
    )


def test_several_headers_are_one() -> None:
    """Multiple baggage headers are allowed and combined."""
    assert {"userId": "alice", "serverNode": "DF 28", "isProduction": "false"} == read(
        "userId=alice", "serverNode=DF%2028,isProduction=false"
    )


def test_blanks_are_trimmed_everywhere() -> None:
    """key, value, property: leading and trailing blanks MUST be trimmed."""
    header = "a \t = \t 1 \t ; \t p \t ; \t q \t = \t v \t , \t b \t = \t 2"
    assert "a=1;p;q=v,b=2" == there_and_back(header)


def test_the_equals_sign_may_stand_in_a_value() -> None:
    """value: parsers MUST NOT assume that the equal sign only separates key and value."""
    assert {"a": "b=c=d"} == read("a=b=c=d")


def test_a_plus_is_a_plus() -> None:
    """value: percent-encoding is the only one."""
    assert {"sum": "1+1"} == read("sum=1+1")
    assert "sum=1+1" == write(sum="1+1")


def test_values_are_percent_decoded_utf_8() -> None:
    """value: a percent-encoded UTF-8 string."""
    assert {"name": "Dédé", "all": "\t \"';=asdf!@#$%^&*()"} == read(
        "name=D%C3%A9d%c3%a9,all=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29"
    )


def test_octets_that_are_not_utf_8_become_the_replacement_character() -> None:
    """value: sequences that don't match UTF-8 are replaced by U+FFFD."""
    assert {"name": "a\ufffdb"} == read("name=a%FFb")


def test_a_percent_sign_that_encodes_nothing_leaves_the_value_as_it_is() -> None:
    """There is no reading of it that everybody shares, and none is lost this way."""
    assert {"discount": "100%", "half": "%zz%41"} == read("discount=100%,half=%zz%41")


def test_an_empty_value_is_a_value() -> None:
    """value: zero or more characters."""
    assert {"a": "", "b": ""} == read("a=,b = ")
    assert "a=" == there_and_back("a=")


@pytest.mark.parametrize(
    "bad",
    [
        "novalue",
        "=1",
        "a b=1",
        "a=b c",
        'a="b"',
        "a=b\\c",
        "a=\x7f",
        "a=é",
        "ä=1",
        "(a)=1",
        "a=1;",
        "a=1;;p",
        "a=1;p q",
        "a=1;=v",
    ],
)
def test_a_bad_member_goes_alone(bad: str) -> None:
    """SEC.2: what isn't in the format is removed, the others stay."""
    assert {"before": "1", "after": "2"} == read(f"before=1,{bad},after=2")


def test_all_characters_of_keys_and_values() -> None:
    """key: a token; value: every baggage-octet."""
    key = "!#$%&'*+-.^_`|~09azAZ"
    value = "".join(chr(number) for number in range(0x21, 0x7F) if chr(number) not in '",;\\%')
    assert {key: value} == read(f"{key}={value}")
    assert f"{key}={value}" == there_and_back(f"{key}={value}")


def test_properties_survive_the_round_trip() -> None:
    """property: opaque metadata of a value, kept in its order, duplicates and all."""
    header = "key1=value1;property1;property2,key2=value2,key3=value3;propertyKey=propertyValue;p;p=1"
    assert header == there_and_back(header)


def test_a_value_is_a_str_that_knows_its_properties() -> None:
    """The properties aren't part of the value."""
    value = read("tenant=acme;ttl=60;private")["tenant"]

    assert isinstance(value, BaggageValue)
    assert ("acme", ("ttl=60", "private")) == (value, value.properties)
    assert () == read("a=1")["a"].properties  # type: ignore[attr-defined]


def test_a_value_can_be_copied_and_pickled_with_its_properties() -> None:
    """It travels to worker processes as any str does."""
    value = BaggageValue.of("acme", "ttl=60")

    assert ("acme", ("ttl=60",)) == (pickle.loads(pickle.dumps(value)), pickle.loads(pickle.dumps(value)).properties)
    assert ("ttl=60",) == copy.deepcopy(value).properties


def test_at_least_64_members_are_propagated() -> None:
    """Limits: a platform MUST propagate at least 64 members."""
    header = ",".join(f"key{number}=value" for number in range(64))
    assert header == there_and_back(header)


def test_as_many_members_as_the_grammar_has_are_propagated() -> None:
    """baggage-string: one member and up to 179 more."""
    header = ",".join(f"key{number}=value" for number in range(180))
    assert header == there_and_back(header)
    assert header == there_and_back(header + ",more=1")


def test_8192_bytes_are_propagated() -> None:
    """Limits: a platform MUST propagate a baggage-string of at least 8192 bytes, be it one member."""
    header = "a=" + "0123456789" * 819
    assert 8192 == len(header)
    assert header == there_and_back(header)


def test_beyond_the_limit_whole_members_are_left_out() -> None:
    """Limits: it may drop entries, not cut one in two."""
    header = ",".join(f"k{number}={'v' * 100}" for number in range(100))
    sent = there_and_back(header)

    assert sent is not None
    assert len(sent) <= 8192
    assert header.startswith(sent + ",")


@pytest.mark.parametrize(("first", "kept"), [(8189, "a,b"), (8188, "a,b,c")])
def test_the_limit_is_met_to_the_byte(first: int, kept: str) -> None:
    """A member that ends at the 8,192nd byte is read and sent, one that ends a byte later is neither."""
    members = {"a": "a=" + "x" * (first - 6), "b": "b=1", "c": "c=1"}
    whole = ",".join(members.values())
    right = ",".join(members[name] for name in kept.split(","))

    assert len(right) <= 8192
    assert there_and_back(whole) == right
    assert write(**{name: text[2:] for name, text in members.items()}) == right


def test_a_180th_member_is_read_and_a_181st_is_not() -> None:
    """baggage-string: one member and up to 179 more."""
    assert list(read(",".join(f"k{number}=" for number in range(185)))) == [f"k{number}" for number in range(180)]


def test_a_long_run_of_blanks_is_a_blank() -> None:
    """However long it is."""
    assert read("a" + " " * 200 + "= 1" + "\t" * 64 + ", b" + " " * 64 + "=2") == {"a": "1", "b": "2"}


def test_one_member_beyond_the_limit_is_left_out() -> None:
    """There is no smaller part of it that means the same."""
    assert {} == read("a=" + "x" * 8191)
    assert "b=1" == write(a="x" * 8191, b="1")


def test_what_can_not_be_a_member_is_not_sent() -> None:
    """SEC.2: keys are tokens; what isn't one goes alone."""

    class Raises:
        def __str__(self) -> str:
            raise ValueError("no text")

    entries: dict[str, object] = {"a b": "1", "": "2", "ok": "3", "raises": Raises(), "number": 7, "\n": "x"}
    assert "ok=3,number=7" == write(**entries)


def test_control_characters_are_encoded() -> None:
    """SEC.2: no CR, LF or NUL in anything sent."""
    assert "a=1%0D%0Aset-cookie:%20x%00" == write(a="1\r\nset-cookie: x\x00")


def test_a_lone_surrogate_is_replaced() -> None:
    """What isn't Unicode can't be encoded, and costs nobody else anything."""
    assert "a=?,b=2" == write(a="\ud800", b="2")


def test_properties_that_are_not_properties_are_not_sent() -> None:
    """SEC.2: also those that a program made up."""
    assert "a=1;ok" == write(a=BaggageValue.of("1", "ok", "bad\r\n", "x;y"))


def test_a_later_member_of_one_key_counts() -> None:
    """Uniqueness isn't guaranteed, and a context has one value a key: the last one, as with the API."""
    assert {"a": "2"} == read("a=1", "a=2")


def test_it_is_added_to_the_baggage_that_is_there() -> None:
    """The context given keeps what it has."""
    context = propagator.extract({"baggage": "b=2"}, baggage.set_baggage("a", "1", Context()))
    assert {"a": "1", "b": "2"} == dict(baggage.get_all(context))


def test_no_baggage_nothing_sent() -> None:
    """No empty header."""
    assert write() is None
    assert there_and_back("") is None


def test_where_the_context_keeps_baggage_elsewhere_entries_are_set_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's public functions are the fallback for the one step that saves copying."""
    monkeypatch.setattr(_baggage, "_KEY", None)
    assert {"a": "1", "b": "2"} == read("a=1,b=2")


@pytest.mark.parametrize("headers", [None, 7, {"baggage": None}, {"baggage": b"a=1"}, {"baggage": [None, 1]}])
def test_a_carrier_of_the_wrong_type_brings_nothing(headers: Any) -> None:
    """SEC.1: it doesn't raise."""
    assert {} == dict(baggage.get_all(propagator.extract(headers)))


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """SEC.1: strangers don't write to the log."""
    with caplog.at_level(logging.DEBUG):
        read("a," * 10_000)
        read("x" * 100_000)
        write(a="x" * 10_000, **{f"k{number}": "v" for number in range(500)})

    assert [] == caplog.records


def test_its_field_is_what_it_writes() -> None:
    """So that whoever reuses a carrier can clear it."""
    assert {"baggage"} == propagator.fields
