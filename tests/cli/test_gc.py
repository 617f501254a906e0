from __future__ import annotations

import os

from tests.support.repository import Repository


def test_gc_without_garbage_says_so(repo: Repository) -> None:
    repo.shell("true")
    done = repo.mlv("gc")
    assert (done.code, done.stdout, done.stderr) == (
        0,
        "nothing to do: there is no garbage\n",
        "",
    )


def test_gc_says_what_goes_and_when(repo: Repository) -> None:
    repo.shell("echo hello", name="victim")
    repo.mlv("undo")
    n = repo.mlv("gc", "--dry-run", "--keep-days", "0", "--json").json["thrown"]["n"]
    planned = repo.mlv("gc", "--dry-run", "--keep-days", "0")
    assert planned.stdout.startswith(f"{n} objects (")
    assert planned.stdout.endswith(") would go to the trash, to be deleted after 7 days\n")
    done = repo.mlv("gc", "--keep-days", "0", "--grace-days", "1")
    assert done.stdout == planned.stdout.replace("would go", "went").replace("7 days", "1 day")
    freed = repo.mlv("gc", "--keep-days", "0", "--grace-days", "0").stdout.splitlines()
    assert " of the trash (" in freed[0]
    assert freed[0].endswith(") deleted")
    assert freed[1].startswith("freed ")


def test_gc_json_has_every_number(repo: Repository) -> None:
    (repo.root / ".mlv/tmp/1.left").write_bytes(b"12345")
    found = repo.mlv("gc", "--json").json
    nothing = {"n": 0, "size_bytes": 0}
    assert found == {
        "schema": "mlv-gc 1",
        "dry_run": False,
        "thrown": nothing,
        "grace_days": 7.0,
        "restored": nothing,
        "deleted": nothing,
        "temporary": {"n": 1, "size_bytes": 5},
        "sandboxes": nothing,
        "n_saved": 0,
        "missing": [],
        "damaged_packs": [],
        "freed_bytes": 5,
    }


def test_gc_refuses_when_nobody_can_tell_what_is_needed(repo: Repository) -> None:
    repo.write("data.mlv", "mlv: 2\n")
    assert repo.mlv("gc").error == (
        3,
        (
            "error: data.mlv:1: format '2' is unknown; this mlv knows '1'\n"
            "hint: upgrade mlv: `pip install --upgrade mlv`\n"
        ),
    )


def test_gc_warns_of_a_damaged_pack(repo: Repository) -> None:
    repo.shell("true")
    for shard in (repo.root / ".mlv/packs").iterdir():
        for path in shard.iterdir():
            path.chmod(0o644)
            with path.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"x")
    done = repo.mlv("gc")
    assert done.code == 0
    assert "is damaged, and was left as it is\n" in done.stderr
    assert done.stderr.endswith("hint: find what can be saved with `mlv fsck --full --repair`\n")
