"""Where a secret may stand in a text: the issuers' own shapes, one a line, and what stands around secrets without one.

A text is searched, in lower case, for two patterns: `NAMED` finds a name with a value after it, `APART` what is known by
itself. Both begin with plain letters and signs that are rare in ordinary text, at which `re` skips to them, and look ahead
for a bounded piece only. What they find is a place to look at; `scrub` decides.
"""

import re
from collections.abc import Iterable

SHAPES: tuple[tuple[str, str, str], ...] = (
    ("A|KIA A|SIA A|BIA A|CCA", r"[A-Z0-9]{16}", "gitleaks aws-access-token"),
    ("A|BSK", r"[A-Za-z0-9+/]{60,}={0,2}", "gitleaks aws-amazon-bedrock-api-key-long-lived"),
    ("A|KID", r"[A-Za-z0-9]{13,}", "Tencent Cloud: access keys"),
    ("A|KCp", r"[A-Za-z0-9]{40,}", "gitleaks artifactory-api-key"),
    ("AI|za", r"[\w\-]{30,}", "gitleaks gcp-api-key"),
    ("ya29. GOCSPX- |1//0", r"[\w\-.]{16,}", "Google: OAuth 2.0 tokens and client secrets"),
    ("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\w{16,}", "gitleaks github-*"),
    ("gl", r"(?:pat|ptt|cbt|dt|ffct|ft|imt|agent|oas|rt|soat)-[\w\-.]{16,}", "gitleaks gitlab-*"),
    ("GR|1348941", r"[\w\-]{16,}", "gitleaks gitlab-rrt"),
    ("xo|x xapp-", r"(?:[a-z](?:\.xox[a-z])?-)?[\w\-]{8,}", "gitleaks slack-*"),
    ("hoo|ks.slack.com/", r"\w+/[\w/]+", "gitleaks slack-webhook-url"),
    ("dis|cord.com/api/ dis|cordapp.com/api/", r"(?:v\d+/)?webhooks/\d+/[\w\-]+", "Discord: webhook resource"),
    ("we|bhook.office.com/ outloo|k.office.com/webhook/", r"[^\s\"'<>]+", "gitleaks microsoft-teams-webhook"),
    ("hoo|ks.zapier.com/", r"hooks/catch/[\w/]+", "Zapier: webhooks"),
    ("ma|ker.ifttt.com/", r"[\w/]*/key/[\w\-]+", "IFTTT: webhooks"),
    ("s|k_ rk_ pk_ rzp_ shippo_", r"(?:live|test|prod)_\w{8,}", "gitleaks stripe-access-token, shippo-api-token"),
    ("whsec_", r"[A-Za-z0-9+/=]{16,}", "Stripe: webhook signatures"),
    ("sk- gsk_ xai- pplx- nvapi- csk- tvly-", r"[\w\-]{16,}", "gitleaks openai-api-key, anthropic-api-key, perplexity-api-key"),
    ("h|f_ api_org_ r8_ pcsk_ tgp_v1_", r"\w{16,}", "gitleaks huggingface-*; Replicate, Pinecone, Together: API keys"),
    ("lsv2_", r"(?:pt|sk)_\w{16,}", "LangSmith: API keys"),
    ("npm_ rubygems_ bkua_ nfp_ rnd_", r"[A-Za-z0-9]{16,}", "gitleaks npm-access-token, rubygems-api-token; Buildkite, Netlify, Render"),
    ("pypi-", r"[\w\-]{16,}", "gitleaks pypi-upload-token"),
    ("dckr_", r"[po]at_[\w\-]{16,}", "Docker: access tokens"),
    ("S|G.", r"[\w\-]{10,}\.[\w\-]{10,}", "gitleaks sendgrid-api-token"),
    ("xkeysib- xsmtpsib-", r"[\w\-]{16,}", "gitleaks sendinblue-api-token"),
    ("key-", r"[0-9a-f]{32}", "gitleaks mailgun-private-api-token"),
    ("S|K da|pi", r"[0-9a-f]{32}", "gitleaks twilio-api-key, databricks-api-token"),
    ("do", r"[opr]_v1_[a-f0-9]{16,}", "gitleaks digitalocean-pat"),
    ("hv", r"[sbr]\.[\w\-]{16,}", "gitleaks vault-service-token"),
    ("shp", r"(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}", "gitleaks shopify-access-token"),
    ("sq0", r"[a-z]{3}-[\w\-]{16,}", "gitleaks square-access-token"),
    ("access_token$", r"(?:production|sandbox)\$\w+\$\w+", "PayPal: Braintree access tokens"),
    ("access-", r"(?:sandbox|development|production)-[0-9a-f\-]{36}", "gitleaks plaid-api-token"),
    ("pat-", r"[a-z]{2}\d-[0-9a-f\-]{36}", "HubSpot: private apps"),
    ("glsa_ glc_", r"[\w+/]{16,}={0,2}", "gitleaks grafana-*"),
    ("NR", r"(?:AK|II|JS|AA|RA)-[\w\-]{16,}", "gitleaks new-relic-*"),
    ("sntry", r"[su]_[\w+/=]{16,}", "gitleaks sentry-org-token"),
    ("lin_", r"(?:api|oauth)_\w{16,}", "gitleaks linear-api-key"),
    ("ntn_ secret_", r"[A-Za-z0-9]{32,}", "gitleaks notion-api-token"),
    ("fig", r"[dour]_[\w\-]{16,}", "Figma: access tokens"),
    ("pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{16,}", "gitleaks airtable-*"),
    ("ATATT|3 ATCTT|3 AT|BB", r"[\w\-=]{16,}", "gitleaks atlassian-api-token"),
    ("sl.", r"[\w\-]{60,}", "gitleaks dropbox-short-lived-api-token"),
    ("PMAK- pul-", r"[a-f0-9\-]{16,}", "gitleaks postman-api-token, pulumi-api-token"),
    ("sb", r"[pv]_[\w\-]{16,}", "Supabase: access tokens"),
    ("pscale_", r"(?:tkn|oauth|pw)_[\w=.\-]{16,}", "gitleaks planetscale-api-token"),
    ("|:AA", r"[\w\-]{30,}", "Telegram: authorizing your bot"),
    ("dp.", r"(?:pt|st|ct|sa|scim|audit)\.[\w.\-]{16,}", "gitleaks doppler-api-token"),
    ("dt0c01.", r"[A-Za-z0-9.]{16,}", "gitleaks dynatrace-api-token"),
    ("|fm", r"[12][ar]?_[A-Za-z0-9+/]{32,}={0,2}", "gitleaks flyio-access-token"),
    ("CCIPAT_ CCIPRJ_", r"\w{16,}", "CircleCI: API tokens"),
    ("vercel_", r"\w{16,}", "Vercel: Blob tokens"),
    ("sq", r"[upa]_[0-9a-f]{40}", "gitleaks sonar-api-token"),
    ("pk_", r"\d{6,}_[A-Z0-9]{32}", "ClickUp: personal tokens"),
    ("|cio", r"[A-Za-z0-9]{32}", "crates.io: API tokens"),
    ("|Q~", r"[\w.~\-]{31,}", "gitleaks azure-ad-client-secret"),
    ("oy|2", r"[a-z0-9]{43}", "NuGet: API keys"),
    ("pnu_ tfp_", r"[\w\-.=]{16,}", "gitleaks prefect-api-token, typeform-api-token"),
    ("t1.", r"[\w\-=]{20,}\.[\w\-=]{20,}", "gitleaks yandex-access-token"),
    ("AQ|VN", r"[\w\-]{20,}", "gitleaks yandex-api-key"),
    ("AGE-SECRET-KEY-1", r"[A-Z0-9]{20,}", "gitleaks age-secret-key"),
    ("A3-", r"[A-Z0-9]{6}-[A-Z0-9\-]{20,}", "gitleaks 1password-secret-key"),
    ("ops_", r"eyJ[\w+/=]{16,}", "gitleaks 1password-service-account-token"),
    ("sha256~", r"[\w\-]{40,}", "gitleaks openshift-user-token"),
    ("|gAAAAA", r"[\w\-=]{40,}", "cryptography: Fernet"),
    ("ey|J", r"(?:[\w\-]{40,}|[\w\-]{5,}(?=\.))(?:\.[\w\-]*){0,4}", "RFC 7519: JSON Web Token"),
    ("$2", r"[abxy]\$\d\d\$[./A-Za-z0-9]{22,}", "crypt(5): bcrypt"),
    ("$argon2", r"[a-z]{1,2}\$[\w=,$+/.\-]{20,}", "RFC 9106: Argon2"),
    ("$apr1$ $6$ $5$ $1$ $y$", r"[./A-Za-z0-9$=,]{20,}", "crypt(5); Apache: password formats"),
    ("pbkdf2_", r"sha\d+\$\d+\$[\w+/=$]{20,}", "Django: how passwords are stored"),
)  # fmt: skip
"""How the tokens of an issuer begin (one way or several), what follows, and where that is written down. For the next one add its line.

A search begins at the first of `_`, `-`, `.` and `$` in the beginning; where there is none, or nothing with a digit
follows, behind the bar.
"""

_PARTS_OF_NAMES = (
    "pass", "pwd", "pw", "pin", "ot|p", "sess", "sid", "sig", "ssn", "se|cret", "cred", "cookie", "code", "cvv", "cvc", "a|uth",
    "key", "to|ken", "jwt", "csrf", "xsrf", "h|mac", "mne|monic",
)  # fmt: skip
"""Where a name is looked at: `names.read` decides on the whole of it. A search begins behind the bar, with a rare letter."""

QUOTE = r"""\\{0,4}["'`]"""
_GIVES = r"(?:(?<!%)[=:>]?|(?<=%)3[ad])[^\S\n]{0,8}(?:(?:!\w{1,9}\s)?(?:[|>][+\-]?)?\n[^\S\n]{1,8})?(?!\[redacted)"
_VALUE = rf"(?:{QUOTE})?value(?:{QUOTE})?\s?[:=]\s?"
_FILLS = r"(?:(?:is|was|has|been|plain|login|default|provided|passed|given|got|value):?\s|)"
_BETWEEN = rf"""
    (?=(?P<tail>[\w\-]{{0,24}}))(?P=tail)
    (?: [=:%](?P<assigned1>{_GIVES})
      | >(?P<xml1>)(?=[^\s<>\[])
      | \((?P<called>)(?=n?{QUOTE})
      | [\\"'`\])}}][\\"'`\])}}]{{0,6}}
        (?: (?P<valued1>[\s,]{{1,12}}{_VALUE})
          | (?P<listed>(?<=["'`])\s?,\s?)(?=[bru]?{QUOTE})
          | \s{{0,8}}[=:](?P<assigned2>{_GIVES})
          | >(?P<xml2>)(?=[^\s<>\[])
          )
      | \s{{1,12}}(?=\S)(?![a-z\s]{{30}})
        (?: [=:](?P<assigned3>{_GIVES})
          | value(?P<valued2>\s?[:=]\s?)
          | (?P<quoted>(?:(?:is|was|for|of)\s(?:[^\s"']{{1,40}}\s(?:is|was)\s|)|))(?=[bnru]?{QUOTE}[^\s"'\[])
          | (?P<prose>(?:(?:for|of)\s[^\s"':]{{1,40}}:?\s(?:[^\s"':]{{1,40}}:?\s|)|){_FILLS}{_FILLS}(?:[a-z]{{1,12}}:\s|))
            (?![^\d\s"'=()]{{0,60}}(?:[\s"'=()]|\Z))
          | (?P<xml3>[\w:]{{1,20}}=["'][^"'<>\n]{{0,40}}["']>)(?=[^\s<>\[]) )
    )"""
"""What may stand between a part of a name and its value; each group is a way of giving one."""

_LONG = r"(?:(?![a-z_\-]{24})(?=[a-z0-9][\w\-]{13})(?=[a-z_\-]{0,23}\d)|(?=[a-z0-9]{24}))"
"""A long token goes on, with a digit in it or without separators. (Repeats of fixed length are those that `re` never takes back.)"""
_APART: tuple[tuple[str, str, str], ...] = (
    (":", "login", r"""(?=//[^\s/"'<>]{1,512}@)"""),
    (":", "pair", r"""(?=[^\s:/@"'<>]{3,256}@[\w\[.(/])"""),
    ("/", "pair", r"""(?=[^\s:/@"'<>]{3,256}@[\w\[.(/])"""),
    ("-", "pem", r"(?=----begin\s[a-z0-9\s]{0,40}private\skey)"),
    ("-", "flag", r"""(?<![^\s'"\[(]-)(?=(?:[pakuw]|-user)[\s'"=,]{0,4}[^\s\-]{6})"""),
    ("pri|vate-lines", "pem", r"(?=:\s\d)"),
    ("bearer", "scheme", r"(?=(?:\s|%20){1,3}[\w+/=.~\-]{8})"),
    ("basic", "scheme", r"(?=(?:\s|%20){1,3}[\w+/=.~\-]{8})"),
    ("ss|ws", "scheme", r"(?=\s[\w\-]{20})"),
    ("ne|gotiate", "scheme", r"(?=\s[\w+/=.~\-]{8})"),
    ("fied", "identified", r"(?=\s(?:with\s[\w']{1,40}\s)?by\s)"),
    ("input_|value=", "input", r"""(?=["'])"""),
    ("in|put':", "located", ""),
    ('in|put":', "located", ""),
    ("values", "row", r"(?=\s?\()"),
    ("para|meters:", "row", r"(?=\s\()"),
    *((first, "card", rf"(?<![\w.]{first})(?=\d{{3}}[\s\-]?\d{{4,6}}[\s\-]?\d{{4,5}})") for first in "23456"),
    *((mark, "token", _LONG) for mark in "_-."),
    ("$", "token", r"(?=\w{1,12}\$)"),
)
"""Other places: what stands there, what it is looked at for, and what must follow."""


def _behind(part: str) -> str:
    """A pattern for `part`, in lower case, that begins behind the bar in it."""
    before, bar, after = part.lower().partition("|")
    return re.escape(after) + f"(?<={re.escape(before + after)})" if bar else re.escape(before)


def _any(parts: Iterable[str]) -> str:
    """One pattern for `parts`, which begin with a plain letter or sign: at a place `re` tries those that begin alike."""
    alike: dict[str, list[str]] = {}
    for part in parts:
        first = part[:2] if part[0] == "\\" else part[0]
        alike.setdefault(first, []).append(part[len(first) :])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in alike.items())


_BEGINNINGS = [(begin, then) for begins, then, _ in SHAPES for begin in begins.split()]

NAMED = re.compile(rf"(?:{_any(map(_behind, _PARTS_OF_NAMES))})(?={_BETWEEN})", re.VERBOSE)
APART = re.compile(_any([
    *(f"{_behind(literal)}(?P<{group}{number}>){then}" for number, (literal, group, then) in enumerate(_APART)),
    *(rf"{_behind(begin)}(?P<token{number}>)(?=\S{{8}})(?:(?!\D{{{40 if '/' in begin else 16}}})|(?=[a-z0-9]{{16}}))" for number, (begin, _) in enumerate(_BEGINNINGS, 50) if "|" in begin),
]))  # fmt: skip
SHAPE = re.compile("|".join(re.escape(begin.replace("|", "")) + then for begin, then in _BEGINNINGS))
