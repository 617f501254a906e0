from __future__ import annotations

import pytest

from mlv.capture.redact import Redactor, redact_argv, redact_text, redact_value

_TOKEN = "ghp" + "_" + "A1b2" * 9  # put together here, so that no scanner takes it for a leak


def test_command_line_keeps_its_words_and_loses_its_secrets() -> None:
    argv = ["t", "--token", "abc", "--password=x y", "--lr", "0.1", "HF_TOKEN=z", "-v", "data"]
    argv += ["--token", "--other", "--pad-token", "<pad>", "--token", "<pad>", _TOKEN]

    assert redact_argv(argv) == (
        *("t", "--token", "***", "--password=***", "--lr", "0.1", "HF_TOKEN=***", "-v", "data"),
        *("--token", "--other", "--pad-token", "<pad>", "--token", "<pad>", "***"),
    )


def test_value_is_redacted_for_its_name_or_its_shape() -> None:
    values = [redact_value("api_key", "abc"), redact_value("lr", "0.1"), redact_value("x", _TOKEN)]
    assert [*values, redact_text(f"see {_TOKEN}")] == ["***", "0.1", "***", "see ***"]


def test_params_lose_secrets_of_every_depth() -> None:
    redactor = Redactor()
    params = {
        "lr": 0.1,
        "api_key": "abc",
        "auth": {"password": 1234, "user": "ada", "retries": 3},
        "credentials": {"db": {"value": "hunter2", "port": 5432, "tls": True}},
        "urls": ["s3://bucket/x", "https://ada:pw@host/x", {"token": "t"}],
        "model": {"pad_token": "<pad>", "max_tokens": 100, "key": "k", "empty": None},
    }

    assert redactor.redact_tree(params) == {
        "lr": 0.1,
        "api_key": "***",
        "auth": {"password": "***", "user": "ada", "retries": 3},
        "credentials": {"db": {"value": "***", "port": 5432, "tls": True}},
        "urls": ["s3://bucket/x", "https://***@host/x", {"token": "***"}],
        "model": {"pad_token": "<pad>", "max_tokens": 100, "key": "k", "empty": None},
    }
    assert list(redactor.taken) == [
        *("api_key", "auth.password", "credentials.db.value", "urls", "urls.token"),
    ]


@pytest.mark.parametrize(
    "allowed", ["api-key", "--api-key", "API_KEY", "train.api_key"], ids=lambda text: text
)
def test_allowed_param_is_kept(allowed: str) -> None:
    redactor = Redactor([allowed])

    assert redactor.redact_tree({"train": {"api_key": "abc"}}) == {"train": {"api_key": "abc"}}
    assert redactor.taken == {}


def test_allowed_flag_and_variable_are_kept() -> None:
    redactor = Redactor(["token", "HF_TOKEN"])
    argv = ("sh", "-c", "HF_TOKEN=a API_KEY=b ./x", "--token", "c", "--key=d", "--api-key=e")

    assert redactor.redact_argv(argv) == (
        *("sh", "-c", "HF_TOKEN=a API_KEY=*** ./x", "--token", "c", "--key=d", "--api-key=***"),
    )
    assert list(redactor.taken) == ["API_KEY", "api-key"]


def test_word_without_a_name_is_called_after_the_flag_before_it() -> None:
    redactor = Redactor()

    redactor.redact_argv(("t", _TOKEN, "--data", f"https://{_TOKEN}@host/x", "--lr", "1"))

    assert list(redactor.taken) == ["command", "data"]


def test_switch_that_allows_secrets_is_recorded() -> None:
    assert redact_argv(("mlv", "run", "--allow-secret", "hf_token", "true")) == (
        *("mlv", "run", "--allow-secret", "hf_token", "true"),
    )
