"""Which names say that what stands beside them is a secret: one list, for texts and for captured arguments alike.

A name is read word by word, however it is written: `api_key`, `X-Api-Key`, `apiKey`, `APIKEY`.
"""

import re
from functools import lru_cache

CERTAIN = frozenset((
    "authorization", "bindpw", "cookie", "cookies", "credential", "credentials", "creds", "cvc", "cvv", "jwt", "otp", "passcode",
    "passphrase", "passphrases", "passwd", "password", "passwords", "passwort", "pw", "pwd", "requirepass", "secret",
    "secrets", "ssn", "token", "tokens", "totp",
))  # fmt: skip
"""Words whose value is a secret, whatever it looks like."""

POSSIBLE = frozenset((
    "auth", "card", "code", "dsn", "key", "keys", "mnemonic", "pan", "pass", "pin", "pins", "sess", "session", "sid", "sig",
    "signature",
))  # fmt: skip
"""Words that also name harmless things: in a text their value is taken if it looks like a secret, as an argument always."""

JOINED = (
    "accesskey", "accountkey", "apikey", "authkey", "authoriz", "cardnum", "cookie", "creditcard", "credential", "encryptionkey",
    "functionskey", "licensekey", "masterkey", "passphrase", "passwd", "password", "privatekey", "secret", "sessid", "sessionid",
    "sharedkey", "signingkey", "subscriptionkey", "token", "verificationcode", "onetimecode", "securitycode", "facode", "logincode", "instrumentationkey", "xauth", "dbpass", "userpass", "defaultpass",
)  # fmt: skip
"""What makes a name certain wherever it stands in it, once separators are left out."""

OTHER_KINDS = frozenset((
    "bos", "cache", "cls", "completion", "continuation", "eos", "foreign", "host", "index", "lookup", "max", "next", "pad", "page",
    "partition", "primary", "prompt", "public", "routing", "s3", "sep", "sort", "total", "unexpected", "unique", "unk",
))  # fmt: skip
"""Words before `key` or `token` that make it another kind of key or token."""

ABOUT = OTHER_KINDS | frozenset((
    "age", "alg", "algorithm", "arn", "attempts", "bucket", "changed", "config", "count", "endpoint", "enabled", "error", "expired",
    "expires", "expiry", "field", "file", "format", "has", "hint", "invalid", "kind", "label", "len", "length", "limit", "message",
    "method", "min", "missing", "model", "name", "path", "policy", "prefix", "provider", "ref", "remaining", "required", "reset",
    "response", "scheme", "secure", "show", "signed", "size", "status", "strength", "timeout", "ttl", "type", "uri", "url", "used",
    "valid", "validators", "version",
))  # fmt: skip
"""Words by which a name tells something about a secret instead of giving it."""

PASSWORDS = ("passw", "pwd", "passphrase", "passcode", "requirepass", "bindpw")
"""Names of what people choose, which looks like any word."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_OTHER_WORDS = ("tokeniz", "secretar", "cookiecutter")
_LONGEST = 100

NEVER, PERHAPS, ALWAYS = 0, 1, 2


@lru_cache(1024)
def weight(name: str) -> int:
    """How surely a value of this name is a secret: `NEVER`, `PERHAPS` (if it looks like one) or `ALWAYS`.

    >>> [weight(name) for name in ("dbPassword", "key", "max_tokens", "monkey")]
    [2, 1, 0, 0]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not ABOUT.isdisjoint(words):
        return NEVER
    joined = "".join(words)
    if not CERTAIN.isdisjoint(words) or any(part in joined for part in JOINED):
        return NEVER if joined.startswith(_OTHER_WORDS) else ALWAYS
    return NEVER if POSSIBLE.isdisjoint(words) else PERHAPS


def denied(name: str) -> bool:
    """Whether an argument, a field or an item of this name is a secret by its name.

    >>> [denied(name) for name in ("password", "X-Api-Key", "cardNumber", "monkey", "sku")]
    [True, True, True, False, False]
    """
    return weight(name[:_LONGEST]) > NEVER
