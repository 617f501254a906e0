"""Eight processes add data to one store while `gc` runs over and over.

    python -m tests.faults.many_processes N_ROUNDS UID DIRECTORY

Each round of each process stores data that others store as well, data of its own, and data
that nothing refers to; what it publishes must be there for ever. UID is the user that all of
it is done as. Prints how many objects there are in the end, and how often garbage was
collected.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mlv.core.operation import LoggedOperation, Operation, PublishRun
from mlv.core.paths import RepoPath
from mlv.core.run import Content, Output
from mlv.core.tree import Fingerprint
from mlv.store.layout import open_layout
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog
from tests.faults.in_process import mlv
from tests.faults.noise import noise
from tests.faults.published import check_published
from tests.unit.core.builders import make_operation, make_run, run_id

N_PROCESSES = 8
N_SHARED = 12
GC = ("gc", "--keep-days", "0", "--grace-days", "0")


def work(root: Path, worker: int, n_rounds: int) -> None:
    """Publish data, round after round."""
    layout = open_layout(root / ".mlv")
    objects = ObjectStore(layout)
    operations = OperationLog(layout.log, layout.read_clone_id())
    for number in range(worker * n_rounds + 1, (worker + 1) * n_rounds + 1):
        first, *others = (byte % N_SHARED for byte in noise(number, 4))
        with objects.transaction() as writer:  # what nothing refers to
            writer.add_bytes(b"garbage of %d" % number)
            writer.add_bytes(shared_data(first))
        with objects.hold():
            with objects.transaction() as writer:
                data = [b"data of %d" % number, *map(shared_data, others)]
                added = [_output(f"{at}", writer.add_bytes(each)) for at, each in enumerate(data)]
                record = writer.add_record(make_run(number, outputs=tuple(added)))
            operations.append(_publishing(record, number))


def shared_data(number: int) -> bytes:
    """Return data that every process stores; some of it is cut into chunks."""
    return noise(number, 600_000 if number == 0 else 100 * number)


def run_all(root: Path, n_rounds: int) -> int:
    """Run all processes, and `gc` as long as one of them is there; return how often that was."""
    processes = [_fork(root, number, n_rounds) for number in range(N_PROCESSES)]
    n_collections = 0
    while processes:
        done = mlv(root, *GC)
        assert done.code == 0, done.text
        n_collections += 1
        for process in list(processes):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                assert status == 0
                processes.remove(process)
    return n_collections


def main(n_rounds: int, user: int, root: Path) -> None:
    """Make a repository, let everybody work on it, and look at what is left."""
    os.environ |= {"HOME": str(root), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    if user != os.getuid():
        with tempfile.TemporaryDirectory() as name:
            work_alone(Path(name), 1)  # to import all modules: the user may not read them
        shutil.chown(root, user, user)
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    _create(root)
    n_collections = run_all(root, n_rounds)
    n_objects = check_published(root)
    checked = mlv(root, "fsck", "--full")
    assert checked.code == 0, checked.text
    assert mlv(root, *GC).code == 0
    assert check_published(root) == n_objects
    sys.stdout.write(f"{n_objects}\n{n_collections}\n")


def work_alone(root: Path, n_rounds: int) -> None:
    """Do in this process what the others do."""
    _create(root)
    work(root, 0, n_rounds)
    check_published(root)
    for arguments in (GC, ("fsck", "--full")):
        assert mlv(root, *arguments).code == 0


def _create(root: Path) -> None:
    subprocess.run(["git", "init", "--quiet", root], check=True)
    assert mlv(root, "init").code == 0


def _fork(root: Path, worker: int, n_rounds: int) -> int:
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work(root, worker, n_rounds)
            code = 0
        except BaseException:  # noqa: BLE001 - the other process sees the code
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    return process


def _output(path: str, held: Content) -> Output:
    fingerprint = Fingerprint(kind="file", digest=held.digest, size_bytes=held.size_bytes)
    return Output(path=RepoPath(path), source="observed", fingerprint=fingerprint)


def _publishing(record: Content, number: int) -> Callable[[LoggedOperation | None], Operation]:
    def build(last: LoggedOperation | None) -> Operation:
        change = PublishRun(run=run_id(number), record=record)
        return make_operation(change, number, previous=last.id if last else None)

    return build


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
