"""Git bundles: written from a snapshot, unpacked elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlv.core.paths import unescape_name
from mlv.errors import CorruptDataError, GitError
from mlv.git.bundle import (
    BundleHeader,
    find_present,
    list_cut_off,
    list_unpushed,
    measure_unpushed,
    parse_header,
    require_complete,
    split_bundle,
    unpack,
    write_bundle,
)
from mlv.git.snapshot import take_snapshot
from tests.integration.git.contents import fingerprint, read_files
from tests.integration.git.states import STATES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.git.conftest import Workspace

_REF = "refs/mlv/runs/one"
_KINDS = {0o100644: "file", 0o100755: "exec", 0o120000: "link"}


def _bundle(workspace: Workspace, ref: str, *exclude: str) -> bytes:
    with write_bundle(workspace.open().command, ref, *exclude) as stream:
        return stream.read()


def _bare(workspace: Workspace, tmp_path: Path) -> Workspace:
    other = type(workspace)(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "--quiet")
    return other


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_snapshot_comes_back_from_bundles_alone(
    workspace: Workspace, tmp_path: Path, state: Callable[[Workspace], None]
) -> None:
    state(workspace)
    files = read_files(workspace.root)
    snapshot = take_snapshot(workspace.open(), ref=_REF, message="m")
    before = fingerprint(workspace.root)
    head = snapshot.head.commit
    bundles = [_bundle(workspace, "HEAD")] if head else []
    if snapshot.commit != head:
        bundles.append(_bundle(workspace, _REF, *([f"^{head}"] if head else [])))
    assert fingerprint(workspace.root) == before
    other = _bare(workspace, tmp_path)

    for bundle in bundles:
        _, pack = split_bundle([bundle])
        unpack(other.open().command, pack)

    require_complete(other.open().command, snapshot.commit, ())
    assert {
        unescape_name(path): (_KINDS[file.mode], other.open().read_blob(file.blob_id))
        for path, file in other.open().tree_files(snapshot.commit).items()
    } == files
    assert not (other.root / ".git" / "FETCH_HEAD").exists()


def test_bundle_of_the_same_commits_is_the_same_bytes(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n" * 1000)
    workspace.commit()

    assert _bundle(workspace, "HEAD") == _bundle(workspace, "HEAD")


def test_header_names_tips_and_prerequisites(workspace: Workspace) -> None:
    first = workspace.git("rev-parse", "HEAD")
    workspace.write("params.yaml", "lr: 0.2\n")
    second = workspace.commit("second: with a\tstrange subject")
    whole = _bundle(workspace, "HEAD", f"^{first}")

    header, pack = split_bundle([whole[:5], whole[5:90], whole[90:]])

    assert header == BundleHeader(tips={"HEAD": second}, prerequisites=(first,))
    assert b"".join(pack).startswith(b"PACK")


@pytest.mark.parametrize("data", [b"", b"PACK", b"# v1 git bundle\n\n", b"# v2 git bundle\n"])
def test_other_bytes_are_no_bundle(data: bytes) -> None:
    with pytest.raises(CorruptDataError, match="is none"):
        split_bundle([data])


def test_header_with_capabilities_is_read() -> None:
    commit = "a" * 64
    head = f"# v3 git bundle\n@object-format=sha256\n-{commit} x\n{commit} HEAD\n\nPACK".encode()

    assert parse_header(head) == BundleHeader(tips={"HEAD": commit}, prerequisites=(commit,))


def test_bundle_of_nothing_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(GitError, match="empty bundle"):
        _bundle(workspace, "HEAD", "^HEAD")


def test_damaged_pack_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    _, pack = split_bundle([_bundle(workspace, "HEAD")])
    damaged = bytearray(b"".join(pack))
    damaged[len(damaged) // 2] ^= 1

    with pytest.raises(GitError, match="git index-pack failed"):
        unpack(_bare(workspace, tmp_path).open().command, [bytes(damaged)])


def test_pack_that_fails_while_it_is_read_leaves_no_pack(
    workspace: Workspace, tmp_path: Path
) -> None:
    def break_off() -> object:
        yield b"PACK"
        raise CorruptDataError("broken")

    other = _bare(workspace, tmp_path)
    with pytest.raises(CorruptDataError, match="broken"):
        unpack(other.open().command, break_off())  # type: ignore[arg-type]

    assert list((other.root / ".git" / "objects" / "pack").glob("*.pack")) == []


def test_unpushed_commits_are_those_that_no_remote_has(workspace: Workspace) -> None:
    first = workspace.git("rev-parse", "HEAD")
    second = workspace.commit()
    third = workspace.commit()
    command = workspace.open().command
    assert list_unpushed(command, third) == (third, second, first)

    workspace.git("update-ref", "refs/remotes/origin/main", first)

    assert list_unpushed(command, third) == (third, second)
    assert list_unpushed(command, first) == ()


def test_present_commits_are_found(workspace: Workspace) -> None:
    commit = workspace.git("rev-parse", "HEAD")
    tree = workspace.git("rev-parse", "HEAD^{tree}")

    assert find_present(workspace.open().command, [commit, "a" * 40, tree]) == {commit}
    assert find_present(workspace.open().command, []) == frozenset()


def test_shallow_clone_is_told(workspace: Workspace, tmp_path: Path) -> None:
    commit = workspace.commit()
    url = workspace.root.as_uri()
    workspace.git("clone", "--quiet", "--depth=1", url, str(tmp_path / "shallow"))
    shallow = type(workspace)(tmp_path / "shallow")

    assert list_cut_off(shallow.open().location) == {commit}
    assert list_cut_off(workspace.open().location) == frozenset()


def test_history_is_measured_without_what_a_remote_has(workspace: Workspace) -> None:
    repository = workspace.open()

    def is_large() -> bool:
        return measure_unpushed(repository.command, repository.location, limit_bytes=200)

    assert is_large()
    workspace.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert not is_large()
    workspace.git("gc", "--quiet")
    workspace.git("update-ref", "-d", "refs/remotes/origin/main")
    assert is_large()
    assert not measure_unpushed(repository.command, repository.location, limit_bytes=1 << 20)
