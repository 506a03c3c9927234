"""How the tokens of an issuer look: one list, for texts and for captured arguments alike."""

import re

from telemetry_kit._redaction.marks import LETTERS, any_of

SHAPES: tuple[tuple[str, str, str], ...] = (
    ("AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}", "gitleaks aws-access-token"),
    ("ABSK", r"[A-Za-z0-9+/]{60,}={0,2}", "gitleaks aws-amazon-bedrock-api-key-long-lived"),
    ("AKID LTAI", r"[A-Za-z0-9]{13,}", "Tencent Cloud, Alibaba Cloud: access keys"),
    ("AKCp cmVmdGtuOjAx", r"[A-Za-z0-9]{40,}", "gitleaks artifactory-api-key, artifactory-reference-token"),
    ("AIza GOCSPX- ya29. 1//0", r"[\w\-.]{16,}", "gitleaks gcp-api-key; Google: OAuth 2.0 tokens and client secrets"),
    ("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\w{16,}", "gitleaks github-*"),
    ("gl", r"(?:pat|ptt|cbt|dt|ffct|ft|imt|agent|oas|rt|soat)-[\w\-.]{16,}", "gitleaks gitlab-*"),
    ("xox xapp-", r"(?:[a-z](?:\.xox[a-z])?-)?[\w\-]{8,}", "gitleaks slack-*"),
    ("sk_ rk_ pk_ rzp_ shippo_", r"(?:live|test|prod)_\w{8,}", "gitleaks stripe-access-token, shippo-api-token"),
    ("sk- gsk_ pplx- hf_ api_org_", r"[\w\-]{16,}", "gitleaks openai-, anthropic-, perplexity-api-key, huggingface-*"),
    ("xai- nvapi- csk- tvly- r8_ pcsk_ tgp_v1_ lsv2_pt_ lsv2_sk_", r"[\w\-]{16,}", "the makers of models: API keys"),
    ("npm_ rubygems_ pypi- xkeysib- xsmtpsib- PMAK- pul- NRAK- NRII- NRJS- NRAA- NRRA- lin_api_ lin_oauth_ pnu_ HRKU-", r"[\w\-]{16,}", "gitleaks npm-access-token, rubygems-, pypi-, sendinblue-, postman-, pulumi-, new-relic-, linear-, prefect-, heroku-api-key"),
    ("glsa_ glc_ sntrys_ sntryu_ whsec_ tfp_", r"[\w+/.\-]{16,}={0,2}", "gitleaks grafana-*, sentry-*, typeform-api-token; Stripe: webhook signatures"),
    ("phc_ phx_ FLWSECK- FLWSECK_TEST- bkua_ nfp_ rnd_ vercel_ CCIPAT_ CCIPRJ_ sbp_ sbv_ dckr_pat_ dckr_oat_ CFPAT- p8e-", r"[\w\-]{16,}", "PostHog, Flutterwave, Buildkite, Netlify, Render, Vercel, CircleCI, Supabase, Docker, Contentful, Adobe: tokens"),
    ("figd_ figo_ figu_ figr_ ATATT3 ATCTT3 ATBB GR1348941 AQVN", r"[\w\-=]{16,}", "gitleaks atlassian-api-token, gitlab-rrt, yandex-api-key; Figma"),
    ("SG.", r"[\w\-]{10,}\.[\w\-]{10,}", "gitleaks sendgrid-api-token"),
    ("key- SK dapi cio", r"[0-9a-zA-Z]{32}", "gitleaks mailgun-, twilio-, databricks-api-token; crates.io"),
    ("dop_v1_ doo_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_ squ_ sqp_ sqa_", r"[a-fA-F0-9]{16,}", "gitleaks digitalocean-*, shopify-*, sonar-api-token"),
    ("hvs. hvb. hvr. .atlasv1. dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w\-]{16,}", "gitleaks vault-*, hashicorp-tf-api-token, doppler-api-token"),
    ("sq0", r"[a-z]{3}-[\w\-]{16,}", "gitleaks square-access-token"),
    ("SU SA SO", r"[A-Z2-7]{56}", "NATS: nkey seeds"),
    ("sdk- mob-", r"[0-9a-f]{8}-[0-9a-f\-]{27}", "LaunchDarkly: SDK and mobile keys"),
    ("access- pat-", r"(?:sandbox|development|production|[a-z]{2}\d)-[0-9a-f\-]{36}", "gitleaks plaid-api-token; HubSpot: private apps"),
    ("ntn_ secret_ oy2", r"[A-Za-z0-9]{32,}", "gitleaks notion-api-token; NuGet: API keys"),
    ("", r"(?<=pat[A-Za-z0-9]{14}\.)[0-9a-f]{16,}", "gitleaks airtable-personal-access-token"),
    ("sl. t1.", r"[\w\-=]{20,}(?:\.[\w\-=]{20,})?", "gitleaks dropbox-short-lived-api-token, yandex-access-token"),
    ("pscale_", r"(?:tkn|oauth|pw)_[\w=.\-]{16,}", "gitleaks planetscale-api-token"),
    ("dt0c01.", r"[A-Za-z0-9.]{16,}", "gitleaks dynatrace-api-token"),
    ("fm1_ fm1a_ fm1r_ fm2_", r"[A-Za-z0-9+/]{32,}={0,2}", "gitleaks flyio-access-token"),
    ("pk_", r"\d{6,}_[A-Z0-9]{32}", "ClickUp: personal tokens"),
    ("AGE-SECRET-KEY-1 A3-", r"[A-Z0-9\-]{20,}", "gitleaks age-secret-key, 1password-secret-key"),
    ("ops_", r"eyJ[\w+/=]{16,}", "gitleaks 1password-service-account-token"),
    ("sha256~ gAAAAA", r"[\w\-=]{40,}", "gitleaks openshift-user-token; cryptography: Fernet"),
    ("eyJ", r"(?:[\w\-]{40,}|[\w\-]{5,}(?=\.))(?:\.[\w\-]*){0,4}", "RFC 7519: JSON Web Token"),
    ("v1.0-", r"[0-9a-f]{24}-[0-9a-f]{146}", "gitleaks cloudflare-origin-ca-key"),
    ("", r"[0-9a-f]{32}-us\d{1,2}", "gitleaks mailchimp-api-key"),
    ("", r"[MNO][\w\-]{23,27}\.[\w\-]{6}\.[\w\-]{27,}", "Discord: bot tokens"),
    ("EAA IGQ EZAK EZTK ATTA APA91b", r"[\w\-]{50,}", "gitleaks facebook-, square-access-token, easypost-api-token; Trello; Firebase"),
    ("", r"(?<=AC[0-9a-f]{32}:)[0-9a-f]{32}", "Twilio: account SID and auth token"),
    ("oauth:", r"[a-z0-9]{30}", "Twitch: chat tokens"),
    (":AA", r"[\w\-]{30,}", "Telegram: authorizing your bot"),
    ("Q~", r"[\w.~\-]{31,}", "gitleaks azure-ad-client-secret"),
    ("$ $. $/", r"(?=\D{0,40}\d)[./A-Za-z0-9+]{16,}(?:\$[./A-Za-z0-9+]+)*", "PHC string format, crypt(5), Django: salts and hashes of passwords"),
    ("", r"(?<=\d/\d{16}:)[0-9a-f]{32}", "Asana: personal access tokens"),
)  # fmt: skip
"""How the tokens of an issuer begin (one way or several), what follows, and where that is written down. For the next one add its line."""

ADDRESSES: tuple[tuple[str, str, str], ...] = (
    ("hooks.slack.com/", r"\w+/[\w/]+", "gitleaks slack-webhook-url"),
    ("discord.com/api/ discordapp.com/api/", r"(?:v\d+/)?webhooks/\d+/[\w\-]+", "Discord: webhook resource"),
    ("outlook.office.com/webhook/", r"[^\s\"'<>]+", "gitleaks microsoft-teams-webhook"),
    ("", r"[\w\-]{1,60}\.webhook\.office\.com/[^\s\"'<>]+", "gitleaks microsoft-teams-webhook"),
    ("hooks.zapier.com/", r"hooks/catch/[\w/]+", "Zapier: webhooks"),
    ("maker.ifttt.com/", r"[\w/]*/key/[\w\-]+", "IFTTT: webhooks"),
    ("logs-01.loggly.com/", r"(?:inputs|bulk)/[\w\-]+", "Loggly: customer tokens"),
)
"""Hosts and paths of URLs that are secrets themselves, in the same way."""


def _compiled(table: tuple[tuple[str, str, str], ...]) -> "re.Pattern[str]":
    """One pattern for a table. A place begins with letters and digits: the signs before them are looked back at."""
    begun = ((begin, then) for begins, then, _ in table for begin in begins.split() or [""])
    return re.compile(
        any_of(f"{begin[len(begin.rstrip(LETTERS)) :]}(?<={re.escape(begin)}){then}" for begin, then in begun)
    )


SHAPE = _compiled(SHAPES)
ADDRESS = re.compile(
    "|".join(re.escape(begin) + then for begins, then, _ in ADDRESSES for begin in begins.split() or [""])
)
