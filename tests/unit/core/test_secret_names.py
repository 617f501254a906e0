from __future__ import annotations

import pytest

from mlv.core.secret_names import is_secret, is_secret_name


@pytest.mark.parametrize(
    "name",
    [
        *("token", "--hf-token", "HF_TOKEN", "apiKey", "API_KEY", "db.password", "client_secret"),
        *("aws_secret_access_key", "AWS_ACCESS_KEY_ID", "authToken", "credentials", "PASSWORD_2"),
        *("token_value", "api_tokens", "GITHUB_PAT", "ssh_key", "AccountKey", "secretKeyBase64"),
    ],
)
def test_name_of_a_secret_is_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("max_tokens", "tokenizer", "pad_token", "eos-token", "n_tokens", "key", "key_dim"),
        *("monkey", "keys", "passes", "primary_key", "lr", "secret-santa", "password_length"),
        *("token_ids", "token_dropout", "cls_token", "patch", "compat", "CREDENTIALS_FILE", ""),
    ],
)
def test_name_of_a_param_is_no_secret(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("token", "abc", True),
        ("token", "12", False),
        ("password", "12", True),
        ("password", "true", False),
        ("token", "<pad>", False),
        ("token", "[PAD]", False),
        ("token", "[abc, def]", True),
        ("api_key", "$API_KEY", False),
        ("lr", "abc", False),
    ],
)
def test_value_of_a_secret_is_told_from_a_placeholder(
    name: str, value: str, *, expected: bool
) -> None:
    assert is_secret(name, value) is expected
