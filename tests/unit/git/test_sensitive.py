from __future__ import annotations

import pytest

from mlv.git.sensitive import HEAD_SIZE_BYTES, holds_private_key, is_secret_path


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "deploy/.env.production",
        ".ENV",
        "prod.env",
        "id_rsa",
        "keys/id_ed25519",
        "server.pem",
        "server.KEY",
        "store.p12",
        ".aws/credentials",
        ".aws/config",
        "home/.ssh/known",
        "credentials",
        ".netrc",
        ".pypirc",
        ".git-credentials",
        ".streamlit/secrets.toml",
    ],
)
def test_secret_path_is_recognised(path: str) -> None:
    assert is_secret_path(path)


@pytest.mark.parametrize(
    "path",
    [
        ".env.example",
        ".env.sample",
        ".env.template",
        "id_rsa.pub",
        "environment.yml",
        "src/keys.py",
        "monkey",
        "credentials/loader.py",
        "config.json",
        "secrets.py",
    ],
)
def test_ordinary_path_is_not_taken_for_a_secret(path: str) -> None:
    assert not is_secret_path(path)


@pytest.mark.parametrize(
    "label",
    [b"", b"RSA ", b"EC ", b"OPENSSH ", b"ENCRYPTED "],
)
def test_private_key_is_recognised(label: bytes) -> None:
    assert holds_private_key(b"Bag Attributes\n-----BEGIN " + label + b"PRIVATE KEY-----\nMII")


def test_private_key_of_pgp_is_recognised() -> None:
    assert holds_private_key(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN PUBLIC KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\n",
        b"the line that says -----BEGIN PRIVATE KEY-----\n",
        b"\n" * HEAD_SIZE_BYTES + b"-----BEGIN PRIVATE KEY-----\n",
    ],
)
def test_other_content_is_not_taken_for_a_private_key(content: bytes) -> None:
    assert not holds_private_key(content)
