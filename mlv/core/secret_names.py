"""Know a secret by the name that it is given.

Also used inside the training process: only the standard library, as of Python 3.8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_HINTS = ("pass", "pwd", "secret", "credential", "key", "token")
_PAT = re.compile(r"(?:^|[_-])pat\b")
_PASSWORDS = frozenset("password passwd passphrase passcode pwd".split())
_SECRETS = _PASSWORDS | frozenset("secret secrets credential credentials apikey".split())
_KEY_OWNERS = frozenset(
    "api access secret private auth account signing encryption storage subscription master "
    "ssh hmac webhook license deploy".split()
)
_PAT_OWNERS = frozenset("github gitlab gh azure ext ado".split())
_ASIDE = frozenset(
    "length len size count file files path paths dir directory filename policy strength type "
    "field column santa sauce sharing message messages dataset task loss weight rate manager "
    "name provider backend store env var variable prompt ratio mask ids dim dims".split()
)
"""Words that, last in a name, make it speak of something beside the secret."""
_AFTER_TOKEN = frozenset("value secret string text prod dev test staging base b64".split())
_OF_TEXT = frozenset(
    "pad eos bos unk mask sep cls start end stop special image img video audio user system tool "
    "blank new first last next target source begin n num max min per class patch word char sub "
    "prompt query value key register distillation dist extra additional delimiter separator "
    "newline vocab prefix suffix trigger empty fake noise each every no single special".split()
)
"""Words before "token" that speak of a tokenizer or a model."""
_HARMLESS = re.compile(
    r"true|false|null|none|yes|no|on|off|<[^<>]*>|\[[A-Z_]*\]|\*+|x+"
    r"|\$\w+|\$\{.*\}|\$\(.*\)|\{.*\}|%\w+%|",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"(?=.*[0-9])[-+0-9.eE_]{1,12}")


def is_secret_name(name: str) -> bool:
    """Tell whether what goes by this name is a secret.

    >>> [is_secret_name(n) for n in ("api-key", "hfToken", "DB_PASSWORD")]
    [True, True, True]
    >>> [is_secret_name(n) for n in ("max_tokens", "pad_token", "key_dim", "secret-santa")]
    [False, False, False, False]
    """
    if not speaks_of_secrets(name):
        return False
    words = words_of(name)
    if not words or words[-1] in _ASIDE or words[0] == "allow":
        return False
    if not _SECRETS.isdisjoint(words):
        return True
    owners = [words[i - 1] for i, word in enumerate(words) if i and word == "key"]
    if not _KEY_OWNERS.isdisjoint(owners) or _is_token(words):
        return True
    return words[-1] == "pat" and not _PAT_OWNERS.isdisjoint(words)


def is_secret(name: str, value: str) -> bool:
    """Tell whether a value is to be taken out for the name that it has.

    Truth values, numbers, placeholders and references to variables are no secrets; only
    after `password` a number is one.

    >>> is_secret("token", "abc"), is_secret("token", "<pad>"), is_secret("token", "$TOKEN")
    (True, False, False)
    """
    if not is_secret_name(name) or is_placeholder(value):
        return False
    words = words_of(name)
    if words == ["pwd"] and value.startswith(("/", ".", "~")):  # the working directory
        return False
    return not _PASSWORDS.isdisjoint(words) or not _NUMBER.fullmatch(value)


def is_placeholder(value: str) -> bool:
    """Tell whether a value stands for a secret, or for none, without being one.

    >>> [is_placeholder(value) for value in ("${TOKEN}", "<token>", "false", "hunter2")]
    [True, True, True, False]
    """
    return _HARMLESS.fullmatch(value) is not None


def speaks_of_secrets(text: str) -> bool:
    """Tell whether a text may hold the name of a secret at all; quick."""
    lowered = text.lower()
    if any(hint in lowered for hint in _HINTS):
        return True
    return "pat" in lowered and _PAT.search(lowered) is not None


def words_of(name: str) -> list[str]:
    """Return the words that a name is made of, in lower case.

    >>> words_of("hfToken_v2")
    ['hf', 'token', 'v', '2']
    """
    return [word.lower() for word in _WORD.findall(name)]


def _is_token(words: Sequence[str]) -> bool:
    if "token" not in words:
        return len(words) > 1 and words[-1] == "tokens" and words[-2] in ("api", "access", "auth")
    place = words.index("token")
    if any(word not in _AFTER_TOKEN and not word.isdigit() for word in words[place + 1 :]):
        return False
    return place == 0 or words[place - 1] not in _OF_TEXT
