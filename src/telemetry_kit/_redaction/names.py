"""Which names say that what stands beside them is a secret: one list, for texts and for captured arguments alike.

A name is read with its joints, however it is written: `api_key`, `X-Api-Key`, `apiKey`, `APIKEY`. In the list `_` within a
word is where it may have a joint, and `_` around one says that it must stand alone between joints.
"""

import re
from functools import lru_cache

from telemetry_kit._redaction.marks import any_of
from telemetry_kit._redaction.values import MIXED, MOTLEY, NEVER, PLAIN, RANDOM, SCRAMBLED

NAMES = (
    ("pass_w pass_phrase pass_code _pw_ pwd bindpw user_pass db_pass default_pass key_pass store_pass require_pass", PLAIN, MIXED),
    ("_otp_ _totp_ _cvc_ _cvv_ _ssn_ auth_code backup_code recovery_code sms_code fa_code login_code security_code time_code sign_in_code", PLAIN, MOTLEY),
    ("verification_code your_code", PLAIN, MOTLEY),
    (("token secret cookie credential _creds_ authorization _csrf_ _xsrf_ _jwt_ mnemonic _crumb_ _psk_ access_key account_key "
     "activation_key api_key auth_key card_num credit_card encryption_key functions_key instrumentation_key license_key master_key "
     "master_auth private_key product_key sess_id session_id shared_key signing_key subscription_key unseal_key xauth "
     "oauth_verifier code_verifier recovery_phrase saml_response seed_phrase dockerconfig"), PLAIN, SCRAMBLED),
    ("_pass_", MIXED, MOTLEY),
    ("_auth_", SCRAMBLED, SCRAMBLED),
    ("_sess_ _session_ _sid_ _sig_ _sign_ _signature_", SCRAMBLED, RANDOM),
    ("_pin_ _pins_", RANDOM, MOTLEY),
    ("_card_ _code_ _codes_ _dsn_ _hmac_ _key_ _keys_ _pan_", RANDOM, RANDOM),
)  # fmt: skip
"""Words, and what a value must look like at least to be the secret that they name, where it is given (`name=value`) and where
it is spoken of (`name is value`): what people choose may be any word, a code a few digits, and what is drawn by lot looks so.
Those below name harmless things, too; as arguments their values are always taken."""

_OTHER_KINDS = (
    "bos cache cached cls completion continuation eos foreign index input lookup max next num output pad page partition primary "
    "prompt public routing s3 sep sort special total unexpected unique unk socket"
)
"""Words before `key` or `token` that make it another kind of key or token."""
_ABOUT = (
    "age alg algorithm arn attempts bucket changed config count domain enabled endpoint error expired expires expiry field file "
    "format from header hint id ids invalid kind label len length limit message method missing model name path per policy prefix provider "
    "ref remaining required reset response scheme secure signed size status strength timeout ttl type uri url used valid validators "
    "version"
)
"""Words after it by which a name tells something about a secret instead of giving it."""
_ASKS = "allow existing has hide is max min missing no require show use"
"""Words with which such a name begins."""


def _written(word: str) -> str:
    alone = word.strip("_")
    return f"{alone}(?<![a-z]{alone})(?![a-z])" if word[0] == "_" else word.replace("_", "_?")


_LEAST = {word.replace("_", ""): least for words, *least in NAMES for word in words.split()}
_OTHERWISE = (
    rf"_(?:(?:{any_of(_OTHER_KINDS.split())})_(?:key|token)|(?<=\A_)(?:{any_of(_ASKS.split())})_)"
    "|tokeniz|secretar|secrets_?manager|cookie_?cutter"
)
_WORDS = re.compile(rf"{_OTHERWISE}|({any_of(_written(word) for words, *_ in NAMES for word in words.split())})[a-z]*")
_JOINTS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TELLS = re.compile(rf"_(?:{any_of(_ABOUT.split())})(?![a-z])")
_NOTHING = [NEVER, NEVER]
_LONGEST = 100


@lru_cache(1024)
def read(name: str) -> list[int]:
    """What a value of this name must look like at least, where it is given and where it is spoken of.

    >>> [read(name)[0] for name in ("dbPassword", "key", "max_tokens", "token_type", "monkey")] == [PLAIN, RANDOM] + [NEVER] * 3
    True
    """
    low = "_" + (name if name.islower() or name.isupper() else _JOINTS.sub("_", name)).lower().replace("-", "_")
    least, end = _NOTHING, 0
    for found in _WORDS.finditer(low):
        if found[1] is None:
            return _NOTHING
        one = _LEAST[found[1].replace("_", "")]
        if one[0] <= least[0]:
            least, end = one, found.end()
    return least if least is _NOTHING or _TELLS.search(low, end) is None else _NOTHING


def denied(name: str) -> bool:
    """Whether an argument, a field or an item of this name is a secret by its name.

    >>> [denied(name) for name in ("password", "X-Api-Key", "cardNumber", "monkey", "sku")]
    [True, True, True, False, False]
    """
    return read(name if len(name) <= _LONGEST else name[:40] + name[-60:])[0] < NEVER
