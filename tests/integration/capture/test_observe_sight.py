"""What is seen of that which cannot be: listings, other programs, native modules."""

from __future__ import annotations

import sys

import pytest

from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable


def test_listed_directories_are_seen_however_they_are_listed(
    scratch: Scratch, any_python: str
) -> None:
    for name in ("a", "b/c", "d", "e", "f", 'g"ü', "__pycache__"):
        (scratch.root / name).mkdir(parents=True)
    scratch.write(
        "main.py",
        """
        import glob, os, pathlib
        os.listdir("a"), os.listdir(b"a")
        list(os.walk("b"))
        glob.glob("d/*.csv")
        list(pathlib.Path("e").iterdir())
        os.listdir(os.open("f", os.O_RDONLY))
        os.listdir('g"ü')
        os.listdir("__pycache__"), os.listdir("/usr")
        os.chdir("a")
        os.listdir("../b"), os.scandir()
        """,
    )

    scratch.run(any_python, "main.py")

    assert scratch.observations().listed == {"a", "b", "b/c", "d", "e", "f", 'g"ü'}


def test_root_and_data_outside_are_listed_by_name(scratch: Scratch) -> None:
    outside = scratch.root.parent / "outside"
    outside.mkdir()

    scratch.run(PYTHON, "-c", f"import os; os.listdir(); os.listdir({str(outside)!r})")

    assert scratch.observations().listed == {".", str(outside)}


def test_listings_of_imports_and_removals_do_not_count(scratch: Scratch, any_python: str) -> None:
    scratch.write("package/__init__.py")
    scratch.write("main.py", "import package, pkgutil, shutil; list(pkgutil.iter_modules(['.']))")
    scratch.write("rm.py", "import os, shutil; os.makedirs('a/b'); shutil.rmtree('a')")

    scratch.run(any_python, "main.py")
    scratch.run(any_python, "rm.py")

    assert scratch.observations().listed == set()


@pytest.mark.parametrize(
    ("code", "helpers"),
    [
        ("subprocess.run(['cat'], stdin=subprocess.DEVNULL)", ("cat",)),
        ("subprocess.run('/bin/cat /dev/null', shell=True)", ("cat",)),
        ("subprocess.run('cat < /dev/null', shell=True)", ("sh",)),
        ("os.system('cat /dev/null; true')", ("sh",)),
        ("os.popen('git --version').read()", ()),
        ("os.execvp('cat', ['cat', '/dev/null'])", ("cat",)),
        ("os.waitpid(os.posix_spawn('/bin/cat', ['cat', '/dev/null'], os.environ), 0)", ("cat",)),
        ("os.waitpid(os.spawnlp(os.P_NOWAIT, 'cat', 'cat', '/dev/null'), 0)", ("cat",)),
        ("import ctypes.util, platform; ctypes.util.find_library('m'), platform.processor()", ()),
        ("subprocess.run([sys.executable, '-c', 'pass'])", ()),
        ("subprocess.run([sys.executable, '-I', '-c', 'pass'])", ("python",)),
        ("subprocess.run(['./tool'])", ()),
        ("subprocess.Popen('true --token=abc', shell=True).wait()", ("true",)),
    ],
)
def test_programs_that_are_no_watched_python_are_seen(
    scratch: Scratch, code: str, helpers: tuple[str, ...]
) -> None:
    scratch.write("tool", f"#!{PYTHON}\n").chmod(0o755)

    scratch.run(PYTHON, "-c", f"import os, subprocess, sys; {code}")

    found = scratch.observations().helpers
    assert tuple(name.rstrip("0123456789.") for name in found) == helpers
