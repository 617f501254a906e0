from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.core.canonical import encode_record
from mlv.core.digest import digest_of
from mlv.core.operation import LoggedOperation, Operation
from mlv.errors import CorruptDataError, StorageError
from mlv.store.layout import Layout
from mlv.store.operation_log import OperationLog
from tests.unit.core.builders import CLONE, make_operation, publish

APPEND = """
import sys
from pathlib import Path
from mlv.store.operation_log import OperationLog
from tests.unit.core.builders import make_operation, publish

log = OperationLog(Path(sys.argv[1]), "c0ffee")
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    log.append(lambda last: make_operation(publish(number), 1, previous=last.id if last else None))
"""


def _build(number: int) -> Callable[[LoggedOperation | None], Operation]:
    def build(last: LoggedOperation | None) -> Operation:
        return make_operation(publish(number), number, previous=last.id if last else None)

    return build


def _fail_on(call: str) -> Callable[..., object]:
    real: Callable[..., object] = getattr(os, call)

    def fail(descriptor: int, *arguments: bytes) -> object:
        if call == "write":
            real(descriptor, arguments[0][:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    return fail


@pytest.fixture
def path(layout: Layout) -> Path:
    return layout.log / f"{CLONE}.log"


def test_log_is_empty_at_first(operations: OperationLog) -> None:
    assert operations.read() == ()


def test_operations_read_back_as_a_chain(operations: OperationLog) -> None:
    one, two, three = (operations.append(_build(number)) for number in (1, 2, 3))
    assert operations.read() == (one, two, three)
    assert [each.operation.previous for each in (one, two, three)] == [None, one.id, two.id]


def test_line_is_the_digest_and_the_record(operations: OperationLog, path: Path) -> None:
    logged = operations.append(_build(1))
    encoded = encode_record(logged.operation)
    assert logged.id == digest_of(encoded)
    assert path.read_bytes() == logged.id.encode() + b" " + encoded + b"\n"


def test_chains_of_other_clones_are_read_too(operations: OperationLog, layout: Layout) -> None:
    mine = operations.append(_build(1))
    theirs = OperationLog(layout.log, "abc").append(_build(2))
    assert operations.read() == (theirs, mine)
    assert theirs.operation.previous is None


def test_other_files_in_the_directory_are_no_logs(operations: OperationLog, layout: Layout) -> None:
    (layout.log / "bug-20260101.txt").write_text("traceback")
    assert operations.read() == ()


def test_line_that_was_cut_short_is_ignored_and_then_removed(
    operations: OperationLog, path: Path
) -> None:
    one, _ = operations.append(_build(1)), operations.append(_build(2))
    data = path.read_bytes()
    whole = data.index(b"\n") + 1
    for end in range(whole, len(data)):
        path.write_bytes(data[:end])
        assert operations.read() == (one,)
    two = operations.append(_build(3))
    assert two.operation.previous == one.id
    assert path.read_bytes()[:whole] == data[:whole]
    assert operations.read() == (one, two)


def test_changed_byte_is_found_wherever_it_is(operations: OperationLog, path: Path) -> None:
    for number in (1, 2, 3):
        operations.append(_build(number))
    data = path.read_bytes()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        path.write_bytes(changed)
        line = data[:position].count(b"\n") + 1
        with pytest.raises(CorruptDataError, match=f"^line {line} of the operation log {path} is"):
            operations.read()


def test_line_that_is_missing_in_between_is_found(operations: OperationLog, path: Path) -> None:
    for number in (1, 2, 3):
        operations.append(_build(number))
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + third)
    with pytest.raises(CorruptDataError) as caught:
        operations.read()
    assert caught.value.message == (
        f"line 2 of the operation log {path} is damaged: it does not follow the line before it"
    )
    assert caught.value.hint == "restore the file from a backup"


def test_line_that_is_no_operation_is_found(operations: OperationLog, path: Path) -> None:
    path.write_bytes(b"%b {}\n" % digest_of(b"{}").encode())
    with pytest.raises(CorruptDataError, match=r"line 1 .* is damaged: not a Operation"):
        operations.read()


def test_damaged_log_is_not_appended_to(operations: OperationLog, path: Path) -> None:
    path.write_bytes(b"nonsense\n")
    with pytest.raises(CorruptDataError, match="its digest is wrong"):
        operations.append(_build(1))
    assert path.read_bytes() == b"nonsense\n"


@pytest.mark.parametrize(
    ("call", "n_before"),
    [("write", 0), ("write", 2), ("fdatasync", 0), ("fdatasync", 2), ("fsync", 0)],
)
def test_append_that_fails_leaves_the_log_as_it_was(
    operations: OperationLog,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    n_before: int,
) -> None:
    before = tuple(operations.append(_build(number)) for number in range(n_before))
    with monkeypatch.context() as patched:
        patched.setattr(os, call, _fail_on(call))
        with pytest.raises(StorageError, match="cannot write the operation log: the disk is full"):
            operations.append(_build(9))
    assert operations.read() == before
    assert (*before, operations.append(_build(9))) == operations.read()


def test_log_that_cannot_be_read_is_a_storage_error(operations: OperationLog, path: Path) -> None:
    path.mkdir()
    message = f"cannot read the operation log: is a directory ({path})"
    with pytest.raises(StorageError, match=re.escape(message)):
        operations.read()


def test_appending_by_several_processes_at_once_gives_one_chain(
    operations: OperationLog, layout: Layout
) -> None:
    root = Path(__file__).parent.parent.parent.parent
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, layout.log],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    codes = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        codes.append(process.returncode)
    assert codes == [0, 0, 0]
    logged = operations.read()
    assert len(logged) == 30
    assert sorted(each.operation.change == publish(0) for each in logged).count(True) == 3
