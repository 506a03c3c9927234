"""Which names say that what stands beside them is a secret: one list, for texts and for captured arguments alike.

A name is read word by word, however it is written: `api_key`, `X-Api-Key`, `apiKey`, `APIKEY`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

CERTAIN = frozenset((
    "authorization", "bindpw", "cookie", "cookies", "credential", "credentials", "creds", "csrf", "cvc", "cvv", "jwt", "mnemonic",
    "otp", "crumb", "passcode", "passphrase", "passphrases", "passwd", "password", "passwords", "passwort", "psk", "pw", "pwd",
    "requirepass", "secret", "secrets", "ssn", "token", "tokens", "totp", "xsrf",
))  # fmt: skip
"""Words whose value is a secret, whatever it looks like."""

POSSIBLE = frozenset((
    "auth", "card", "code", "codes", "dsn", "hmac", "key", "keys", "pan", "pass", "pin", "pins", "sess", "session", "sid", "sig",
    "sign", "signature",
))  # fmt: skip
"""Words that also name harmless things: in a text their value is taken if it looks like a secret, as an argument always."""

JOINED = (
    "accesskey", "accountkey", "activationkey", "apikey", "authkey", "authoriz", "cardnum", "cookie", "creditcard", "credential",
    "dbpass", "defaultpass", "encryptionkey", "functionskey", "instrumentationkey", "keypass", "licensekey", "masterkey",
    "passphrase", "masterauth", "passwd", "password", "privatekey", "productkey", "secret", "sessid", "sessionid", "sharedkey",
    "signingkey", "storepass", "subscriptionkey", "token", "userpass", "xauth", "authcode", "backupcode", "oauthverifier",
    "codeverifier", "recoveryphrase", "samlresponse", "seedphrase", "smscode", "unsealkey", "facode", "logincode", "recoverycode",
    "securitycode", "timecode", "verificationcode", "yourcode",
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
    "message", "method", "missing", "model", "name", "path", "per", "policy", "prefix", "provider", "ref", "remaining", "required",
    "reset", "response", "scheme", "secure", "signed", "size", "status", "strength", "timeout", "ttl", "type", "uri", "url", "used",
    "valid", "validators", "version",
))  # fmt: skip
"""Words after it by which a name tells something about a secret instead of giving it."""

ASKS = frozenset(("allow", "existing", "has", "hide", "is", "max", "min", "missing", "no", "require", "show", "use"))
"""Words with which such a name begins."""


def any_of(parts: Iterable[str]) -> str:
    """One pattern for `parts`: at a place `re` tries those that begin alike."""
    alike: dict[str, list[str]] = {}
    for part in parts:
        alike.setdefault(part[0], []).append(part[1:])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in alike.items())


_CERTAINLY = re.compile(any_of(JOINED))
_CHOSEN = re.compile("passw|pwd|pw|passphrase|passcode|requirepass")
"""Parts of the names of what people choose, which looks like any word."""
_ISSUED = re.compile("token|apikey")
"""Parts of the names of what is drawn by lot."""
_OF_WORDS = re.compile("phrase|mnemonic")
"""Parts of the names of what may be several words."""
_BRIEF = re.compile("otp|code|cvv|cvc|ssn")
"""Parts of the names of what may be a few digits."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|(?<=[Ss])3")
_OTHER_WORDS = ("tokeniz", "secretar", "secretsmanager", "cookiecutter")
_LONGEST = 100

NEVER, PERHAPS, ALWAYS = 0, 1, 2


class Name(NamedTuple):
    """What a name says of its value."""

    weighs: int
    """`NEVER`, `PERHAPS` or `ALWAYS`: how surely the value is a secret."""
    chosen: bool = False
    """Whether people choose it, so that it may look like any word."""
    issued: bool = False
    """Whether it is drawn by lot: a token or an API key."""
    brief: bool = False
    """Whether it may be a few digits."""
    of_words: bool = False
    """Whether it may be several words."""


@lru_cache(1024)
def read(name: str) -> Name:
    """What a name says of its value.

    >>> [read(name).weighs for name in ("dbPassword", "key", "max_tokens", "token_type", "monkey")]
    [2, 1, 0, 0, 0]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    joined = "".join(words)
    if joined.startswith(_OTHER_WORDS):
        return _NOTHING
    places = [place for place, word in enumerate(words) if word in CERTAIN or _CERTAINLY.search(word)]
    weighs = ALWAYS if places or _CERTAINLY.search(joined) else PERHAPS
    places = places or [place for place, word in enumerate(words) if word in POSSIBLE]
    last = ""
    if places:
        last, after = words[places[-1]], words[places[-1] + 1 :]
        other_kind = places[-1] > 0 and words[places[-1] - 1] in OTHER_KINDS and last.startswith(("key", "token"))
        identified = last.startswith(("key", "token", "secret")) and not {"id", "ids"}.isdisjoint(after)
        if other_kind or identified or words[0] in ASKS or not ABOUT.isdisjoint(after):
            return _NOTHING
    elif weighs == PERHAPS:
        return _NOTHING
    brief = last.startswith("pin") if weighs == PERHAPS else _BRIEF.search(joined) is not None
    chosen, issued, of_words = (kind.search(joined) is not None for kind in (_CHOSEN, _ISSUED, _OF_WORDS))
    return Name(weighs, chosen, issued, brief, of_words)


_NOTHING = Name(NEVER)


def denied(name: str) -> bool:
    """Whether an argument, a field or an item of this name is a secret by its name.

    >>> [denied(name) for name in ("password", "X-Api-Key", "cardNumber", "monkey", "sku")]
    [True, True, True, False, False]
    """
    return read(name[:_LONGEST]).weighs > NEVER
