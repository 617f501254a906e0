"""Take credentials out of the URLs of Git remotes, before anything is kept."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HELPER = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*::)(.*)", re.DOTALL)
_SSH_SCHEMES = frozenset({"ssh", "git+ssh", "ssh+git"})
_SCP_LIKE = re.compile(r"([^/@:]+):[^/@]*(@[^/:]+:.*)", re.DOTALL)
_SECRET_PARAMETER = re.compile(
    r"token|secret|passw|pwd|auth|credential|signature|key|^sig$|^pat$|^jwt$",
    re.IGNORECASE,
)
_REDACTED = "REDACTED"


def redact_url(url: str) -> str:
    """Return the URL of a Git remote without credentials.

    User information goes, but for the user name of SSH, which names an account and
    opens nothing. Parameters that look like a token keep their name only. What is not
    a URL, such as a path, is returned as it is.

    >>> redact_url("https://user:token@example.com/x.git")
    'https://example.com/x.git'
    >>> redact_url("git@example.com:x.git")
    'git@example.com:x.git'
    """
    helper = _HELPER.fullmatch(url)
    if helper:
        return helper[1] + redact_url(helper[2])
    if not _URL.match(url):
        return _SCP_LIKE.sub(r"\1\2", url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return _redact_broken_url(url)
    return urlunsplit(
        parts._replace(
            netloc=_redact_authority(parts.scheme.lower(), parts.netloc),
            query=_redact_parameters(parts.query),
            fragment=_redact_parameters(parts.fragment),
        ),
    )


def _redact_authority(scheme: str, authority: str) -> str:
    user_information, at, host = authority.rpartition("@")
    user = user_information.partition(":")[0]
    if at and user and scheme in _SSH_SCHEMES:
        return f"{user}@{host}"
    return host


def _redact_parameters(query: str) -> str:
    return "&".join(_redact_parameter(parameter) for parameter in query.split("&"))


def _redact_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    if equals and _SECRET_PARAMETER.search(name):
        return f"{name}={_REDACTED}"
    return parameter


def _redact_broken_url(url: str) -> str:
    """Return the scheme alone: what cannot be parsed may hold anything."""
    return url.partition("://")[0] + "://" + _REDACTED
