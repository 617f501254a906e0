from __future__ import annotations

import pytest

from mlv.capture.redact import is_secret_name, redact_argv, redact_text

# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "github": "ghp" + "_" + "A1b2" * 9,
    "github-fine": "github" + "_pat_" + "A1b2_" * 6,
    "gitlab": "glpat" + "-" + "A1b2" * 5,
    "hugging-face": "hf" + "_" + "aBcD" * 8,
    "aws": "AKIA" + "ABCDEFGH23456789",
    "slack": "xox" + "b-123456789012-abcdefABCDEF",
    "openai": "sk" + "-proj-" + "aB3_" * 8,
    "google": "AI" + "za" + "Sy12345" * 5,
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0." + "c2lnbmF0dXJl",
    "npm": "npm" + "_" + "a1B2" * 9,
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_secret_is_known_by_its_shape(secret: str) -> None:
    assert redact_text(f"before {secret} after") == "before *** after"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:pass@host/x", "https://***@host/x"),
        ("postgresql+psycopg://u:p@db:5432/x", "postgresql+psycopg://***@db:5432/x"),
        ("https://h/x?token=abc&page=2", "https://h/x?token=***&page=2"),
        ("https://b.s3/x?X-Amz-Signature=abc", "https://b.s3/x?X-Amz-Signature=***"),
        ("Authorization: Bearer abcdefghij", "Authorization: Bearer ***"),
    ],
)
def test_secret_is_known_by_its_place(text: str, expected: str) -> None:
    assert redact_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("git@github.com:a/b.git", "s3://bucket/key", "task-based-scheduling-algorithm-x"),
        *("https://h/x?lr=0.1", "user@host", "hf_model", "disk-abcdefghijklmnopqrstuv", "0" * 40),
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        *("token", "--hf-token", "HF_TOKEN", "apiKey", "API_KEY", "db.password", "client_secret"),
        *("aws_secret_access_key", "AWS_ACCESS_KEY_ID", "authToken", "credentials"),
    ],
)
def test_name_of_a_secret_is_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("max_tokens", "tokenizer", "pad_token", "eos-token", "n_tokens", "key", "key_dim"),
        *("monkey", "keys", "passes", "primary_key", "lr"),
    ],
)
def test_name_of_a_param_is_no_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_command_line_keeps_its_words_and_loses_its_secrets() -> None:
    argv = ["t", "--token", "abc", "--password=x y", "--lr", "0.1", "HF_TOKEN=z", "-v", "data"]
    argv += ["--token", "--other", "--pad-token", "<pad>", "--token", "<pad>", SECRETS["aws"]]

    assert redact_argv(argv) == (
        *("t", "--token", "***", "--password=***", "--lr", "0.1", "HF_TOKEN=***", "-v", "data"),
        *("--token", "--other", "--pad-token", "<pad>", "--token", "<pad>", "***"),
    )
