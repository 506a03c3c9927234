"""What the default scrubber takes out, what it leaves, and how long that takes; and that no secret leaves by any way."""

import asyncio
import linecache
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context

from telemetry_kit import ErrorPolicy, Telemetry, default_scrub
from telemetry_kit._errors.recorder import recorder_of
from telemetry_kit._redaction.marks import is_card
from telemetry_kit._redaction.names import denied
from telemetry_kit._redaction.scrub import cut
from tests.redaction.corpus import COUNT, Leak, card, leaks
from tests.support import Sdk

CORPUS = list(leaks())


def left(leak: Leak, text: str) -> bool:
    """Whether the secret, or of a long one so much that it is worth something, is in a text."""
    secret = leak.secret
    if secret in text:
        return True
    prefix = 8 if secret[2:3] == "_" else 0  # sk_live_: what kind of key it was may stay
    pieces = (secret[at : at + 8] for at in range(prefix, len(secret) - 7))
    return len(secret) >= 12 and any(piece in text and piece not in leak.text.replace(secret, "") for piece in pieces)


def test_the_corpus_is_what_it_says() -> None:
    """10,000 different secrets, each in its text."""
    assert len(CORPUS) == COUNT == 10_000
    assert len({leak.secret for leak in CORPUS}) > 9_900
    assert all(leak.secret in leak.text for leak in CORPUS)


def test_nothing_of_the_corpus_is_left() -> None:
    """Each of 10,000 secrets is taken out of the sentence around it, and so is most of it (SEC 4)."""
    assert [leak for leak in CORPUS if left(leak, default_scrub(leak.text))] == []


def test_nothing_of_the_corpus_is_left_in_the_middle_of_a_text() -> None:
    """The same with other text around it."""
    texts = [(leak, f"could not do it: {leak.text}\n  at line 3, order A1") for leak in CORPUS[::5]]

    assert [leak for leak, text in texts if left(leak, default_scrub(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no such order",
        "[Errno 2] No such file or directory: '/etc/shop/app.toml'",
        "KeyError: 'token'",
        "KeyError: key 'sku' is missing",
        "invalid literal for int() with base 10: 'x'",
        "Expecting value: line 1 column 1 (char 0)",
        '  File "/srv/shop/token.py", line 12, in get_token\n',
        "passed=3 failed=2, the passenger footprint: 5",
        "HTTPConnectionPool(host='shop', port=8080): Max retries exceeded with url: /v1/orders?page=2&sku=A1",
        "http://shop:8080/mail?to=ann@example.com",
        "mailto:ann@example.com wrote to bob@example.com",
        "order 1234567890123 of 2026-11-25T04:30:00.123456 took 1700000000000000000 ns",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736, span 00f067aa0ba902b7, commit 356a192b7913b04c54574d18c28d46e6395428ab",
        "the token bucket is empty, basic functionality only",
        "550e8400-e29b-41d4-a716-446655440000",
        "192.168.100.200:5432 1.2.3.4 10.0.0.1",
        'duplicate key value violates unique constraint "orders_pkey"',
        "привет, мир: 你好",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Messages that people need to understand an error come out as they are."""
    assert default_scrub(text) == text


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (
            "connect to postgres://shop:s3cr3t@db/orders failed",
            "connect to postgres://shop:[REDACTED]@db/orders failed",
        ),
        ("Authorization: Basic c2hvcDpzM2NyM3Q=", "Authorization: [REDACTED]"),
        ("{'password': 'a b', 'n': 1}", "{'password': '[REDACTED]', 'n': 1}"),
        ("GET /a?token=x1&page=2", "GET /a?token=[REDACTED]&page=2"),
        ("<password>hunter2</password>", "<password>[REDACTED]</password>"),
        ('<password type="string">hunter2</password>', '<password type="string">[REDACTED]</password>'),
        ("(secret=my-" + "ghp_" + "a1B2" * 9 + "), end", "(secret=[REDACTED]), end"),
        ("x.keyStorePassword=Hunter-22 > it is a1" + "B2c3" * 9, "x.keyStorePassword=[REDACTED] > it is [REDACTED]"),
        ("bindpw Hunter-22, x: [input_value='many']", "bindpw [REDACTED], x: [input_value='many']"),
        (
            'Cookie: a=1; sid="x-1"\nHost: shop, passwd: swordfish, try',
            'Cookie: [REDACTED]"\nHost: shop, passwd: [REDACTED], try',
        ),
        ("4 items, card 4111-1111-1111-1111, 12/27", "4 items, card [REDACTED], 12/27"),
        ("Set-Cookie: sid=1; Path=/\nServer: shop", "Set-Cookie: [REDACTED]\nServer: shop"),
        ("İstanbul password=x1", "İstanbul password=[REDACTED]"),
        ("ключ password=пароль, password: 密码123 end", "ключ password=[REDACTED], password: [REDACTED] end"),
        ("ExpiredToken: X-Api-Token: a/8Zk+c0f7==", "ExpiredToken: X-Api-Token: [REDACTED]"),
        ("UID=sa;PWD={hunter2};Encrypt=yes, secret={name}", "UID=sa;PWD={[REDACTED]};Encrypt=yes, secret={name}"),
        ("PlainCredentials('web', 'Tr0ub4dor-33') refused", "PlainCredentials('web', '[REDACTED]') refused"),
        ("Sec-WebSocket-Protocol: bearer, f00dfeedcafe7k", "Sec-WebSocket-Protocol: bearer, [REDACTED]"),
        ("AC" + "0a1b" * 8 + ":" + "f0e1" * 8, "AC" + "0a1b" * 8 + ":[REDACTED]"),
        ("call to sip:ann@voip.example.com failed", "call to sip:ann@voip.example.com failed"),
        ("EINTEGRITY sha512-aGVsbG8gd29ybGQgaGVsbG8gd29ybGQx", "EINTEGRITY sha512-aGVsbG8gd29ybGQgaGVsbG8gd29ybGQx"),
    ],
)
def test_only_the_secret_is_taken_out(text: str, scrubbed: str) -> None:
    """What stands around a secret stays, also behind letters whose lower case is longer."""
    assert default_scrub(text) == scrubbed


@pytest.mark.parametrize(
    ("text", "length", "kept"),
    [
        ("no such order", 20, "no such order"),
        ("no such order", 13, "no such order"),
        ("no such order", 10, "no such "),
        ("token ghp_0123456789abcdef0123", 14, "token "),
        ("card 4111 1111 1111 1111", 20, "card"),
        ("password='half of it'", 14, "password='"),
        ("x" * 5_000, 4_096, "x" * 4_096),
    ],
)
def test_a_text_is_cut_at_a_tokens_edge(text: str, length: int, kept: str) -> None:
    """SEC 4: Half a secret has no shape by which it is known: a text ends before a token that doesn't fit."""
    assert cut(text, length) == kept


def test_of_a_text_of_digits_the_end_is_left_out() -> None:
    """So much as a card's number may have, and not all of it."""
    assert 4_096 - 32 <= len(cut("4111 1111 " * 1_000, 4_096)) <= 4_096


@pytest.mark.parametrize("length", range(20, 75))
def test_no_secret_is_known_less_for_being_cut(length: int) -> None:
    """SEC 4: Wherever a text is cut, nothing of its secrets is left."""
    secrets = "ghp_" + "a1B2" * 9, "hunter-22", "4111 1111 1111 1111"
    text = f"no {secrets[0]}, password='{secrets[1]}', card {secrets[2]}."
    scrubbed = default_scrub(cut(text, length))

    assert not any(secret[at : at + 6] in scrubbed for secret in secrets for at in range(len(secret) - 5))


def test_a_text_ends_where_there_is_too_much_to_judge() -> None:
    """SEC 4: A text in which more is to be judged than a harmless one has ends there, with a marker."""
    between = "after 17 tries in the shop of the old town this very morning, "
    few, many = f"password=x1 {between}" * 3, "password=x1 " * 10_000

    assert default_scrub(few) == f"password=[REDACTED] {between}" * 3
    assert default_scrub("password=x1 " * 6) == "password=[REDACTED] " * 4 + "[REDACTED]"
    assert default_scrub(many).startswith("password=[REDACTED] " * 500)
    assert default_scrub(many).endswith("[REDACTED]")
    assert len(default_scrub(many)) < len(many)
    assert default_scrub(default_scrub(many)) == default_scrub(many)


@pytest.mark.parametrize("around", ["token {} has expired", "password is {} here", "password={}&a=1", "{{'password': '{}'}}",
    "-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----", "Authorization: Bearer {}", "postgres://u:x@db password={}"])  # fmt: skip
def test_of_a_long_secret_no_end_stays(around: str) -> None:
    """SEC 4: However long it is, and whether it is given or spoken of."""
    scrubbed = default_scrub(around.format("aB3-" * 2_500))

    assert "aB3-" not in scrubbed
    assert len(scrubbed) <= len(around) + 2 * len("[REDACTED]")


def test_a_text_does_not_end_within_a_secret() -> None:
    """SEC 4: Where there is too much to judge, it ends before the word in which that was found."""
    secret = "bZndTCchG47UnuTCVNtXuS9a3mSIPanWLBiS2w7k"

    assert all(secret[:6] not in default_scrub("keyed, " * many + secret) for many in range(20))


def test_twice_is_once() -> None:
    """What was scrubbed is not changed by scrubbing it again."""
    for leak in CORPUS[::20]:
        once = default_scrub(leak.text)
        assert default_scrub(once) == once


@given(st.text(max_size=300))
def test_any_text_passes(text: str) -> None:
    """Whatever the text, there is a text, and of none that is much longer."""
    assert len(default_scrub(text)) <= len(text) + 10 * (1 + len(text) // 3)


PIECES = [
    "password=", "://", "password ", "key=a ", "key=key", "eyJ-", "4 ", "1234 ", "4111 1111 ", "123-", "://a:", "a:b@c",
    "-----BEGIN PRIVATE KEY-----", "basic ", "bearer x ", "?a=", "&token", "authorization", "cookie'", 'token"', "token\\",
    "pass'", "aws ", "sk-", "xox", "pypi-A-", "SG.aaaaaaaaaa", "x@y:", "İpass=", "token is ", "-key ", "hooks.slack.com/",
]  # fmt: skip


@pytest.mark.any_python
@pytest.mark.parametrize("piece", PIECES)
def test_its_time_is_linear(piece: str) -> None:
    """Eight times the text takes about eight times as long, not 64 times, whatever it is made of."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            default_scrub(text)
            best = min(best, time.thread_time() - started)
        return best

    assert seconds(120_000) < 0.005 + 30 * seconds(15_000)


@pytest.mark.parametrize("name", ["password", "PASSWD", "db_password", "dbPassword", "passphrase", "secret", "client-secret",
    "token", "accessToken", "X-Auth-Token", "key", "api_key", "apiKey", "APIKEY", "cookie", "Set-Cookie", "authorization",
    "Proxy-Authorization", "credentials", "card", "card_number", "cardNumber", "cvv", "ssn", "pin", "session_id", "private_key",
    "keys", "user_pass", "pwd"])  # fmt: skip
def test_names_that_are_denied(name: str) -> None:
    """Values of these names are secrets, however they are written."""
    assert denied(name)


@pytest.mark.parametrize("name", ["sku", "user_id", "author", "monkey", "keyboard", "passenger", "spinner", "discard", "cart",
    "compass", "signal", "side", "", "pinned"])  # fmt: skip
def test_names_that_are_not(name: str) -> None:
    """Names that only contain the letters are no secrets."""
    assert not denied(name)


def test_cards() -> None:
    """Numbers of cards are told from other numbers by issuer, length and check."""
    import random

    assert all(is_card(card(random.Random(seed))) for seed in range(500))
    assert not any(is_card(number) for number in ("1234567890123456", "4111111111111112", "411111111111", "0" * 16))


class Ways:
    """The ways in which a secret gets near telemetry."""

    def __init__(self, telemetry: Telemetry) -> None:
        @telemetry.operation("by name", arguments=["note"])
        def by_name(note: object) -> None: ...

        @telemetry.operation("all", arguments="*")
        def every(note: object, *rest: object, **more: object) -> None: ...

        @telemetry.operation("password", arguments="*")
        def named(password: object) -> None: ...

        @telemetry.operation("fail")
        def fail(note: str) -> None:
            raise ValueError(note)

        @telemetry.operation("chain", span="errors")
        def chain(note: str) -> None:
            try:
                raise KeyError(note)
            except KeyError as problem:
                raise RuntimeError("in vain") from problem

        @telemetry.span(arguments="*")
        async def spanned(note: object) -> None:
            raise OSError(5, note)

        self.telemetry = telemetry
        self.source = telemetry.operation("source")
        self.by_name, self.every, self.named, self.fail, self.chain = by_name, every, named, fail, chain
        self.spanned = spanned

    def go(self, leak: Leak, number: int) -> None:
        """Carry one secret along one of them."""
        secret, text = leak
        match number % 12:
            case 0:
                self.by_name(text)
            case 1:
                self.every({"note": [text]}, text, extra=(text, 1))
            case 2:
                self.named(secret)
            case 3:
                self.every({"a": {"token": secret, "headers": [("authorization", secret)]}}, cookie=secret)
            case 4:
                self.fail(text)
            case 5:
                self.chain(text)
            case 6:
                asyncio.run(self.spanned(text))
            case 7:
                self.telemetry.record_exception(ValueError(text))
            case 8:
                self.telemetry.event("order.failed", exception=LookupError(text))
            case 9:
                token = context.attach(baggage.set_baggage("note", text))
                try:
                    self.fail("no such order")
                finally:
                    context.detach(token)
            case 10:
                # The secret is in the source, and so in the stack trace.
                name = f"<{number}>"
                source = f"def f():\n    raise ValueError({text!r})  # {text.splitlines()[0]}\n"
                linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
                space: dict[str, Any] = {}
                exec(compile(source, name, "exec"), space)
                self.source(space["f"])()
            case _:
                with self.telemetry.span("block"):
                    raise Exception(text, {"password": secret})


def test_messages_whose_stack_was_scrubbed_before() -> None:
    """A message beside its scrubbed stack is what it would be scrubbed alone, whatever secret is in it (SEC 4)."""
    policy = ErrorPolicy()
    for leak in CORPUS[::5]:
        described = recorder_of(policy).describe(LookupError(leak.text), None, 0)
        assert described.get("exception.message", "") == recorder_of(policy).clean(leak.text), leak


@pytest.mark.any_python
@pytest.mark.parametrize("signal", ["span", "log", pytest.param("both", marks=pytest.mark.slow)])
def test_no_secret_leaves_by_any_way(signal: Any) -> None:
    """Arguments by name and all, messages, chains, stacks, events, baggage: no secret of the corpus is in any exported
    span, log or metric (SEC 4)."""
    sdk = Sdk()
    telemetry = sdk.telemetry(errors=ErrorPolicy(burst=float("inf"), total_burst=float("inf"), signal=signal))
    some = CORPUS if signal == "both" else CORPUS[::10]
    ways = Ways(telemetry)
    found: list[Leak] = []
    spans = logs = 0
    for first in range(0, len(some), 250):
        part = some[first : first + 250]
        for number, leak in enumerate(part):
            try:
                ways.go(leak, number)
            except Exception:
                pass
        exported = [span.to_json(indent=None) for span in sdk.spans()]
        exported += [f"{record.event_name} {record.body} {dict(record.attributes)}" for record in sdk.logs()]
        exported += [str(sdk.metrics())]
        whole = "\n".join(exported).replace("\\n", "\n").replace('\\"', '"')
        found += [leak for leak in part if leak.secret in whole]
        spans += len(sdk.spans())
        logs += len(sdk.logs())
        sdk.span_exporter.clear()
        sdk.log_exporter.clear()

    assert spans > len(some) // 2
    assert signal == "span" or logs > len(some) // 4
    assert found == []
    sdk.shutdown()


def test_what_was_harmless_once_is_judged_by_its_own_text() -> None:
    """Texts in which nothing was found are remembered by what they say, and not by what a subclass of str says of itself."""

    class Same(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    harmless, telling = "no such order", "password=hunter2secret"

    assert [default_scrub(harmless), default_scrub(harmless)] == [harmless, harmless]
    assert "hunter2" not in str.__str__(default_scrub(Same(telling)))
    assert "hunter2" not in default_scrub(telling)
