from __future__ import annotations

import pytest

from mlv.git.redact import redact_url


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://user:tok@host/x.git", "https://host/x.git"),
        ("https://ghp_tok@host/x", "https://host/x"),
        ("https://user:p@ss@host:8443/x.git", "https://host:8443/x.git"),
        ("HTTPS://user:tok@Host/x.git", "https://Host/x.git"),
        ("https://x-access-token:tok@[::1]/x", "https://[::1]/x"),
        ("https://us\ner:tok@host/x", "https://host/x"),
        ("ssh://git:pw@host/x", "ssh://git@host/x"),
        ("git+ssh://git:pw@host:22/x", "git+ssh://git@host:22/x"),
        ("ssh://:pw@host/x", "ssh://host/x"),
        ("git:pw@host:x.git", "git@host:x.git"),
        ("ftp://me:pw@host/x", "ftp://host/x"),
        (
            "https://host/x?access_token=abc&ref=main",
            "https://host/x?access_token=REDACTED&ref=main",
        ),
        ("https://host/x?private-token=a=b", "https://host/x?private-token=REDACTED"),
        ("https://host/x?X-Amz-Signature=abc", "https://host/x?X-Amz-Signature=REDACTED"),
        ("https://host/x#token=abc", "https://host/x#token=REDACTED"),
        ("https://user:tok@[broken/x", "https://REDACTED"),
        ("codecommit::https://user:tok@host/x", "codecommit::https://host/x"),
    ],
)
def test_redact_url_takes_credentials_out(url: str, redacted: str) -> None:
    assert redact_url(url) == redacted


@pytest.mark.parametrize(
    "url",
    [
        "https://host/x.git",
        "https://host:8443/a/b.git?depth=1&ref=main#readme",
        "git@host:x.git",
        "host:path/to:x@y.git",
        "ssh://git@host:22/x.git",
        "/srv/git/x.git",
        "../x.git",
        "C:\\repos\\x.git",
        "C:/repos/x.git",
        "file:///srv/git/x.git",
        "codecommit::eu-west-1://profile",
        "",
    ],
)
def test_redact_url_keeps_what_holds_no_credentials(url: str) -> None:
    assert redact_url(url) == url
