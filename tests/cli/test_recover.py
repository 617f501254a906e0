from __future__ import annotations

import os
import subprocess
import sys

from tests.support.repository import Repository, normalize


def test_recover_seals_a_lost_run(repo: Repository) -> None:
    gate, ready = repo.root.parent / "gate", repo.root.parent / "ready"
    for pipe in (gate, ready):
        os.mkfifo(pipe)
    script = f"echo > {ready}; read x < {gate}"
    argv = [sys.executable, "-m", "mlv", "run", "-n", "victim", "sh", "-c", script]
    with subprocess.Popen(argv, cwd=repo.root) as process:
        ready.read_text()
        running = repo.mlv("show", "victim")
        process.kill()
    gate.write_text("go\n")
    assert "status     running\n" in running.stdout
    assert normalize(repo.mlv("log").stdout).splitlines()[1].split()[1:3] == ["victim", "lost"]
    assert "status     lost\n" in repo.mlv("show", "victim").stdout
    assert repo.mlv("recover").stdout == "sealed run victim as lost\n"
    assert "sealed later: files are as found then" in repo.mlv("show", "victim").stdout


def test_recover_without_a_lost_run_says_so(repo: Repository) -> None:
    done = repo.mlv("recover")
    assert done.error == (0, "there is no lost run\n")
    assert repo.mlv("recover", "--json").json == {
        "schema": "mlv-recovered 1",
        "runs": [],
        "cleared": [],
        "silent": [],
    }


def test_recover_names_a_damaged_run_and_seals_the_others(repo: Repository) -> None:
    damaged = repo.root / ".mlv/live/01m00000000000000000000000"
    damaged.mkdir()
    (damaged / "start.json").write_bytes(b"{")
    done = repo.mlv("recover")
    assert done.code == 7
    assert done.stderr.startswith(f"error: the run in progress '{damaged.name}' cannot be read: ")
    assert done.stderr.endswith(f"hint: look into {damaged}\n")
    assert damaged.exists()
