"""Which names say that what stands beside them is a secret: one list, for texts and for captured arguments alike.

A name is found however it is written: `api_key`, `X-Api-Key`, `apiKey`, `APIKEY`. In the list `_` within a word is where it
may have a joint, and `_` around one says that it must stand alone between joints.
"""

import re

from telemetry_kit._redaction.marks import any_of
from telemetry_kit._redaction.values import CHOSEN, CODE, MIXED, RANDOM, SCRAMBLED, TEXT, ahead

_GIVES = r"""["'\\]{0,3}\s?[:=]\s?[bu]?["'(\\]{0,3}(?!\[R)"""
NAMES: tuple[tuple[str, int, int, str], ...] = (
    ("pass_w pass_code _pw_ pwd bindpw user_pass db_pass default_pass key_pass store_pass require_pass", CHOSEN, MIXED, ""),
    (("_otp_ _totp_ _cvc_ cvv _ssn_ auth_code backup_code recovery_code sms_code fa_code login_code security_code time_code "
     "sign_in_code verification_code your_code"), CHOSEN, CODE, ""),
    (("token secret credential _creds_ _csrf_ _xsrf_ _jwt_ _crumb_ _psk_ access_key account_key activation_key api_key auth_key card_num "
     "credit_card encryption_key functions_key instrumentation_key license_key master_key master_auth private_key product_key "
     "sess_id session_id shared_key signing_key subscription_key unseal_key xauth oauth_verifier code_verifier saml_response "
     "dockerconfig"), TEXT, SCRAMBLED, ""),
    ("cookie", TEXT, SCRAMBLED, rf"""{_GIVES}([\w\-.]+=(?!\[R)[^\r\n"']+(?:(?:(?<=[=:])|(?<=[=:]\x20))["'](?!\[R)[^\r\n"']+)*)"""),
    ("authorization", TEXT, SCRAMBLED, rf"""{_GIVES}(?P<login>[A-Za-z][\w\-]{{2,20}}(?:\s|%20)+(?:[A-Za-z]+="[^\n]*|(?=[^\s"',;]{{0,80}}(?:\d|[a-z][A-Z]))[^\s"',;]{{8,}}))"""),
    ("mnemonic pass_phrase recovery_phrase seed_phrase", TEXT, MIXED, rf"""(?:{_GIVES}|\s["']){ahead(TEXT)}([A-Za-z]+(?:\s[a-z]+){{2,}}[^\r\n"']*)"""),
    ("_pass_", MIXED, MIXED, ""),
    ("_auth_", SCRAMBLED, SCRAMBLED, ""),
    ("_signature_", SCRAMBLED, RANDOM, rf"""(?:{_GIVES}|\s){ahead(RANDOM, sign="[^ ]")}((?:\w{{1,6}}=[^\s,"']+(?:,\s?|(?=[\s"'])|$))+)"""),
    ("_sess_ _session_ _sid_ _sig_ _sign_", SCRAMBLED, RANDOM, ""),
    ("_pin_", CODE, CODE, ""),
    ("_appid_ _card_ _code_ _dsn_ _hmac_ _key_ _pan_", RANDOM, RANDOM, ""),
    ("bearer geniekey _basic_ _ssws_ _negotiate_ _login_ pw_set simple_bind_s ht_passwd pgp_sym", SCRAMBLED, SCRAMBLED, r"\s([A-Za-z\d+/]{16,}={1,2})"),
)  # fmt: skip
"""Words, and what a value must look like at least to be the secret that they name, where it is given (`name=value`) and where
it is spoken of (`name is value`): what people choose may be any word, a code a few digits, and what is drawn by lot looks so.
Those below name harmless things, too; as arguments their values are always taken. Some are given in a way of their own.
The words of the last line announce a secret, and as arguments they name none."""
ARGUMENTS = len(NAMES) - 1
"""The lines whose words name arguments that are secrets."""

_OTHER_KINDS = (
    "bos cache cached cls completion continuation eos existing foreign index input lookup max next num output pad page partition primary "
    "prompt public routing s3 sep sort special total unexpected unique unk socket"
)
"""Words before `key` or `token` that make it another kind of key or token."""
_ABOUT = (
    "age alg algorithm arn at attempts backend bucket changed config count domain enabled endpoint error expired expires expiry field file fingerprint "
    "format from header hint id ids invalid izer kind label len length limit manager message method missing model name path per policy prefix provider "
    "ref remaining required reset response scheme samesite secure signed size status strength timeout ttl type uri url used valid validators "
    "version"
)
"""Words after it by which a name tells something about a secret instead of giving it."""

_BEGINS = r"(?-i:(?<![A-Za-z])|(?=[A-Z](?:[a-z]|(?<=[a-z].))))"
_ENDS = r"(?-i:(?<=[a-z])s?(?![a-z])|(?<=[A-Z])S?(?![A-Za-z]))"
"""Where a word stands alone between joints."""
_TELLING = frozenset(_ABOUT.split())
_REST = r"(?P<rest>[\w\-]{0,30})(?![\w\-])"
_words = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[_\-]\d*\Z").findall
"""What follows a word in its name, and the words of that, or the joint where none is the last."""


def _written(words: str) -> str:
    """The words of a line as they may be written in a name, and what follows in it."""
    joined = {word: word.strip("_").replace("_", r"[_\-.\x20]?") for word in words.split()}
    alone = any_of(joined[word] for word in joined if word[0] == "_") or "(?!)"
    within = any_of(joined[word] for word in joined if word[0] != "_") or "(?!)"
    return rf"(?i:{within}|{_BEGINS}(?:{alone}){_ENDS}){_REST}"


ROWS = {
    word.strip("_").replace("_", joint): row
    for row, (words, *_) in enumerate(NAMES)
    for word in words.split()
    for joint in ("", "_", "-", " ", ".")
}
"""Each name as it may be written, in lower case, and its line."""
NAMED = [_written(words) for words, *_ in NAMES]
_OTHERS = [rf"{kind}[_\- .]?(?:key|token|secret)" for kind in _OTHER_KINDS.split()]
_WORDS = sorted((word.strip("_") for words, *_ in NAMES for word in words.split()), key=len, reverse=True)
BEGINNINGS = [r"arn:\S*", *_OTHERS, *(word.replace("_", r"[_\- .]?") for word in _WORDS)]
_NAMED = [re.compile(name, re.ASCII | re.VERBOSE).match for name in NAMED]
_find = re.compile(any_of(BEGINNINGS)).finditer


def tells(rest: str) -> bool:
    """Whether what follows the word in a name makes it tell something about the secret."""
    words = _words(rest)
    return bool(words) and words[-1].lower() in _TELLING


def denied(name: str) -> bool:
    """Whether an argument, a field or an item of this name is a secret by its name.

    >>> [denied(name) for name in ("password", "X-Api-Key", "cardNumber", "monkey", "sku")]
    [True, True, True, False, False]
    """
    name = name.encode("ascii", "replace").decode("ascii")
    rows = ((ROWS.get(found[0]), found.start()) for found in _find(name.lower()))
    named = (_NAMED[row](name, begin) for row, begin in rows if row is not None and row < ARGUMENTS)
    return any(found is not None and not tells(found["rest"]) for found in named)
