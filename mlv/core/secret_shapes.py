"""Know a secret by its shape, or by its place in a text.

The shapes are those that the issuers document, and that secret scanners look for.
What looks random and is none, such as a digest or the id of a commit, has no such shape.

Also used inside the training process: only the standard library, as of Python 3.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from mlv.core.secret_names import (
    is_placeholder,
    is_secret,
    is_secret_name,
    speaks_of_secrets,
    words_of,
)

REDACTED = "***"
"""Stands where a secret stood."""

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str], bool]
    """Tells whether a secret stays, by its name."""


class _Shape(NamedTuple):
    """What secrets of one kind look like.

    Attributes:
        kind: What a person calls them.
        hints: Texts of which every one of them holds one; they are quick to look for.
        pattern: Matches them; where it has a group, the group alone is the secret.
    """

    kind: str
    hints: str
    pattern: str


_KEY_BEGINS = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_KEY_ENDS = r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_MIXED = r"(?=[\w-]{0,99}[a-z])(?=[\w-]{0,99}[A-Z])(?=[\w-]{0,99}[0-9])"

_SHAPES = (
    _Shape("private key", "PRIVATE", rf"{_KEY_BEGINS}.*?(?:{_KEY_ENDS}|\Z)"),
    _Shape("private key", "Private-Lines:", r"Private-Lines: \d+\s+([A-Za-z0-9+/=\s\\]+)"),
    _Shape("age key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,}"),
    _Shape("AWS key", "AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    _Shape(
        "AWS session token",
        "b3JpZ2lu QoGZXIvYXdz woGZXIvYXdz",
        r"\b(?:IQoJb3JpZ2lu|F[Qw]oGZXIvYXdz)[A-Za-z0-9+/=%]{30,}",
    ),
    _Shape(
        "GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\bgh[pousr]_[A-Za-z0-9_]{20,}(?:[.-][\w-]+)*|\bgithub_pat_[A-Za-z0-9_]{20,}",
    ),
    _Shape(
        "GitLab token",
        "glpat- glptt- gldt- glrt- glrtr- glcbt- glft- glsoat- glimt- glagent- gloas- GR1348941",
        r"\bgl(?:pat|ptt|dt|rtr?|cbt|ft|soat|imt|agent|oas)-[\w.=-]{20,}|\bGR1348941[\w-]{20,}",
    ),
    _Shape("Hugging Face token", "hf_ api_org_", r"\b(?:hf_|api_org_)[A-Za-z0-9]{30,}"),
    _Shape("Google API key", "AIza", r"\bAIza[0-9A-Za-z_-]{35}"),
    _Shape(
        "Google OAuth token",
        "ya29. GOCSPX- 1//0",
        r"\bya29\.[\w.-]{20,}|\bGOCSPX-[\w-]{20,}|\b1//0[\w-]{30,}",
    ),
    _Shape(
        "Slack token",
        "xox xapp-",
        r"\b(?:xoxe\.)?xox[a-z]-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{20,}",
    ),
    _Shape(
        "webhook URL",
        "hooks.slack.com /api/webhooks/ webhook.office.com",
        r"\bhooks\.slack\.com/(?:services|workflows|triggers)/([\w/-]{20,})"
        r"|\bdiscord(?:app)?\.com/api/webhooks/\d+/([\w-]{20,})"
        r"|\bwebhook\.office\.com/webhookb2/([\w@/-]{30,})",
    ),
    _Shape("JSON web token", "eyJ", r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){1,3}"),
    _Shape("Neptune key", "eyJhcGlf", r"\beyJhcGlf[A-Za-z0-9+/=_-]{40,}"),
    _Shape(
        "API key",
        "sk-",
        rf"\bsk-(?!learn){_MIXED}[\w-]{{20,}}|\bsk-(?:[a-z0-9]{{1,12}}-){{0,3}}[0-9a-f]{{32,}}\b",
    ),
    _Shape(
        "API key",
        "gsk_ r8_ xai- pplx- nvapi- tgp_v1_ lsv2_ wandb_v1_ KGAT_ key-",
        r"\b(?:gsk_|r8_|xai-|pplx-|nvapi-|tgp_v1_|lsv2_(?:pt|sk)_|wandb_v1_|KGAT_)[\w-]{30,}"
        r"|\bkey-[0-9a-f]{32}\b",
    ),
    _Shape("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    _Shape("PyPI token", "pypi-", r"\bpypi-[\w-]{50,}"),
    _Shape("Docker token", "dckr_", r"\bdckr_(?:pat|oat)_[\w-]{20,}"),
    _Shape(
        "Stripe key",
        "_live_ _test_ whsec_",
        r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}",
    ),
    _Shape("SendGrid key", "SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    _Shape("Twilio key", "SK", r"\bSK[0-9a-f]{32}\b"),
    _Shape("Mailchimp key", "-us", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b"),
    _Shape("Telegram token", ":AA", r"\b[0-9]{8,10}:AA[\w-]{32,}"),
    _Shape(
        "Discord token", ".", r"\b(?=\w*[0-9A-Z])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w.])"
    ),
    _Shape(
        "Azure key",
        "AccountKey SharedAccessKey SharedAccessSignature Q~",
        r"\b(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/=]{20,})"
        r"|\bSharedAccessSignature=([^\s;\"']{20,})|\b[\w~.]{3}[0-9]Q~[\w~.-]{31,34}",
    ),
    _Shape(
        "service token",
        "dop_v1_ doo_v1_ dapi shp hvs. hvb. .atlasv1. lin_api_ ntn_ sbp_ pul- sntry glsa_ glc_ "
        "NRAK- PMAK- HRKU- sq0 LTAI dp.pt. rnd_",
        r"\bdo[op]_v1_[0-9a-f]{64}|\bdapi[0-9a-f]{32}(?:-\d)?\b|\bshp(?:at|ca|pa|ss)_[0-9a-f]{32}"
        r"|\bhv[sb]\.[\w-]{24,}|\b\w{14}\.atlasv1\.[\w-]{40,}|\blin_api_[A-Za-z0-9]{32,}"
        r"|\bntn_[A-Za-z0-9]{40,}|\bsbp_[0-9a-f]{40}\b|\bpul-[0-9a-f]{40}\b"
        r"|\bsntry[su]_[\w+/=-]{40,}|\bgl(?:sa|c)_[A-Za-z0-9+/=_]{32,}|\bNRAK-[A-Z0-9]{27}"
        r"|\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}|\bHRKU-[\w-]{36,}|\bsq0(?:atp|csp)-[\w-]{22,}"
        r"|\bLTAI[A-Za-z0-9]{16,20}\b|\bdp\.pt\.[A-Za-z0-9]{40,}",
    ),
)
_HINTS = tuple((shape, tuple(shape.hints.split())) for shape in _SHAPES)
_SHORTEST = 16
"""No shape is shorter; a text that is shorter need not be searched."""

_URL_LOGIN = re.compile(
    r"\b([A-Za-z][A-Za-z0-9+.-]{0,20})://"
    # Up to the last @ of the authority; a slash in a password is wrong, and happens.
    r"([^\s/?#@:\"'<>]*:(?![0-9]+(?:[/?#]|$))[^\s@\"'<>]*(?:@[^\s/@\"'<>]+(?=@))*@"
    r"|[^\s/?#@\"'<>]+@)"
)
_SCHEMES_WITH_NAMES = frozenset("ssh git+ssh ssh+git sftp abfs abfss wasb wasbs".split())
"""Schemes in which a name before the `@` opens nothing, unless a password follows it."""
_URL_PARAMETER = re.compile(r"([?&])([A-Za-z0-9_.%~-]+)=([^&\s#\"'<>]+)")
_SIGNATURES = frozenset("sig signature".split())

_HEADER = re.compile(
    r"(?:\b|-)(?:authorization|x-api-key|api-key|x-auth-token|private-token)\b[\"']?\s*[:=]\s*"
    r"[\"']?(?:(?:bearer|basic|token|digest|apikey)\s+(?!\*)|(?!\w+\s+\*))([^\s\"']{6,})"
    r"|\bcookie:\s*([^\s\"'][^\"'\n]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"\b[Bb]earer\s+((?=\S*[0-9])[\w.~+/=-]{16,})"
    r"|\b(?:Basic|Token)\s+((?=\S*[0-9])[A-Za-z0-9+/]{20,}={0,2}(?![\w.-]))"
)
_NETRC = re.compile(r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S+)")
_PLACES = (
    (_HEADER, ("authorization", "api-key", "auth-token", "private-token", "cookie")),
    (_BEARER, ("bearer", "basic", "token")),
    (_NETRC, ("machine",)),
)
"""Patterns of places, each with words in lower case of which one occurs in every match."""
_VALUE = r"""(?P<value>\\?"(?:[^"\\]|\\[^"])*\\?"|'[^']*'
    |\$\{[^}]*\}|\$\([^)]*\)|\{\{[^}]*\}\}|[^\s,;&"'|)}\]]+)"""
_NAME = r"(?P<name>[A-Za-z_][\w.-]{0,60})"
_ASSIGNMENT = re.compile(
    rf"""(?P<before>(?<![\w/.@%]){_NAME}\\?["']?\s?(?P<sign>[:=]=?)\s*){_VALUE}""", re.VERBOSE
)
_FLAG = re.compile(rf"(?P<before>(?<![\w-])--?{_NAME}\s+(?!-))(?P<sign>){_VALUE}", re.VERBOSE)

_RANDOM = re.compile(r"(?=(?:\D*\d){3})[A-Za-z0-9+/=_-]{20,}")
_DISTINCT = 10
"""How many different characters something random of that length has at least."""


def _keep_nothing(_: str) -> bool:
    return False


def find_secret(text: str) -> str | None:
    """Return the kind of the first secret found in a text, such as `GitHub token`.

    Strict enough for whole files: a name with an ordinary word as its value is no
    secret here, nor is a login that is plainly made up.
    """
    for shape in _likely_shapes(text):
        if _compile(shape.pattern).search(text):
            return shape.kind
    for match in _URL_LOGIN.finditer(text):
        if _is_real_login(match[1], match[2]):
            return "password in a URL"
    if speaks_of_secrets(text):
        for match in _ASSIGNMENT.finditer(text):
            value = _unquoted(match["value"])
            if _is_random(value) and is_secret_name(match["name"]):
                return f"value of {match['name']!r}"
    return None


def redact_shapes(text: str, keep: Keep = _keep_nothing) -> str:
    """Return `text` with everything taken out that has the shape or place of a secret.

    Args:
        text: Any text.
        keep: Is asked for each secret, by the name that it has in the text (empty when it
            has none), and tells whether it stays.

    >>> redact_shapes("curl https://me:pw@host/x?sig=abc -H 'Authorization: Bearer abcdefgh'")
    "curl https://***@host/x?sig=*** -H 'Authorization: Bearer ***'"
    >>> redact_shapes("HF_TOKEN=abc python train.py --max-tokens 100")
    'HF_TOKEN=*** python train.py --max-tokens 100'
    """
    if "://" in text:
        text = _URL_LOGIN.sub(partial(_redact_login, keep), text)
        text = _URL_PARAMETER.sub(partial(_redact_parameter, keep), text)
    if len(text) >= _SHORTEST:
        lowered = text.lower()
        likely = [place for place, hints in _PLACES if any(hint in lowered for hint in hints)]
        likely += [_compile(shape.pattern) for shape in _likely_shapes(text)]
        for pattern in likely:
            text = pattern.sub(partial(_redact_group, keep), text)
    if speaks_of_secrets(text):
        text = _FLAG.sub(partial(_redact_assignment, keep), text)
        text = _ASSIGNMENT.sub(partial(_redact_assignment, keep), text)
    return text


def _likely_shapes(text: str) -> Iterator[_Shape]:
    for shape, hints in _HINTS:
        for hint in hints:
            if hint in text:
                yield shape
                break


@lru_cache(maxsize=64)
def _compile(pattern: str) -> re.Pattern[str]:
    """Compile when it is needed: most texts need none of the shapes."""
    return re.compile(pattern, re.DOTALL)


def _redact_group(keep: Keep, match: re.Match[str]) -> str:
    """Return the match with its group replaced; all of it when it has none."""
    group = match.lastindex or 0
    if REDACTED in match[group] or keep(""):
        return match[0]
    begin, end = match.start(group) - match.start(), match.end(group) - match.start()
    return f"{match[0][:begin]}{REDACTED}{match[0][end:]}"


def _redact_login(keep: Keep, match: re.Match[str]) -> str:
    scheme, login = match.groups()
    if scheme.lower() in _SCHEMES_WITH_NAMES and ":" not in login:
        return match[0]
    if login == f"{REDACTED}@" or keep(""):
        return match[0]
    return f"{scheme}://{REDACTED}@"


def _is_real_login(scheme: str, login: str) -> bool:
    name, colon, password = login[:-1].partition(":")
    if not colon:
        return scheme.lower() not in _SCHEMES_WITH_NAMES and _is_random(name)
    made_up = {"password", "passwd", "pass", "pw", "pwd", "secret", "token", "changeme", name}
    return password.lower() not in made_up and not is_placeholder(password)


def _redact_parameter(keep: Keep, match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    secret = not _SIGNATURES.isdisjoint(words_of(name)) or is_secret(name, value)
    if not secret or value == REDACTED or keep(name):
        return match[0]
    return f"{mark}{name}={REDACTED}"


def _redact_assignment(keep: Keep, match: re.Match[str]) -> str:
    value = _unquoted(match["value"])
    if REDACTED in value or not is_secret(match["name"], value) or _is_prose(match):
        return match[0]
    if keep(match["name"]):
        return match[0]
    return match["before"] + match["value"].replace(value, REDACTED)


def _is_prose(match: re.Match[str]) -> bool:
    """Tell `secret: use that` from `secret: hunter2`."""
    value = match["value"]
    return match["sign"] == ":" and value.isalpha() and (value.islower() or value.istitle())


def _unquoted(value: str) -> str:
    return value.strip("\\").strip("\"'").strip("\\")


def _is_random(value: str) -> bool:
    return _RANDOM.fullmatch(value) is not None and len(set(value)) >= _DISTINCT
