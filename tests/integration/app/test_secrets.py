from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import Repository
from tests.support.stored_objects import read_all

# Put together here, so that no scanner takes this file for a leak.
_SHAPES = {
    "argument": "ghp" + "_" + "Q1w2" * 9,
    "flag": "hf" + "_" + "aBcDeFgHiJkL" * 3,
    "tag": "sk" + "-proj-" + "aB3dE5gH" * 5,
    "note": "glpat" + "-" + "zX9cV8bN" * 3,
    "remote": "gho" + "_" + "L5k4" * 9,
    "logged": "AKIA" + "QWERTYUIOP123456",
    "printed": "xox" + "b-123456789012-qwertzuiop",
    "untracked": "npm" + "_" + "p0O9" * 9,
    "edited": "ghs" + "_" + "T6r5" * 9,
}
_NAMED = {"password": "Tr0ub4dor-and-3", "param": "hunter2-hunter2", "line": "correct-horse-9"}


def _planted() -> dict[str, bytes]:
    return {name: text.encode() for name, text in {**_SHAPES, **_NAMED}.items()}


def _contents(repo: Repository) -> Iterator[tuple[str, bytes]]:
    """Yield all bytes that mlv keeps: files as they are, objects of the store, those of Git."""
    for path in (repo.root / ".mlv").rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()
    for data in read_all(repo.root / ".mlv"):
        yield "object", data
    for logged in repo.open().operations.read():
        yield "operation", repr(logged).encode()
    argv = ["git", "cat-file", "--batch-all-objects", "--batch"]
    yield "git", subprocess.run(argv, cwd=repo.root, check=True, capture_output=True).stdout


def _find(repo: Repository) -> set[tuple[str, str]]:
    planted = _planted()
    return {
        (name, place)
        for place, data in _contents(repo)
        for name, secret in planted.items()
        if secret in data
    }


_SCRIPT = """\
import json, os, sys
from pathlib import Path
import mlv

planted = json.loads(os.environ["PLANTED"])
print("the key is", planted["printed"])
with mlv.start_run() as run:
    run.log_params({"aws": {"id": planted["logged"]}, "lr": 0.1})
    run.set_tag("key", planted["logged"])
live = Path(os.environ["MLV_RUN_DIR"])
known_late = {"printed", "logged"}  # what the process itself says is redacted when it ended,
own_notes = {"observed"}  # and so are the notes of the observer
found = sorted(
    name
    for path in live.rglob("*")
    if path.is_file() and own_notes.isdisjoint(path.parts)
    for name, secret in planted.items()
    if secret.encode() in path.read_bytes() and name not in known_late
)
Path("found.json").write_text(json.dumps(found))
"""


@pytest.fixture
def secretive(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Record a run that has a secret wherever one can be."""
    monkeypatch.setenv("PLANTED", json.dumps({**_SHAPES, **_NAMED}))
    monkeypatch.setenv("HF_TOKEN", _SHAPES["flag"])
    repo.write("train.py", _SCRIPT)
    repo.write("deploy.yaml", "key: none\n")
    repo.commit("code")
    repo.git("remote", "add", "origin", f"https://ada:{_SHAPES['remote']}@localhost/x.git")
    repo.write("params.yaml", f"lr: 0.1\ndb:\n  password: {_NAMED['param']}\n")
    repo.write("deploy.yaml", f"key: {_SHAPES['edited']}\n")
    repo.write("deploy.cfg", f"registry = {_SHAPES['untracked']}\n")
    done = repo.mlv(
        *("run", "-n", "first", "-t", _SHAPES["tag"], "--note", f"with {_SHAPES['note']}"),
        *("sh", "-c", f'SECRET_KEY={_NAMED["line"]} exec "$@"', "sh", sys.executable, "train.py"),
        *(f"--hub={_SHAPES['flag']}", "--password", _NAMED["password"], _SHAPES["argument"]),
    )
    assert done.code == 0, done.stderr
    assert not [name for name, text in _planted().items() if text in done.stderr.encode()]
    return repo


def test_no_byte_of_a_secret_is_kept(secretive: Repository) -> None:
    tracked = {("param", "git")}  # a word without the shape of a secret: its file is code
    assert _find(secretive) == tracked


def test_no_byte_of_a_secret_is_in_the_run_in_progress(secretive: Repository) -> None:
    # But for what the command's own processes write: that is redacted when they have ended.
    assert secretive.read("found.json") == "[]"


def test_record_says_where_secrets_were(secretive: Repository) -> None:
    run = secretive.find("first")

    values = {source.name: source.values for source in run.params}
    assert run.command.argv[2] == 'SECRET_KEY=*** exec "$@"'
    assert run.command.argv[-4:] == ("--hub=***", "--password", "***", "***")
    assert (run.tags[0], run.note) == ("***", "with ***")
    assert values["params.yaml"] == {"lr": 0.1, "db": {"password": "***"}}
    assert values["api"] == {"aws": {"id": "***"}, "lr": 0.1}
    assert run.params[0].file is None
    assert [str(each.path) for each in run.code.left_out if each.reason == "secret"] != []


@pytest.mark.parametrize("way", ["flag", "file"])
def test_allowed_secret_is_recorded_as_it_is(repo: Repository, way: str) -> None:
    if way == "file":
        repo.write("mlv.yaml", "allow_secrets: [api-key, tokens.json]\n")
    options = ("--allow-secret", "api-key") if way == "flag" else ()

    done = repo.mlv("run", *options, "echo", "--api-key", "abc", "--token", "def")

    run = repo.find("last")
    assert run.command.argv == ("echo", "--api-key", "abc", "--token", "***")
    assert run.params[-1].values == {"api-key": "abc", "token": "***"}
    assert done.stderr.splitlines()[0] == (
        "note: 1 value was taken for a secret and not recorded: token"
        " (if that is wrong: `mlv run --allow-secret token ...`)"
    )
    (operation,) = repo.open().operations.read()
    assert "abc" in operation.operation.argv
    assert "def" not in operation.operation.argv


def test_params_file_that_is_allowed_is_stored(repo: Repository) -> None:
    repo.write("params.yaml", "api_key: abc\n")

    repo.mlv("run", "-q", "--allow-secret", "params.yaml", "true")

    (source,) = repo.find("last").params
    assert source.values == {"api_key": "abc"}
    assert source.file is not None


def test_harmless_values_are_recorded(repo: Repository) -> None:
    argv = ["echo", "--tokenizer=bert", "--max_tokens", "100", "--pad-token", "<pad>", "a" * 40]
    done = repo.mlv("run", *argv)

    assert repo.find("last").command.argv == tuple(argv)
    assert "secret" not in done.stderr


def test_scripts_own_record_has_no_secret(repo: Repository) -> None:
    repo.write(
        "s.py", "import mlv\nwith mlv.start_run(note='x') as r: r.log_params(api_key='k1k2')\n"
    )
    argv = [sys.executable, "s.py", "--token", "k3k4k5"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run(argv, cwd=repo.root, check=True, capture_output=True, env=environment)

    run = repo.find("last")
    assert run.command.argv[-2:] == ("--token", "***")
    assert run.params[-1].values == {"api_key": "***"}


_LOGGING = """\
import os
import mlv

token = os.environ["PLANTED"]
with mlv.start_run() as run:
    run.log_text("notes.txt", f"use {token} here")
    run.log_text("plain.txt", "nothing here")
    run.log_params({f"key {token}": 1, "model": {f"hub {token}": 2}})
    run.log({f"loss {token}": 0.5, "loss": 0.25})
    run.log({f"step {token}": 0.5}, step=1)
"""


def test_secrets_in_attachments_and_in_names_are_not_recorded(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", _SHAPES["argument"])
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", _SHAPES["argument"])
    repo.write("train.py", _LOGGING)
    repo.commit("code")

    run = repo.run(sys.executable, "train.py")

    assert _find(repo) == set()
    assert repo.open().objects.read(run.attachments["notes.txt"]) == b"use *** here"
    assert any("taken out of the attached notes.txt" in problem for problem in run.problems)
    assert not any("plain.txt" in problem for problem in run.problems)
    assert {"key ***": 1, "model": {"hub ***": 2}} in [each.values for each in run.params]
    assert set(run.metrics) == {"loss", "loss ***", "step ***"}


def test_edit_that_is_not_recorded_for_its_secret_is_told(repo: Repository) -> None:
    repo.write("deploy.yaml", "key: none\n")
    repo.commit()
    repo.write("deploy.yaml", f"key: {_SHAPES['argument']}\n")

    done = repo.mlv("run", "-n", "withheld", "true")

    run = repo.find("withheld")
    assert run.code.dirty
    assert [(each.path, each.reason) for each in run.code.left_out] == [("deploy.yaml", "secret")]
    assert done.stderr.splitlines()[0] == (
        "note: deploy.yaml is in the code snapshot as committed (secret: GitHub token): the edit"
        " is not recorded (if that is wrong: `mlv run --allow-secret deploy.yaml ...`)"
    )
