"""Files that are opened faster than they can be looked at."""

from __future__ import annotations

import sys
from pathlib import Path

from mlv.core.paths import RepoPath
from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable

STORM = """
import sys
def storm():
    for number in range(2000):
        open("f/%d" % number).close()
storm()
"""
"""Opens so many files that those after it are not looked at."""


def make_files(scratch: Scratch) -> None:
    (scratch.root / "f").mkdir()
    for number in range(2000):
        (scratch.root / "f" / str(number)).touch()


def test_storm_leaves_most_files_without_a_look(scratch: Scratch) -> None:
    make_files(scratch)
    scratch.run(PYTHON, str(scratch.write("main.py", STORM)))

    logs = (scratch.live / "observed").glob("*.jsonl")
    lines = b"".join(path.read_bytes() for path in logs).splitlines()
    looked = [line for line in lines if b'"k":"r"' in line and b'"s":' in line]
    assert 100 < len(looked) < 1000


def test_file_that_nobody_looked_at_has_its_signature(scratch: Scratch) -> None:
    info = scratch.write("f2/data.csv", "1,2").stat()
    make_files(scratch)

    scratch.run(PYTHON, str(scratch.write("main.py", STORM + "open('f2/data.csv')")))

    assert scratch.observations().reads[RepoPath("f2/data.csv")].ino == info.st_ino


def test_file_that_was_never_there_is_no_read(scratch: Scratch) -> None:
    code = """
    for name in ("f/none", "f/made"):
        try:
            open(name)
        except FileNotFoundError:
            pass
    open("f/made", "w").close()
    """
    make_files(scratch)
    scratch.run(PYTHON, str(scratch.write("main.py", STORM + code.replace("\n    ", "\n"))))

    assert scratch.reads() == {f"f/{number}" for number in range(2000)}
    assert scratch.writes() == {"f/made"}


def test_link_is_named_by_its_target_after_all(scratch: Scratch, tmp_path: Path) -> None:
    scratch.write("real/x.csv")
    outward = tmp_path / "outward.csv"
    outward.touch()
    make_files(scratch)
    (scratch.root / "f" / "inner").symlink_to("../real/x.csv")
    (scratch.root / "f" / "outer").symlink_to(outward)

    scratch.run(PYTHON, str(scratch.write("main.py", STORM + "open('f/inner')\nopen('f/outer')")))

    files = {f"f/{number}" for number in range(2000)}
    assert scratch.reads() - files == {"real/x.csv", "f/outer"}


def test_odd_names_and_other_directories_survive_a_storm(scratch: Scratch) -> None:
    for name in ('f/qu"ote', "f/back\\slash", "f/new\nline", "f/ünïcode", "g/0"):
        scratch.write(name)
    (scratch.root / "f" / "0").parent.rename(scratch.root / "f.old")
    make_files(scratch)
    for path in (scratch.root / "f.old").iterdir():
        path.rename(scratch.root / "f" / path.name)
    code = "import os\nfor name in os.listdir('f'): open('f/' + name)\nos.chdir('g')\nopen('0')"

    scratch.run(PYTHON, str(scratch.write("main.py", STORM + code)))

    odd = {'f/qu"ote', "f/back\\\\slash", "f/new\\nline", "f/ünïcode", "g/0"}
    assert scratch.reads() == odd | {f"f/{number}" for number in range(2000)}


def test_relative_directory_means_another_after_a_change_of_directory(scratch: Scratch) -> None:
    make_files(scratch)
    scratch.write("sub/f/0")
    code = "import os\nos.chdir('sub')\nopen('f/0')"

    scratch.run(PYTHON, str(scratch.write("main.py", STORM + code)))

    assert "sub/f/0" in scratch.reads()


def test_killed_process_loses_nothing_of_a_storm(scratch: Scratch) -> None:
    make_files(scratch)
    code = "import os\nos.kill(os.getpid(), 9)"

    scratch.run(PYTHON, str(scratch.write("main.py", STORM + code)), check=False)

    assert scratch.reads() == {f"f/{number}" for number in range(2000)}


def test_threads_lose_nothing(scratch: Scratch) -> None:
    make_files(scratch)
    code = """
import threading
def work(part):
    for number in range(part, 2000, 4):
        open("f/%d" % number).close()
threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    scratch.run(PYTHON, str(scratch.write("main.py", code)))

    assert scratch.reads() == {f"f/{number}" for number in range(2000)}
    assert scratch.observations().n_damaged_lines == 0


def test_full_disk_leaves_the_program_running(scratch: Scratch) -> None:
    make_files(scratch)
    scratch.write("main.py", STORM + "print('done')")

    done = scratch.run("sh", "-c", f"ulimit -f 8; exec {PYTHON} main.py")

    assert (done.stdout, done.stderr) == ("done\n", "")
    assert list((scratch.live / "observed").glob("*.jsonl")) == []
