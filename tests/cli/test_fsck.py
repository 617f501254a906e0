from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.repository import Repository, normalize


def _packs(repository: Repository) -> list[Path]:
    return [
        path for shard in (repository.root / ".mlv/packs").iterdir() for path in shard.iterdir()
    ]


def _flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.fixture
def recorded(repo: Repository) -> Repository:
    repo.write(".gitignore", "in.txt\n")
    repo.commit("ignore")
    repo.write("in.txt", "an input\n")
    repo.shell("true", inputs=["in.txt"], name="one")
    return repo


def _holding(repository: Repository, data: bytes) -> Path:
    (path,) = [path for path in _packs(repository) if data in path.read_bytes()]
    return path


def test_fsck_of_a_sound_store_says_so(recorded: Repository) -> None:
    done = recorded.mlv("fsck")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("no fault found: ")
    assert done.stdout.endswith(
        " objects are needed and there; `mlv fsck --full` reads every byte\n"
    )
    assert recorded.mlv("fsck", "--full").stdout.endswith(" objects are needed and there\n")


def test_fsck_names_fault_and_run(recorded: Repository) -> None:
    path = _holding(recorded, b"an input\n")
    _flip(path, path.read_bytes().index(b"an input\n"))
    done = recorded.mlv("fsck", "--full")
    assert done.code == 7
    assert normalize(done.stdout).splitlines() == [
        f"pack packs/{path.parent.name}/DIGEST: object DIGEST is damaged in pack DIGEST",
        "  affects run RUN-ID",
        "object DIGEST: no good copy of it is in the store",
        "  affects run RUN-ID",
        "2 faults",
    ]
    assert done.stderr == "hint: put right what can be with `mlv fsck --full --repair`\n"


def test_fsck_repairs_from_the_worktree(recorded: Repository) -> None:
    path = _holding(recorded, b"an input\n")
    _flip(path, path.read_bytes().index(b"an input\n"))
    done = recorded.mlv("fsck", "--full", "--repair")
    assert done.code == 0
    assert done.stdout.splitlines()[-1] == (
        "2 faults, all repaired; what was damaged is kept in .mlv/quarantine"
    )
    assert recorded.mlv("fsck", "--full").code == 0


def test_fsck_that_repairs_a_part_says_so(recorded: Repository) -> None:
    path = _holding(recorded, b"an input\n")
    _flip(path, path.read_bytes().index(b"an input\n"))
    (recorded.root / "in.txt").unlink()
    (recorded.root / ".mlv/.git/HEAD").unlink()
    done = recorded.mlv("fsck", "--full", "--repair")
    assert (done.code, done.stdout.splitlines()[0]) == (
        4,
        "repaired: marker .git/HEAD: it is not there",
    )
    assert done.stdout.splitlines()[-1] == "3 faults, 1 of them repaired"
    assert done.stderr.startswith("hint: put a copy of what is affected at its path")


def test_fsck_json_lists_the_faults(recorded: Repository) -> None:
    (recorded.root / ".mlv/format").write_text("mlv-store 2\n")
    done = recorded.mlv("fsck", "--json")
    assert (done.code, done.json) == (
        7,
        {
            "schema": "mlv-fsck 1",
            "full": False,
            "n_needed": 0,
            "faults": [
                {
                    "kind": "marker",
                    "where": "format",
                    "problem": "'mlv-store 2' is unknown to this mlv",
                    "affects": [],
                    "repaired": False,
                }
            ],
            "n_left": 1,
        },
    )


def test_fsck_without_a_store_says_so(bare_repository: Repository) -> None:
    code, message = bare_repository.mlv("fsck").error
    assert (code, message.splitlines()[1]) == (3, "hint: create one with `mlv init`")
