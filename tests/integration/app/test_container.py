"""`mlv run` as the first process of a container, and runs that are seen from outside of one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest

from mlv.app.look.listing import list_runs
from mlv.app.publish import read_invocation
from mlv.app.record.recover import recover_runs
from tests.support.repository import Repository

_MLV = (sys.executable, "-m", "mlv")
_ORPHAN = """
import os, time
reader, writer = os.pipe()
if not os.fork():
    orphan = os.fork()
    if orphan:
        os.write(writer, str(orphan).encode())
    os._exit(0)
os.wait()
orphan = os.read(reader, 20).decode()
while os.path.exists(f"/proc/{orphan}"):  # until somebody buries it
    os.sched_yield()
print("parent", os.getppid())
"""


@pytest.fixture(scope="module")
def container() -> Sequence[str]:
    """Return the words that run a command in process and host namespaces of its own."""
    words = ("unshare", "--pid", "--uts", "--fork", "--mount-proc")
    if shutil.which("unshare") is None:
        pytest.skip("no `unshare` here, so there are no namespaces to try")
    tried = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"`unshare` may not make namespaces here: {tried.stderr.strip()}")
    return words


def _environment() -> Mapping[str, str]:
    """Return an environment without a home."""
    kept = ("PATH", "PYTHONPATH", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME")
    return {name: os.environ[name] for name in (*kept, "GIT_COMMITTER_EMAIL") if name in os.environ}


def test_first_process_of_a_container_records_and_buries_orphans(
    repo: Repository, container: Sequence[str]
) -> None:
    done = subprocess.run(
        [*container, *_MLV, "run", "-n", "it", sys.executable, "-c", _ORPHAN],
        cwd=repo.root,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # no terminal
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "parent 1\n"), done.stderr
    assert repo.find("it").status == "finished"


def test_run_in_a_container_is_running_for_those_outside(
    repo: Repository, container: Sequence[str]
) -> None:
    for name in ("ready", "gate"):
        os.mkfifo(repo.root.parent / name)
    ready, gate = repo.root.parent / "ready", repo.root.parent / "gate"
    script = f"echo > {ready}; read x < {gate}"
    argv = [*container, *_MLV, "run", "-qn", "it", "sh", "-c", script]
    with subprocess.Popen(argv, cwd=repo.root) as process:
        ready.read_text()
        workspace = repo.open()
        (listed,) = list_runs(workspace, limit=None, reproductions=True).runs
        recovered = recover_runs(workspace, read_invocation(workspace, ("mlv", "recover")))
        gate.write_text("go\n")
        assert process.wait(timeout=60) == 0
    assert listed.status == "running"
    assert (recovered.sealed, [run.name for run in recovered.silent]) == ((), ["it"])
    assert repo.find("it").status == "finished"
