"""Secrets that are known by their own shape, or by what stands around them, without a name: a line for each."""

import re

from telemetry_kit._redaction.marks import any_of
from telemetry_kit._redaction.values import MIXED, SCRAMBLED, TEXT, ahead

_REST = r"[\w\-.+/=]{14,}"
SHAPES: tuple[tuple[str, str, str], ...] = (
    ("AKIA ASIA ABIA ACCA AKID LTAI", r"[A-Za-z0-9]{13,}", "gitleaks aws-access-token; Tencent Cloud, Alibaba Cloud: access keys"),
    ("AIza GOCSPX- ya29. 1//0 ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- glptt- glcbt- gldt- glffct- glft- glimt- glagent- gloas- glrt- glsoat- GR1348941", _REST, "gitleaks gcp-api-key, github-*, gitlab-*; Google: OAuth 2.0"),
    ("xoxa- xoxb- xoxc- xoxd- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-", r"[\w\-.]{8,}", "gitleaks slack-*"),
    ("sk- sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_ sk_prod_ rzp_live_ rzp_test_ shippo_live_ shippo_test_ whsec_ sq0atp- sq0csp- sq0idp- FLWSECK- FLWSECK_TEST-", _REST, "gitleaks openai-, anthropic-api-key, stripe-, shippo-, square-*; Flutterwave"),
    ("gsk_ pplx- hf_ api_org_ xai- nvapi- csk- tvly- r8_ pcsk_ tgp_v1_ lsv2_pt_ lsv2_sk_", _REST, "gitleaks perplexity-api-key, huggingface-*; other makers of models: API keys"),
    ("npm_ rubygems_ pypi- xkeysib- xsmtpsib- PMAK- pul- NRAK- NRII- NRJS- NRAA- NRRA- lin_api_ lin_oauth_ pnu_ HRKU- SG. figd_ figo_ figu_ figr_ ATATT3 ATCTT3 ATBB AQVN tfp_", _REST, "gitleaks npm-, rubygems-, pypi-, sendinblue-, postman-, pulumi-, new-relic-, linear-, prefect-, heroku-, sendgrid-, atlassian-, yandex-, typeform-*; Figma"),
    ("glsa_ glc_ sntrys_ sntryu_ phc_ phx_ bkua_ nfp_ rnd_ vercel_ CCIPAT_ CCIPRJ_ sbp_ sbv_ dckr_pat_ dckr_oat_ CFPAT- p8e- pscale_tkn_ pscale_oauth_ pscale_pw_", _REST, "gitleaks grafana-*, sentry-*, planetscale-*, adobe-*, contentful-*; PostHog, Buildkite, Netlify, Render, Vercel, CircleCI, Supabase, Docker: tokens"),
    ("dop_v1_ doo_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_ squ_ sqp_ sqa_ hvs. hvb. hvr. dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. dt0c01.", _REST, "gitleaks digitalocean-*, shopify-*, sonar-, vault-*, doppler-, dynatrace-api-token"),
    ("ABSK AKCp cmVmdGtuOjAx EAA IGQ EZAK EZTK ATTA APA91b sl. t1. sha256~ gAAAAA fm1_ fm1a_ fm1r_ fm2_ v1.0- ops_eyJ", r"[\w\-.+/=:]{40,}", "gitleaks aws-amazon-bedrock-, artifactory-, facebook-, square-, easypost-, dropbox-, yandex-, openshift-, flyio-, cloudflare-origin-ca-, 1password-*; Trello; Firebase; Fernet"),
    ("key- SK dapi cio ntn_ secret_ oy2 oauth:", r"[A-Za-z0-9]{30,}", "gitleaks mailgun-, twilio-, databricks-, notion-api-token; crates.io, NuGet, Twitch"),
    ("sdk- mob- access-sandbox- access-development- access-production- pat-na1- pat-eu1-", r"[0-9a-f\-]{36}", "LaunchDarkly; gitleaks plaid-api-token; HubSpot: private apps"),
    ("AGE-SECRET-KEY-1 A3-", r"[A-Z0-9\-]{20,}", "gitleaks age-secret-key, 1password-secret-key"),
    ("K10", r"[0-9a-f]{48,}::[\w\-]+:\w+", "k3s: cluster tokens"),
    ("pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{16,}", "gitleaks airtable-personal-access-token"),
    ("eyJ", r"(?:[\w\-]{40,}|[\w\-]{5,}(?=\.))(?:\.[\w\-]*){0,4}", "RFC 7519: JSON Web Token"),
    ("bot", r"\d{6,12}:AA[\w\-]{30,}", "Telegram: authorizing your bot"),
    (":AA .atlasv1.", r"[\w\-]{30,}", "Telegram: authorizing your bot; gitleaks hashicorp-tf-api-token"),
    ("$", r"(?=\D{0,40}\d)[./A-Za-z0-9+]{16,}(?:\$[./A-Za-z0-9+]+)*", "PHC string format, crypt(5), Django: salts and hashes of passwords"),
)  # fmt: skip
"""How the tokens of an issuer begin (one way or several), what follows, and where that is written down. For the next one add its line."""

_LOGIN = r"""[^\s:/@"'<>]"""
_AFTER_COLON = r"""[^\s/@"'<>]"""
PLACES = (
    ("-----begin", r"-----BEGIN\s[A-Z0-9\s]{0,40}PRIVATE\sKEY(?:\sBLOCK)?-{0,5}(?!-|\sBLOCK|\[R)((?:(?!-----END)[\s\S])+)"),
    ("://", rf"""://{ahead(SCRAMBLED, sign=_LOGIN)}({_LOGIN}{{16,200}}(?::[^\s/"'<>]*)?)@"""),
    ("", rf"""://{_LOGIN}{{0,200}}:{ahead(TEXT, sign=_AFTER_COLON)}([^\s/"'<>]{{1,200}})@"""),
    (rf":(?={_LOGIN}{{3,100}}@)", rf""":(?<=[\w.]:)(?<!mailto:)(?<!sip:)(?<!to:)(?<!cc:)(?<!from:){ahead(TEXT)}({_LOGIN}{{3,100}})@(?=[\w\[.(/])"""),
    (rf"/(?={_LOGIN}{{3,100}}@)", rf"""/(?<=\w/){ahead(MIXED, sign=_LOGIN)}({_LOGIN}{{3,100}})@(?=[\w\[.(/])"""),
    (r"""-(?<![^\s'"\[(]-)(?=(?:[pakuw]|-user|-auth)[\s'"=,]{0,4}[^\s\-"',][^\s"']{5})""", rf"""-(?<![^\s'"\[(]-)(?:[pPakuUw]|-user|-auth)[\s'"=,]{{0,4}}(?![\s'"=,]){ahead(SCRAMBLED)}([^\s\-"',][^\s"']{{5,100}})"""),
    ("", rf"""[?&](?i:key|code|sid|sig)={ahead(SCRAMBLED)}([^\s"'&;<>,]+)"""),
    (r":(?=\d{2,5}:[\w*.\-]{1,40}:[\w.\-]{1,40}:)", rf""":\d{{2,5}}:[\w*.\-]{{1,40}}:[\w.\-]{{1,40}}:{ahead(MIXED)}([^\s"']+)"""),
    ("hook", r"""[hH]ooks?[^\s"'<>/]{0,40}/((?=[^\s"'<>]{0,100}[\w\-]{20})[^\s"'<>]+)"""),
    ("identified", rf"""IDENTIFIED\sBY\s["']{ahead(TEXT)}([^"']+)"""),
    (r":(?=[\da-f]{32})", r":(?<=[\da-f]{16}:)([\da-f]{32})(?!\w)"),
)  # fmt: skip
"""Where to look, in lower case, and the secret that stands there, where it looks like so much as it must."""
_CARD = r"(?P<card>(?<![\w./])[2-6]\d{3}(?:[\x20\-]\d{4,6}\b[\x20\-]\d{4,5}(?:[\x20\-]\d{1,4}(?:[\x20\-]\d{3})?)?(?!\d)|\d{9,15}(?!\d)))"

_BEGINS = [(re.escape(begin), then) for begins, then, _ in SHAPES for begin in begins.split()]
_TOKENS = any_of(begin + then for begin, then in _BEGINS)
SHAPE = re.compile(
    "|".join([*(secret for _, secret in PLACES), _CARD, rf"((?:(?<![A-Za-z\d])|(?![A-Za-z\d]))(?:{_TOKENS}))"]),
    re.ASCII | re.VERBOSE,
)
BEGINNINGS = [
    *(begin.lower() + r"(?=[\w\-+/.]{12})" for begin, _ in _BEGINS),
    *(begin for begin, _ in PLACES if begin),
    *(re.escape(sign) + r"(?=(?:key|code|sid|sig)=)" for sign in "?&"),
    *(digit + r"(?<![\w./].)(?=\d{3}[\d \-][\d \-]{8})" for digit in "23456"),
]
"""Where to look for them in a text in lower case."""
