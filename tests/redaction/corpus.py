"""10,000 secrets of a fixed seed, each in one of the sentences in which secrets have been found in telemetry."""

import base64
import random
import string
from collections.abc import Iterator
from typing import NamedTuple

COUNT = 10_000
ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"
HEX = "0123456789abcdef"
SYMBOLS = ALNUM + "!#$%^*+-_.~?|"


class Leak(NamedTuple):
    """A text and what must not be left of it."""

    secret: str
    text: str


def text(source: random.Random, alphabet: str, length: int) -> str:
    """Random, with a letter first and a digit in it: passwords that could be a word are words."""
    middle = "".join(source.choice(alphabet) for _ in range(length - 2))
    return source.choice(string.ascii_letters) + middle + source.choice(string.digits)


def card(source: random.Random) -> str:
    """A number of a payment card that passes its check."""
    begins, length = source.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16)]
    )
    digits = begins + "".join(source.choice(string.digits) for _ in range(length - len(begins) - 1))
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 - place % 2)
        total += number - 9 if number > 9 else number
    return digits + str(-total % 10)


def jwt(source: random.Random) -> str:
    """Three parts; the first two begin as JSON objects do."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(f'{{"sub":"{text(source, ALNUM, 10)}"}}'.encode()).decode().rstrip("=")
    return f"{head}.{body}.{text(source, URLSAFE, 43)}"


def pem(source: random.Random) -> str:
    """The body of a private key, in lines."""
    return "\n".join(text(source, ALNUM + "+/", 64) for _ in range(3))


NAMED = (
    "password={}", "password: {}", "Password = {}", "db_password={} port=5432", "PASSWORD='{}'", 'passwd="{}"', "pwd={};",
    "{{'password': '{}'}}", '{{"password": "{}"}}', '{{"user":"ann","password":"{}","n":1}}', "passphrase: {}",
    "Server=db;User Id=sa;Password={};Encrypt=true", "host=db user=shop password={} dbname=orders", "DB_PASSWORD={}",
    "login with password {} failed", "wrong password '{}' for ann", "the password is {}", "secret={}", "client_secret={}&a=b",
    "CLIENT_SECRET: {}", "token={}", "access_token={}", "refresh_token: {}", "csrf_token={}", "invalid token '{}'",
    "token {} has expired", "api_key={}", "apiKey: {}", "api-key={}", "API key {} is not valid", "x-api-key: {}",
    "X-Auth-Token: {}", "{{'X-Api-Key': '{}'}}", "[('api_key', '{}')]", "[(b'x-api-key', b'{}')]", "--password {}",
    "--api-key={}", "credentials={}", "aws_secret_access_key={}", "AccountKey={};EndpointSuffix=core.windows.net",
    "SharedAccessKey={}", "private_key={}", "encryption_key={}", "sessionid={}", "signature={}", "password => {}",
    'curl -H "X-Auth-Token: {}" https://shop.example/', '{{\\"password\\": \\"{}\\"}}', 'Connection: token="{}"',
)  # fmt: skip
HEADERS = (
    "Authorization: Bearer {}", "authorization: Token {}", "Authorization={}", "{{'Authorization': 'Bearer {}'}}",
    '{{"authorization": "ApiKey {}"}}', "[(b'authorization', b'Bearer {}')]", "Proxy-Authorization: Bearer {}",
    "sent Bearer {} and got 401", "bearer {}", "Cookie: a=b; session={}; c=d", "Set-Cookie: sid={}; HttpOnly; Path=/",
    "{{'Cookie': 'session={}'}}", "cookie: {}",
)  # fmt: skip
URLS = (
    "https://shop.example/orders?token={}", "GET /v1/items?key={}&page=2 HTTP/1.1", "https://a.example/?a=b&api_key={}",
    "https://a.example/cb#access_token={}&state=x", "https://s3.example/o?X-Amz-Signature={}", "/download?sig={}&se=2026",
    "https://a.example/?access_token={}'", 'fetch("https://a.example/?auth={}")', "?secret={}", "/reset?code=7&password={}",
)  # fmt: skip
LOGINS = (
    "postgres://shop:{}@db:5432/orders", "could not connect to mysql+pymysql://root:{}@127.0.0.1/shop",
    "amqp://guest:{}@mq:5672//", "mongodb+srv://shop:{}@c0.example.net/?retryWrites=true", "redis://:{}@cache:6379/0",
    "https://ann:{}@shop.example/private", "ftp://ann:{}@files/", "shop:{}@tcp(db:3306)/orders",
    "git clone https://{}@github.com/acme/shop", "Engine(postgresql+asyncpg://shop:{}@db/orders)",
    "amqps://user:{}@mq.example/vhost?heartbeat=30", "'postgres://shop:{}@db/orders' is not a valid DSN",
)  # fmt: skip
CARDS = (
    "card {} was declined", "card number: {}", "4 items, card {}, 12/27", "{{'card': '{}'}}", '{{"pan": {}}}', "PAN={}",
    "payment with {} failed", "ValueError: {}", "({}, 'ann')",
)  # fmt: skip
BARE = (
    "key {} is revoked",
    "{}",
    "using {} from the environment",
    "<{}>",
    "'{}'",
    '"{}",',
    "Error: {}: not allowed",
    "a={}",
)


def shaped(source: random.Random) -> str:
    """A key that is known by its own shape."""
    kinds = (
        lambda: "AKIA" + "".join(source.choice(string.ascii_uppercase + string.digits) for _ in range(16)),
        lambda: "ASIA" + "".join(source.choice(string.ascii_uppercase + string.digits) for _ in range(16)),
        lambda: source.choice(("ghp_", "gho_", "ghu_", "ghs_", "ghr_")) + text(source, ALNUM, 36),
        lambda: "github_pat_" + text(source, ALNUM + "_", 82),
        lambda: "glpat-" + text(source, URLSAFE, 20),
        lambda: source.choice(("xoxb-", "xoxp-", "xoxa-")) + "123456789012-" + text(source, ALNUM, 24),
        lambda: source.choice(("sk_live_", "sk_test_", "rk_live_", "pk_live_")) + text(source, ALNUM, 24),
        lambda: "AIza" + text(source, URLSAFE, 35),
        lambda: "ya29." + text(source, URLSAFE, 60),
        lambda: "sk-proj-" + text(source, URLSAFE, 48),
        lambda: "npm_" + text(source, ALNUM, 36),
        lambda: "pypi-AgEIcHlwaS5vcmc" + text(source, URLSAFE, 60),
        lambda: f"SG.{text(source, URLSAFE, 22)}.{text(source, URLSAFE, 43)}",
        lambda: "hf_" + text(source, ALNUM, 34),
        lambda: "hvs." + text(source, URLSAFE, 24),
        lambda: "dop_v1_" + "".join(source.choice(HEX) for _ in range(64)),
        lambda: jwt(source),
    )
    return source.choice(kinds)()


def leaks(count: int = COUNT, seed: int = 20_261_125) -> Iterator[Leak]:
    """The corpus, the same for a seed."""
    source = random.Random(seed)
    for _ in range(count):
        kind = source.randrange(8)
        if kind in (0, 1):
            alphabet = source.choice((ALNUM, URLSAFE, HEX, SYMBOLS))
            secret, form = text(source, alphabet, source.randint(8, 40)), source.choice(NAMED)
        elif kind == 2:
            secret, form = (
                text(source, source.choice((URLSAFE, HEX, ALNUM)), source.randint(20, 64)),
                source.choice(HEADERS),
            )
        elif kind == 3:
            secret, form = text(source, source.choice((URLSAFE, HEX)), source.randint(12, 64)), source.choice(URLS)
        elif kind == 4:
            secret, form = (
                text(source, source.choice((URLSAFE, SYMBOLS)), source.randint(16, 32)),
                source.choice(LOGINS),
            )
        elif kind == 5:
            digits = card(source)
            mark = source.choice(("", "", " ", "-"))
            secret = mark.join((digits[:4], digits[4:8], digits[8:12], digits[12:])) if mark else digits
            form = source.choice(CARDS)
        elif kind == 6 and source.random() < 0.2:
            secret = pem(source)
            form = "-----BEGIN {0}PRIVATE KEY-----\n{{}}\n-----END {0}PRIVATE KEY-----".format(
                source.choice(("", "RSA ", "EC "))
            )
        elif kind == 6:
            login = f"{text(source, ALNUM, 6)}:{text(source, SYMBOLS, 12)}"
            secret = base64.b64encode(login.encode()).decode()
            form = source.choice(("Authorization: Basic {}", "Basic {}", "{{'Authorization': 'Basic {}'}}"))
        else:
            secret, form = shaped(source), source.choice(BARE)
        yield Leak(secret, form.format(secret))
