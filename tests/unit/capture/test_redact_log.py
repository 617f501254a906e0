from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.execution.redact_log import redact_log
from mlv.capture.redact import redact_text

TOKEN = b"ghp_" + b"a1B2" * 9
KEY = (
    b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIEow1B\n" * 300 + b"-----END RSA PRIVATE KEY-----\n"
)
BLOCK = 1 << 20


def _redact(path: Path, content: bytes) -> bytes:
    path.write_bytes(content)
    assert redact_log(path, redact_text) is True
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    return path.read_bytes()


def test_token_is_taken_out_and_all_else_stays(tmp_path: Path) -> None:
    noise = bytes(range(256)) + b"\r 50%|####\r\xff\n"
    found = _redact(tmp_path / "log", noise + b"token " + TOKEN + b"\n" + noise)
    assert found == noise + b"token ***\n" + noise


@pytest.mark.parametrize("content", [b"", b"step 1 loss 0.5\n" * 200_000, bytes(range(256))])
def test_log_without_a_secret_is_not_written(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    path.chmod(0o444)
    before = path.stat()
    assert redact_log(path, redact_text) is False
    assert (path.read_bytes(), path.stat().st_ino) == (content, before.st_ino)


@pytest.mark.parametrize("before", [BLOCK - 20, BLOCK - 1, BLOCK, 2 * BLOCK - 20])
@pytest.mark.parametrize("filler", [b"line of text\n", b"50%\r", b"word "])
def test_token_across_the_end_of_a_block_is_found(
    tmp_path: Path, before: int, filler: bytes
) -> None:
    start = (filler * (before // len(filler) + 1))[: before - 1] + b" "
    assert _redact(tmp_path / "log", start + TOKEN + b" rest\n") == start + b"*** rest\n"


@pytest.mark.parametrize("before", [BLOCK - 2000, BLOCK - 100, BLOCK - 5])
def test_private_key_across_the_end_of_a_block_is_found(tmp_path: Path, before: int) -> None:
    start = (b"x" * 99 + b"\n") * (before // 100 + 1)
    start = start[-before:]
    assert _redact(tmp_path / "log", start + KEY + b"rest\n") == start + b"***\nrest\n"


def test_second_redaction_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _redact(path, TOKEN)
    assert redact_log(path, redact_text) is False
