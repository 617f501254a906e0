"""What a command printed, as it is kept."""

from __future__ import annotations

import sys

from mlv.app.look.showing import read_console
from tests.support.repository import Repository

_TOKEN = "ghp_" + "a1B2" * 9


def test_secret_that_was_printed_is_passed_on_and_not_kept(repo: Repository) -> None:
    script = f"echo cloning with {_TOKEN} ...; echo 'HF_TOKEN=hunter2' >&2"
    done = repo.mlv("run", "-n", "it", "sh", "-c", f"$0 {script}", "eval")
    assert f"cloning with {_TOKEN} ...\n" in done.stdout
    kept = read_console(repo.open(), "it")
    assert kept == {"stdout": b"cloning with *** ...\n", "stderr": b"HF_TOKEN=***\n"}
    assert repo.find("it").problems == (
        "what looks like a secret was taken out of stdout: a token",
        "what looks like a secret was taken out of stderr: HF_TOKEN",
    )


def test_output_that_is_no_text_is_kept_as_it_was(repo: Repository) -> None:
    code = "import sys; sys.stdout.buffer.write(bytes(range(256)) + b'10%\\r20%\\r\\n')"
    repo.run(sys.executable, "-c", code, name="it")
    assert read_console(repo.open(), "it") == {"stdout": bytes(range(256)) + b"10%\r20%\r\n"}
