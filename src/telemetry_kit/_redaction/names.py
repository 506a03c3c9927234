"""Which names say that what stands beside them is a secret: one list, for texts and for captured arguments alike.

A name is read word by word, however it is written: `api_key`, `X-Api-Key`, `apiKey`, `APIKEY`.
"""

import re
from functools import lru_cache

CERTAIN = frozenset((
    "authorization", "bindpw", "cookie", "cookies", "credential", "credentials", "creds", "csrf", "cvc", "cvv", "jwt", "otp",
    "passcode", "passphrase", "passphrases", "passwd", "password", "passwords", "passwort", "pw", "pwd", "requirepass", "secret",
    "secrets", "ssn", "token", "tokens", "totp", "xsrf",
))  # fmt: skip
"""Words whose value is a secret, whatever it looks like."""

POSSIBLE = frozenset((
    "auth", "card", "code", "codes", "dsn", "hmac", "key", "keys", "mnemonic", "pan", "pass", "pin", "pins", "sess", "session", "sid",
    "sig", "signature",
))  # fmt: skip
"""Words that also name harmless things: in a text their value is taken if it looks like a secret, as an argument always."""

JOINED = (
    "accesskey", "accountkey", "activationkey", "apikey", "authkey", "authoriz", "cardnum", "cookie", "creditcard", "credential",
    "dbpass", "defaultpass", "encryptionkey", "functionskey", "instrumentationkey", "keypass", "licensekey", "masterkey", "passphrase",
    "passwd", "password", "privatekey", "productkey", "secret", "sessid", "sessionid", "sharedkey", "signingkey", "storepass",
    "subscriptionkey", "token", "userpass", "xauth",
    "authcode", "backupcode", "facode", "logincode", "recoverycode", "securitycode", "timecode", "verificationcode", "yourcode",
)  # fmt: skip
"""What makes a name certain wherever it stands in it, once separators are left out."""

OTHER_KINDS = frozenset((
    "bos", "cache", "cached", "cls", "completion", "continuation", "eos", "foreign", "index", "input", "lookup", "max", "next", "num",
    "output", "pad", "page", "partition", "primary", "prompt", "public", "routing", "s3", "sep", "sort", "special", "total",
    "unexpected", "unique", "unk",
))  # fmt: skip
"""Words before `key` or `token` that make it another kind of key or token."""

ABOUT = frozenset((
    "age", "alg", "algorithm", "arn", "attempts", "bucket", "changed", "config", "count", "domain", "enabled", "endpoint", "error",
    "expired", "expires", "expiry", "field", "file", "format", "header", "hint", "invalid", "kind", "label", "len", "length", "limit",
    "message", "method", "missing", "model", "name", "path", "policy", "prefix", "provider", "ref", "remaining", "required", "reset",
    "response", "scheme", "secure", "signed", "size", "status", "strength", "timeout", "ttl", "type", "uri", "url", "used", "valid",
    "validators", "version",
))  # fmt: skip
"""Words after it by which a name tells something about a secret instead of giving it."""

ASKS = frozenset(("allow", "has", "hide", "is", "max", "min", "missing", "no", "require", "show", "use"))
"""Words with which such a name begins."""

PASSWORDS = ("passw", "pwd", "pw", "passphrase", "passcode", "requirepass")
"""Parts of the names of what people choose, which looks like any word."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|(?<=[Ss])3")
_OTHER_WORDS = ("tokeniz", "secretar", "cookiecutter")
_LONGEST = 100

NEVER, PERHAPS, ALWAYS = 0, 1, 2


@lru_cache(1024)
def weight(name: str) -> int:
    """How surely a value of this name is a secret: `NEVER`, `PERHAPS` (if it looks like one) or `ALWAYS`.

    >>> [weight(name) for name in ("dbPassword", "key", "max_tokens", "token_type", "monkey")]
    [2, 1, 0, 0, 0]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    joined = "".join(words)
    if joined.startswith(_OTHER_WORDS):
        return NEVER
    certain = [place for place, word in enumerate(words) if word in CERTAIN or any(part in word for part in JOINED)]
    if certain or any(part in joined for part in JOINED):
        weighs = ALWAYS
    else:
        weighs = NEVER if POSSIBLE.isdisjoint(words) else PERHAPS
    places = certain or [place for place, word in enumerate(words) if word in POSSIBLE]
    if not places or weighs == NEVER:
        return weighs
    last = places[-1]
    of_another_kind = last > 0 and words[last - 1] in OTHER_KINDS and words[last].startswith(("key", "token"))
    identified = words[last].startswith(("key", "token", "secret")) and not {"id", "ids"}.isdisjoint(words[last + 1 :])
    if of_another_kind or identified or words[0] in ASKS or not ABOUT.isdisjoint(words[last + 1 :]):
        return NEVER
    return weighs


def denied(name: str) -> bool:
    """Whether an argument, a field or an item of this name is a secret by its name.

    >>> [denied(name) for name in ("password", "X-Api-Key", "cardNumber", "monkey", "sku")]
    [True, True, True, False, False]
    """
    return weight(name[:_LONGEST]) > NEVER
