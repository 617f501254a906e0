from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlv.capture.journal.points import as_lists, list_of_wholes
from mlv.capture.journal.reader import read_journal

PYTHON = sys.executable
N_KILLS = int(os.environ.get("MLV_TEST_KILLS", "5"))
MOST_LOST_S = 0.25


def _run(
    live: Path, code: str, *options: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    program = (
        f"from mlv.capture.journal.writer import JournalWriter\nw = JournalWriter({str(live)!r})\n"
    )
    return subprocess.run(
        [PYTHON, *options, "-c", program + code], capture_output=True, text=True, check=check
    )


def test_importing_the_journal_loads_the_standard_library_alone() -> None:
    code = """
import sys
import mlv.capture.journal.writer
roots = {name.partition(".")[0] for name in sys.modules}
print(sorted(roots - sys.stdlib_module_names - {"__main__", "__mp_main__", "mlv"}))
"""
    done = subprocess.run([PYTHON, "-S", "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip

    assert done.stdout == "[]\n"


def test_points_are_written_at_the_end_of_a_script(tmp_path: Path) -> None:
    done = _run(tmp_path, "for n in range(1000): w.log({'loss': n / 2})")

    points = read_journal(tmp_path).series["loss"]
    assert (points.steps, points.values) == (list(range(1000)), [n / 2 for n in range(1000)])
    assert done.stderr == ""


def test_killed_process_keeps_what_was_flushed(tmp_path: Path) -> None:
    code = "import os; w.log({'a': 1}); w.flush(); os.kill(os.getpid(), 9)"
    done = _run(tmp_path, code, check=False)

    assert done.returncode == -signal.SIGKILL
    assert read_journal(tmp_path).series["a"].values == [1]


def test_points_are_flushed_without_another_call(tmp_path: Path) -> None:
    code = """
import os, time
w.log({"a": 1})
while not any(name.endswith(".wal") for name in os.listdir(w_dir)):
    time.sleep(0.01)
os.kill(os.getpid(), 9)
"""
    (tmp_path / "series").mkdir()
    _run(tmp_path, f"w_dir = {str(tmp_path / 'series')!r}\n" + code, check=False)

    assert read_journal(tmp_path).series["a"].values == [1]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_log_too(tmp_path: Path, method: str) -> None:
    script = tmp_path / "main.py"
    script.write_text(f"""
import multiprocessing
from mlv.capture.journal.writer import JournalWriter
w = JournalWriter({str(tmp_path)!r})
def work(n):
    w.log({{"child": n}}, step=n)
if __name__ == "__main__":
    w.log({{"parent": 1, "child": -1}}, step=-1)
    context = multiprocessing.get_context({method!r})
    children = [context.Process(target=work, args=(n,)) for n in range(3)]
    for child in children: child.start()
    for child in children: child.join()
    w.log({{"parent": 2}})
""")
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([PYTHON, "-W", "error", script], check=True, env=env)

    journal = read_journal(tmp_path)
    assert journal.series["parent"].values == [1, 2]
    assert sorted(journal.series["child"].values) == [-1, 0, 1, 2]
    assert len(list((tmp_path / "series").iterdir())) == 4


def test_fork_right_after_logging_repeats_nothing(tmp_path: Path) -> None:
    code = """
import os
for n in range(50):
    w.log({"a": n})
    pid = os.fork()
    if not pid:
        w.log({"b": n}, step=n)
        w.close()
        os._exit(0)
    os.waitpid(pid, 0)
"""
    _run(tmp_path, code, "-W", "error")

    journal = read_journal(tmp_path)
    assert journal.series["a"].values == list(range(50))
    assert journal.series["b"].values == list(range(50))


def test_threads_log_together(tmp_path: Path) -> None:
    code = """
import threading
def work(name):
    for n in range(2000):
        w.log({name: n}, step=n)
threads = [threading.Thread(target=work, args=("t%d" % n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    _run(tmp_path, code)

    series = {name: as_lists(points) for name, points in read_journal(tmp_path).series.items()}
    assert {name: points.values for name, points in series.items()} == {
        f"t{n}": list(range(2000)) for n in range(4)
    }


def test_full_disk_leaves_the_training_running(tmp_path: Path) -> None:
    code = """
import resource
w.log({"a": 1}); w.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 1 << 30))
for n in range(100): w.log({"a": n})
w.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
w.log({"a": -1})
"""
    done = _run(tmp_path, code)

    journal = read_journal(tmp_path)
    assert journal.series["a"].values == [1, *range(100), -1]
    assert done.stderr == "mlv: cannot write what is logged: File too large\n"
    assert journal.problems == ()


def test_disk_that_stays_full_is_told_by_the_journal(tmp_path: Path) -> None:
    code = """
import resource
w.log({"a": 1}); w.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 1 << 30))
for n in range(100): w.log({"a": n})
w.log_params({"lr": 1})
w.flush()
"""
    _run(tmp_path, code)

    (path,) = (tmp_path / "series").iterdir()
    journal = read_journal(tmp_path)
    assert journal.series["a"].values[0] == 1
    damaged, lost = journal.problems
    assert damaged.endswith(f"logged in {path.name} are damaged")
    assert lost == f"the disk did not take 100 points and 1 other entries of {path.name}"


def test_disk_that_is_full_from_the_beginning_is_told_by_the_journal(tmp_path: Path) -> None:
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 1 << 30))
w.log({"a": 1})
"""
    _run(tmp_path, code)

    (path,) = (tmp_path / "series").iterdir()
    problem = f"the disk took nothing of what was logged in {path.name}"
    assert read_journal(tmp_path).problems == (problem,)


def test_what_does_not_fit_into_memory_while_the_disk_is_full_is_counted(tmp_path: Path) -> None:
    code = """
import resource
import mlv.capture.journal.backlog as backlog
backlog.MAX_BACKLOG_BYTES = 1000
w.log({"a": 1}); w.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 1 << 30))
for n in range(100): w.log({"a": n}); w.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
w.log({"a": -1})
"""
    _run(tmp_path, code)

    (path,) = (tmp_path / "series").iterdir()
    journal = read_journal(tmp_path)
    values = journal.series["a"].values
    n_lost = 102 - len(values)
    assert 0 < n_lost < 100
    assert values[-1] == -1
    problem = f"the disk did not take {n_lost} points and 0 other entries of {path.name}"
    assert journal.problems == (problem,)


def test_killed_process_loses_at_most_a_quarter_of_a_second(tmp_path: Path) -> None:
    # The newest time that was logged is left where the kernel keeps it, come what may.
    code = f"""
import os, time
newest = os.open({str(tmp_path / "newest")!r}, os.O_WRONLY | os.O_CREAT)
n = 0
while True:
    w.log({{"a": n}}, n)
    os.pwrite(newest, b"%020d" % time.time_ns(), 0)
    n += 1
    if n == 1: print(flush=True)
"""
    program = (
        f"from mlv.capture.journal.writer import JournalWriter\nw = JournalWriter('live')\n{code}"
    )
    for number in range(N_KILLS):
        live = tmp_path / f"{number}"
        live.mkdir()
        with subprocess.Popen([PYTHON, "-c", program], cwd=live, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05 + 0.4 * number / N_KILLS)
            process.kill()
        points = read_journal(live / "live").series["a"]
        lost_s = (int((tmp_path / "newest").read_text()) / 1e3 - int(points.times_us[-1])) / 1e6
        assert lost_s < MOST_LOST_S
        assert list_of_wholes(points.steps) == list(range(len(points)))


def test_slow_process_loses_nothing_that_it_logged_after_a_pause(tmp_path: Path) -> None:
    code = """
import os
w.log({"a": 1})
os.kill(os.getpid(), 9)
"""
    _run(tmp_path, code, check=False)

    assert read_journal(tmp_path).series["a"].values == [1]


def test_closing_all_descriptors_does_not_spoil_the_programs_files(tmp_path: Path) -> None:
    code = f"""
import os
w.log({{"a": 1}}); w.flush()
os.closerange(3, 100)
files = [open({str(tmp_path)!r} + "/f%d" % n, "w") for n in range(10)]
w.log({{"a": 2}}); w.flush()
"""
    _run(tmp_path, code, "-W", "ignore")

    assert {(tmp_path / f"f{n}").read_text() for n in range(10)} == {""}
    assert read_journal(tmp_path).series["a"].values == [1, 2]
