from __future__ import annotations

import time

import pytest

from mlv.core.secret_shapes import find_secret, redact_shapes

# Put together here, so that no scanner takes this file for a leak.
_HEX = "0123456789abcdef"
_MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"
_BASE64 = "Kq7/Zt3+" * 11
_BEGIN, _END = "-----" + "BEGIN ", "-----" + "END "
_PEM = _BEGIN + "{}PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0\n" + _END + "{}PRIVATE KEY-----"

SHAPES = {
    "aws-key-id": "AKIA" + "IOSFODNN7EXAMPLQ",
    "aws-temporary-key-id": "ASIA" + "Y34FZKBOKMUTVV7A",
    "aws-session-token": "IQoJb3JpZ2lu" + "X2VjEL" + _MIXED * 3 + "==",
    "github-classic": "ghp" + "_" + _MIXED + "AbC1",
    "github-oauth": "gho" + "_" + _MIXED + "AbC1",
    "github-app": "ghs" + "_" + _MIXED + "AbC1",
    "github-user-to-server": "ghu" + "_" + _MIXED + "AbC1",
    "github-refresh": "ghr" + "_" + _MIXED * 2 + "AbC1",
    "github-fine-grained": "github" + "_pat_" + "11ABCDEFG0" + _MIXED + "_" + _MIXED,
    "gitlab-personal": "glpat" + "-" + _MIXED[:20],
    "gitlab-routable": "glpat" + "-" + _MIXED + ".01." + "0w1abcdef",
    "gitlab-job": "glcbt" + "-64_" + _MIXED[:20],
    "gitlab-runner": "GR1348941" + _MIXED[:20],
    "hugging-face": "hf" + "_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi",
    "hugging-face-organization": "api_" + "org_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi",
    "google-api-key": "AI" + "za" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"[:35],
    "google-oauth": "ya29" + ".a0AfH6SMB" + _MIXED,
    "google-client-secret": "GOC" + "SPX-" + _MIXED[:28],
    "google-refresh": "1/" + "/0" + _MIXED + "_xyz",
    "slack-bot": "xox" + "b-123456789012-1234567890123-" + _MIXED[:24],
    "slack-user": "xox" + "p-123456789012-123456789012-123456789012-" + _HEX * 2,
    "slack-app": "xapp" + "-1-A0123456789-1234567890123-" + _HEX * 4,
    "slack-rotating": "xoxe" + ".xoxp-1-" + _MIXED * 3,
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "SflKxwRJSMeKKF2QT4fw",
    "pem-pkcs8": _PEM.format("", ""),
    "pem-rsa": _PEM.format("RSA ", "RSA "),
    "pem-ec": _PEM.format("EC ", "EC "),
    "pem-openssh": _PEM.format("OPENSSH ", "OPENSSH "),
    "pem-encrypted": _PEM.format("ENCRYPTED ", "ENCRYPTED "),
    "pem-on-one-line": _PEM.format("", "").replace("\n", "\\n"),
    "pem-cut-off": _PEM.format("", "")[:50],
    "pgp": _BEGIN + "PGP PRIVATE KEY BLOCK-----\nx\n" + _END + "PGP PRIVATE KEY BLOCK-----",
    "openai": "sk" + "-" + _MIXED + _MIXED[:16],
    "openai-project": "sk" + "-proj-" + _MIXED + "_" + _MIXED + "-" + _MIXED,
    "anthropic": "sk" + "-ant-api03-" + _MIXED * 2 + "-" + _MIXED[:5] + "AA",
    "openrouter": "sk" + "-or-v1-" + _HEX * 4,
    "groq": "gsk" + "_" + _MIXED + _MIXED[:20],
    "replicate": "r8" + "_" + _MIXED + "abcde",
    "wandb": "wandb" + "_v1_" + _MIXED,
    "azure-storage": "Account" + "Key=" + _BASE64[:86] + "==",
    "azure-client-secret": "aB3" + "8Q" + "~" + _MIXED + "ab",
    "npm": "npm" + "_" + _MIXED + "AbC1",
    "pypi": "pypi" + "-AgEIcHlwaS5vcmcC" + _MIXED * 2,
    "docker": "dckr" + "_pat_" + _MIXED[:27],
    "stripe": "sk" + "_live_" + _MIXED[:24],
    "stripe-restricted": "rk" + "_test_" + _MIXED[:24],
    "stripe-webhook": "whsec" + "_" + _MIXED,
    "sendgrid": "SG" + "." + _MIXED[:22] + "." + _MIXED + _MIXED[:11],
    "twilio": "SK" + _HEX * 2,
    "mailchimp": _HEX * 2 + "-us" + "12",
    "telegram": "1234567890" + ":AA" + _MIXED + "a",
    "discord": "M" + _MIXED[:23] + "." + "Gx1y2z" + "." + _MIXED[:27] + "ab",
    "digitalocean": "dop" + "_v1_" + _HEX * 4,
    "databricks": "dapi" + _HEX * 2,
    "vault": "hvs" + "." + _MIXED,
    "age": "AGE-SECRET" + "-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE",
}

PLACES = {
    "login-in-url": ("https://ada:{}@host/x", "s3cr3t"),
    "token-in-url": ("https://{}@github.com/a/b.git", _MIXED),
    "database": ("postgresql+psycopg://ada:{}@db:5432/x", "s3cr3t"),
    "database-with-odd-password": ("mysql://ada:{}@db/x", "s3/c@r#3t"),
    "redis": ("redis://:{}@cache:6379/0", "s3cr3t"),
    "signature-of-s3": ("https://b.s3.amazonaws.com/x?a=1&X-Amz-Signature={}", _HEX * 4),
    "signature-of-azure": ("https://a.blob.core.windows.net/c/x?sv=2022&sig={}", _MIXED + "%3D"),
    "parameter-of-url": ("https://host/x?access_token={}&page=2", "s3cr3t"),
    "slack-webhook": ("https://hooks.slack.com/services/{}", "T00000000/B00000000/" + _MIXED[:24]),
    "discord-webhook": ("https://discord.com/api/webhooks/123456/{}", _MIXED * 2),
    "bearer": ("curl -H 'Authorization: Bearer {}' https://host", _MIXED),
    "basic": ('{{"Authorization": "Basic {}"}}', "YWRhOnMzY3IzdA=="),
    "github-header": ("authorization: token {}", _HEX * 2),
    "api-key-header": ("curl -H x-api-key:{} https://host", _MIXED),
    "netrc": ("machine api.wandb.ai login user password {}", _HEX * 2 + _HEX[:8]),
    "variable": ("WANDB_API_KEY={} python train.py", _HEX * 2 + _HEX[:8]),
    "aws-secret-key": ("export AWS_SECRET_ACCESS_KEY='{}'", "wJalr/" + _MIXED + "/K"),
    "ini": ("[default]\naws_secret_access_key = {}\nregion = us", _BASE64[:40]),
    "flag-in-a-line": ("python train.py --hf-token {} --lr 0.1", "s3cr3t"),
    "flag-with-equals": ("python train.py --password={}", "12345"),
    "json": ('{{"api_key": "{}", "lr": 0.1}}', "s3cr3t"),
    "json-in-json": ('{{\\"api_key\\": \\"{}\\"}}', "s3cr3t"),
    "prose": ("the password: {}", "hunter2"),
}  # fmt: skip

HARMLESS = [
    *("git@github.com:a/b.git", "s3://bucket/key", "task-based-scheduling-algorithm-x"),
    *("https://h/x?lr=0.1", "user@host", "hf_model", "disk-abcdefghijklmnopqrstuv"),
    *(_HEX * 2, _HEX * 2 + _HEX[:8], _HEX * 4, "sha256:" + _HEX * 4),
    *("550e8400-e29b-41d4-a716-446655440000", "v1.2.3-14-g2414721", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAEhgGA",
    "sha512-" + _BASE64[:86] + "==",
    "runs/2024-01-31/resnet50-imagenet-lr0.1-wd1e-4-seed42-very-long-name/checkpoint_000100.pt",
    "abfss://container@account.dfs.core.windows.net/data/train.csv",
    *("ssh://git@github.com/a/b.git", "git+https://github.com/a/b@main#egg=b"),
    *("http://localhost:8080/a@b", "postgresql://db:5432/x", "https://github.com/a/b"),
    *("tokenizer=bert max_tokens=100", "--pad-token <pad> --secret-santa Bob --n-tokens 3"),
    *("token classification", "Token classification", "basic training of resnet50-imagenet-v2"),
    *("sk-learn-RandomForest-200-trees", "sk-learn-random-forest-with-grid-search"),
    *("the token is lost", "secret: use a larger batch", "password: changed", "TOKEN=$TOKEN ./x"),
    *("--token ${HF_TOKEN} --lr 0.1", "api_key={{ api_key }}", "PWD=/home/ada", "use_token=True"),
    *("key=value", "key_dim=64", "num_keys=3", "--primary-key id", "--monkey banana", "keys: a"),
    *("hf_distilbert_base_uncased_finetuned_sst2", "npm_config_registry", "SG.small", "MNIST.zip"),
    *("eyJhIjoxfQ==", "1234567890:AM", "PRIVATE", "KEY-----", "-----BEGIN PUBLIC KEY-----\nMIIB"),
    *("password_file=/run/secrets/db", "--credentials-path ~/.aws", "mask_token_id=103"),
]  # fmt: skip


@pytest.mark.parametrize("secret", SHAPES.values(), ids=SHAPES)
def test_shape_of_a_secret_is_known_without_a_name(secret: str) -> None:
    redacted = redact_shapes(f"before {secret} after")

    left = redacted.removeprefix("before ").removesuffix(" after").removesuffix("***")
    assert left in {"", "AccountKey="}
    assert find_secret(f"x = {secret}\n") is not None


@pytest.mark.parametrize(("text", "secret"), PLACES.values(), ids=PLACES)
def test_place_of_a_secret_is_known(text: str, secret: str) -> None:
    redacted = redact_shapes(text.format(secret))

    kept = text.replace("ada:{}", "***").replace("//:{}", "//***").format("***")
    assert redacted == kept


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(text: str) -> None:
    assert redact_shapes(text) == text
    assert find_secret(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "token = tokenizer.next_token(batch)\n",
        "password = getpass.getpass()\napi_key = os.environ['API_KEY']\n",
        'def connect(url="postgresql://user:password@localhost/test"): ...\n',
        'url = f"https://{user}:{password}@{host}/x"\n',
        "secret: str = 'changeme'\n",
        "key = 'the_quick_brown_fox_jumps_over'\n",
        "access_token: ${ACCESS_TOKEN}\n",
    ],
)
def test_ordinary_code_holds_no_secret(text: str) -> None:
    assert find_secret(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"TOKEN = '{SHAPES['github-classic']}'", "GitHub token"),
        (f"wandb_api_key: {_HEX * 2}{_HEX[:8]}\n", "value of 'wandb_api_key'"),
        ("DATABASE_URL=postgresql://ada:hx7Kqq@db/x\n", "password in a URL"),
        (SHAPES["pem-openssh"], "private key"),
    ],
)
def test_kind_of_a_secret_is_told(text: str, kind: str) -> None:
    assert find_secret(text) == kind


def test_secret_that_may_stay_is_asked_for_by_its_name() -> None:
    asked: list[str] = []

    def keep(name: str) -> bool:
        asked.append(name)
        return name == "HF_TOKEN"

    text = f"HF_TOKEN=abc API_KEY=def https://h/x?token=ghi {SHAPES['npm']}"
    assert redact_shapes(text, keep) == "HF_TOKEN=abc API_KEY=*** https://h/x?token=*** ***"
    assert sorted(asked) == ["", "API_KEY", "HF_TOKEN", "token"]


def test_redacted_text_stays_as_it_is() -> None:
    text = " ".join([*SHAPES.values(), *(place.format(value) for place, value in PLACES.values())])
    once = redact_shapes(text)

    assert redact_shapes(once) == once


@pytest.mark.parametrize(
    "text",
    [
        *("a://" + "b:" * 50_000, "key=" * 50_000, "Bearer " * 30_000, "sk-" * 60_000),
        *("ey" + "J" * 100_000 + ".", '"' * 100_000, "token=" + '\\"' * 50_000, "a" * 200_000),
        *("-----BEGIN PRIVATE KEY-----" * 5_000, "M" * 100_000 + ".", "pass " * 40_000),
        *("?a" * 100_000, "password" + " " * 100_000, "eyJ" + "aaaaaaaa." * 20_000),
    ],
)
def test_hostile_text_takes_no_longer_than_its_length(text: str) -> None:
    began = time.process_time()

    redact_shapes(text)
    find_secret(text)

    assert time.process_time() - began < 5
