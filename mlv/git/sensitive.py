"""Tell files that look like secrets, by their name and their first bytes."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from io import BytesIO
from typing import BinaryIO, Final

HEAD_SIZE_BYTES: Final = 64 * 1024
"""How much of a file's beginning is looked at for a private key."""

TEXT_SIZE_BYTES: Final = 1024 * 1024
"""Texts up to this size are read whole, and searched for tokens."""

_SECRET_NAMES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "credentials",
    "credentials.json",
    ".git-credentials",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".npmrc",
    ".pgpass",
    ".htpasswd",
    "kaggle.json",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
)
_SECRET_PATHS = ("*.aws/config", "*.docker/config.json", "*.kube/config", "*.ssh/*")
_HARMLESS_NAMES = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")
_HINTS = sorted({pattern.strip("*") for pattern in (*_SECRET_NAMES, *_SECRET_PATHS)})
"""Each path of a secret holds one of these; most paths hold none."""

_LOOK_FOR_ZERO = 8000
"""As `buffer_is_binary` of Git does."""

_PRIVATE_KEY = re.compile(
    rb"^[ \t\"']*-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----", re.MULTILINE
)


def is_secret_path(path: str) -> bool:
    """Tell whether the name of a file says that it holds a secret.

    >>> is_secret_path("config/.env"), is_secret_path(".env.example")
    (True, False)
    """
    path = path.lower()
    name = path.rpartition("/")[2]
    if any(fnmatchcase(name, pattern) for pattern in _HARMLESS_NAMES):
        return False
    return any(fnmatchcase(name, pattern) for pattern in _SECRET_NAMES) or any(
        fnmatchcase(path, pattern) for pattern in _SECRET_PATHS
    )


def find_secret_paths(paths: Sequence[str]) -> list[str]:
    """Return those of many paths whose names say that they hold secrets.

    >>> find_secret_paths(["train.csv", "config/.env", "prod.key"])
    ['config/.env', 'prod.key']
    """
    everything = "\n".join(paths).lower()
    hints = [hint for hint in _HINTS if hint in everything]
    if not hints:
        return []
    likely = (path for path in paths if any(hint in path.lower() for hint in hints))
    return [path for path in likely if is_secret_path(path)]


def find_secret_in(file: BinaryIO) -> str | None:
    """Return the kind of secret that a file holds, None when it seems to hold none.

    A private key at the beginning of any file is found, and a token in a text that is not
    too large. What has a zero byte near its beginning is no text, as for Git.

    Raises:
        OSError: It cannot be read.
    """
    head = file.read(HEAD_SIZE_BYTES)
    if holds_private_key(head):
        return "private key"
    is_utf16 = head.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    if not is_utf16 and b"\0" in head[:_LOOK_FOR_ZERO]:
        return None
    data = head + file.read(TEXT_SIZE_BYTES + 1 - len(head))
    if len(data) > TEXT_SIZE_BYTES:
        return None
    from mlv.core.secret_shapes import find_secret  # 10 ms, and only for new files

    return find_secret(data.decode("utf-16" if is_utf16 else "utf-8", "replace"))


def find_added_secret(new: bytes, old: bytes) -> str | None:
    """Return a kind of secret that a text holds, and that its older version does not.

    Args:
        new: Text in which `find_secret_in` finds a secret.
        old: What it was before.
    """
    kind, known = find_secret_in(BytesIO(new)), find_secret_in(BytesIO(old))
    if known is None or kind is None:
        return kind
    lines = old.splitlines()
    kinds = {known, *_kinds_in(lines)}
    return next(
        (each for each in (kind, *_kinds_in(_minus(new, lines))) if each not in kinds), None
    )


def holds_private_key(head: bytes) -> bool:
    """Tell whether the first bytes of a file begin a private key in PEM form.

    Source: RFC 7468, section 2; OpenSSH and OpenPGP use the same frame.
    """
    return _PRIVATE_KEY.search(head[:HEAD_SIZE_BYTES]) is not None


def _minus(text: bytes, lines: Collection[bytes]) -> list[bytes]:
    known = frozenset(lines)
    return [line for line in text.splitlines() if line not in known]


def _kinds_in(lines: Iterable[bytes]) -> Iterator[str]:
    found = (find_secret_in(BytesIO(line)) for line in lines)
    return (kind for kind in found if kind is not None)
