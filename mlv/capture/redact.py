"""Take secrets out of text before it is kept anywhere.

A secret is known by its shape, by the name it is given, or by its place in a URL. The
shapes are those that the issuers document, and that secret scanners look for.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

REDACTED = "***"
"""Stands where a secret stood."""

_SHAPES = re.compile(
    r"""
    gh[pousr]_[A-Za-z0-9]{20,}                   # GitHub
    | github_pat_[A-Za-z0-9_]{20,}
    | glpat-[A-Za-z0-9_-]{20,}                   # GitLab
    | \bhf_[A-Za-z0-9]{20,}                      # Hugging Face
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b              # AWS
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}           # Slack
    | \bsk-[A-Za-z0-9_-]{20,}                    # OpenAI and others
    | \bAIza[0-9A-Za-z_-]{35}                    # Google
    | \bya29\.[0-9A-Za-z_-]{20,}
    | \bnpm_[A-Za-z0-9]{36} | \bpypi-[A-Za-z0-9_-]{50,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*   # JWT
    | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z\ ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_URL_CREDENTIALS = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@?#]+@")
_URL_PARAMETER = re.compile(r"([?&])([A-Za-z0-9_.-]+)=([^&\s#]+)")
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic|Token)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    "password passwd passphrase pwd secret secrets credential credentials apikey".split()
)
_SECRET_PAIRS = frozenset(
    (first, "key") for first in "api access secret private auth account signing encryption".split()
)
_SIGNATURE_PARAMETERS = frozenset("sig signature".split())
_TOKENS_OF_TEXT = frozenset(
    "pad eos bos unk mask sep cls start end stop special image video audio user system tool "
    "blank new first last next target source begin n num max min per".split()
)
"""Words before "token" that speak of a tokenizer."""
_NOT_A_SECRET = re.compile(r"[-+0-9.eE]{1,12}|true|false|null|none|<.*>|\[.*\]|", re.IGNORECASE)

_OPTION = re.compile(r"(-{0,2}[A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)


def is_secret_name(name: str) -> bool:
    """Tell whether what goes by this name is a secret.

    >>> [is_secret_name(n) for n in ("api-key", "hfToken", "DB_PASSWORD")]
    [True, True, True]
    >>> [is_secret_name(n) for n in ("max_tokens", "pad_token", "key_dim", "tokenizer")]
    [False, False, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not _SECRET_WORDS.isdisjoint(words):
        return True
    if any(pair in _SECRET_PAIRS for pair in itertools.pairwise(words)):
        return True
    if not words or words[-1] != "token":
        return False
    return len(words) == 1 or words[-2] not in _TOKENS_OF_TEXT


def redact_text(text: str) -> str:
    """Return `text` with everything taken out that has the shape of a secret."""
    text = _URL_CREDENTIALS.sub(rf"\1{REDACTED}@", text)
    text = _URL_PARAMETER.sub(_redact_parameter, text)
    text = _AUTHORIZATION.sub(rf"\1 {REDACTED}", text)
    return _SHAPES.sub(REDACTED, text)


def redact_value(name: str, value: str) -> str:
    """Return the value of `name`, redacted for its name or its shape."""
    if is_secret_name(name) and not _NOT_A_SECRET.fullmatch(value):
        return REDACTED
    return redact_text(value)


def redact_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """Return a command line without its secrets; it has as many words as before.

    >>> redact_argv(["train", "--api-key", "abc", "--token=def", "https://me:pw@host/x"])
    ('train', '--api-key', '***', '--token=***', 'https://***@host/x')
    """
    redacted = []
    owner = ""
    for text in argv:
        option = _OPTION.fullmatch(text)
        if owner and not text.startswith("--"):
            redacted.append(redact_value(owner, text))
            owner = ""
        elif option:
            redacted.append(f"{option[1]}={redact_value(option[1], option[2])}")
            owner = ""
        else:
            redacted.append(redact_text(text))
            owner = text if text.startswith("-") and is_secret_name(text) else ""
    return tuple(redacted)


def _redact_parameter(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    words = {word.lower() for word in _WORDS.findall(name)}
    if words & _SIGNATURE_PARAMETERS:
        value = REDACTED
    return f"{mark}{name}={redact_value(name, value) if value != REDACTED else value}"
