from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlv.capture.observing.observe import FileSignature, ObservedWrite
from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable


def test_script_has_its_reads_and_writes_seen(scratch: Scratch, any_python: str) -> None:
    scratch.write("data.csv", "1,2")
    scratch.write(
        "train.py",
        """
        import os
        open("data.csv").read()
        with open("model.tmp", "wb") as file:
            file.write(b"x")
        os.replace("model.tmp", "model.pkl")
        open("model.pkl", "rb").read()
        open("log.txt", "a").close()
        """,
    )

    done = scratch.run(any_python, "train.py")

    assert (done.stdout, done.stderr) == ("", "")
    assert scratch.reads() == {"data.csv"}
    assert scratch.writes() == {"model.pkl", "log.txt"}


def test_process_is_seen_with_its_interpreter(scratch: Scratch, any_python: str) -> None:
    done = scratch.run(
        any_python, "-c", "import sys; print(sys.executable, sys.prefix, sys.version.split()[0])"
    )

    (process,) = scratch.observations().processes
    assert done.stdout.split() == [process.executable, process.prefix, process.version]
    assert process.parent_pid == os.getpid()


def test_argv_of_a_process_is_redacted(scratch: Scratch) -> None:
    scratch.run(PYTHON, "-c", "pass", "--api-key", "abcdef123")

    (process,) = scratch.observations().processes
    assert process.argv[-2:] == ("--api-key", "***")


def test_first_read_has_the_signature_of_that_moment(scratch: Scratch) -> None:
    info = scratch.write("data.csv", "before").stat()
    scratch.write("train.py", 'open("data.csv").read(); open("data.csv", "w").write("after")')

    scratch.run(PYTHON, "train.py")

    observed = scratch.observations()
    assert observed.reads["data.csv"] == FileSignature(  # type: ignore[index]
        dev=info.st_dev,
        ino=info.st_ino,
        size=info.st_size,
        mtime_ns=info.st_mtime_ns,
        ctime_ns=info.st_ctime_ns,
    )
    assert observed.writes == {"data.csv": ObservedWrite(existed=True)}


def test_update_in_place_is_a_read_and_a_write(scratch: Scratch) -> None:
    scratch.write("index.bin", "old")

    scratch.run(PYTHON, "-c", 'open("index.bin", "r+").close()')

    assert (scratch.reads(), scratch.writes()) == ({"index.bin"}, {"index.bin"})


def test_file_that_is_not_there_is_not_a_read(scratch: Scratch) -> None:
    script = """
    try:
        open("cache.txt")
    except FileNotFoundError:
        open("cache.txt", "w").close()
    open("cache.txt").close()
    """
    scratch.run(PYTHON, str(scratch.write("main.py", script)))

    assert (scratch.reads(), scratch.writes()) == (set(), {"cache.txt"})


def test_module_and_imports_are_seen_as_reads(scratch: Scratch) -> None:
    scratch.write("package/__init__.py")
    scratch.write("package/train.py", 'import package.model; open("out.txt", "w").close()')
    scratch.write("package/model.py")

    scratch.run(PYTHON, "-m", "package.train")

    observed = scratch.observations()
    expected = {"package/__init__.py", "package/train.py", "package/model.py"}
    assert set(observed.reads) == expected
    assert set(observed.writes) == {"out.txt"}


def test_child_process_is_observed(scratch: Scratch) -> None:
    scratch.write("data.csv")
    scratch.write("child.py", 'open("data.csv"); open("child.out", "w")')
    scratch.write(
        "main.py",
        """
        import subprocess, sys
        subprocess.run([sys.executable, "-W", "ignore", "child.py"], check=True)
        """,
    )

    scratch.run(PYTHON, "main.py")

    assert (scratch.reads(), scratch.writes()) == ({"data.csv"}, {"child.out"})
    assert len(scratch.observations().processes) == 2


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_child_is_observed(scratch: Scratch, any_python: str, method: str) -> None:
    scratch.write("a.csv")
    scratch.write("b.csv")
    scratch.write(
        "main.py",
        f"""
        import multiprocessing

        def work(name):
            with open(name + ".csv") as source, open(name + ".out", "w") as target:
                target.write(source.read())

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=work, args=(name,)) for name in "ab"]
            for child in children:
                child.start()
            for child in children:
                child.join()
        """,
    )

    scratch.run(any_python, "main.py")

    assert scratch.reads() == {"a.csv", "b.csv"}
    assert scratch.writes() == {"a.out", "b.out"}


def test_write_by_one_process_before_a_read_by_another_is_no_input(scratch: Scratch) -> None:
    scratch.write("steps.sh", f'"{PYTHON}" one.py && "{PYTHON}" two.py')
    scratch.write("one.py", 'open("features.txt", "w").write("x")')
    scratch.write("two.py", 'open("features.txt").read(); open("score.txt", "w").close()')

    scratch.run("sh", "steps.sh")

    assert (scratch.reads(), scratch.writes()) == (set(), {"features.txt", "score.txt"})


def test_own_sitecustomize_of_the_user_still_runs(scratch: Scratch, any_python: str) -> None:
    scratch.write("site/sitecustomize.py", 'NAME = "mine"; open("seen.txt", "w").close()')
    scratch.write("site/usercustomize.py", 'print("user too")')
    scratch.env["PYTHONPATH"] = str(scratch.root / "site")
    code = "import sys, sitecustomize; print(sitecustomize.NAME, sitecustomize.__file__)"

    done = scratch.run(any_python, "-c", code)

    expected = f"mine {scratch.root / 'site' / 'sitecustomize.py'}\n"
    assert done.stdout.removeprefix("user too\n") == expected
    assert scratch.writes() == {"seen.txt"}


def test_error_in_the_users_sitecustomize_is_reported_as_ever(
    scratch: Scratch, any_python: str
) -> None:
    scratch.write("site/sitecustomize.py", 'raise ValueError("mine")')
    scratch.env["PYTHONPATH"] = str(scratch.root / "site")

    done = scratch.run(any_python, "-c", 'open("out.txt", "w").close()')

    assert "ValueError: mine" in done.stderr
    assert scratch.writes() == {"out.txt"}


def test_program_sees_no_trace_of_the_observer(scratch: Scratch, any_python: str) -> None:
    code = """
import sys
print([entry for entry in sys.path if "observer" in entry])
print([name for name in sys.modules if "mlv" in name or name == "sitecustomize"])
import sitecustomize
"""
    bare = subprocess.run(
        [any_python, "-c", code],
        env=scratch.env,
        cwd=scratch.root,
        capture_output=True,
        text=True,
        check=False,
    )

    done = scratch.run(any_python, "-c", code, check=False)

    assert done.stdout == bare.stdout
    assert done.stderr.splitlines()[-1:] == bare.stderr.splitlines()[-1:]


@pytest.mark.parametrize("option", ["-S", "-I", "-E"])
def test_isolated_python_runs_unobserved(scratch: Scratch, option: str) -> None:
    done = scratch.run(PYTHON, option, "-c", 'open("out.txt", "w").close(); print("ok")')

    assert (done.stdout, scratch.observations().processes) == ("ok\n", ())


def test_program_runs_when_the_run_directory_is_gone(scratch: Scratch) -> None:
    env = scratch.observed_env() | {"MLV_RUN_DIR": "/nonexistent"}

    done = subprocess.run(
        [PYTHON, "-c", 'open("out.txt", "w").close(); print("ok")'],
        env=env,
        cwd=scratch.root,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("ok\n", "")


@pytest.mark.parametrize(
    "name",
    [
        ".git/config",
        ".mlv/settings.yaml",
        "__pycache__/x.txt",
        "node_modules/x.json",
        ".venv/lib/x.py",
        "env/lib/x.py",
        "conda/lib/x.py",
        "module.pyc",
        "a/.ipynb_checkpoints/n.ipynb",
    ],
)
def test_file_that_is_no_data_is_not_noted(scratch: Scratch, name: str) -> None:
    scratch.write("env/pyvenv.cfg")
    scratch.write("conda/conda-meta/history")
    scratch.write(name)

    scratch.run(PYTHON, "-c", f"open({name!r}); open({name!r}, 'a')")

    assert (scratch.reads(), scratch.writes()) == (set(), set())


def test_file_outside_the_worktree_is_not_noted(scratch: Scratch, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"

    scratch.run(PYTHON, "-c", f"open({str(outside)!r}, 'w'); open({str(outside)!r})")

    assert (scratch.reads(), scratch.writes()) == (set(), set())


def test_link_inside_is_noted_as_its_target_and_outward_as_itself(
    scratch: Scratch, tmp_path: Path
) -> None:
    scratch.write("real/data.csv")
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "x.bin").touch()
    (scratch.root / "link.csv").symlink_to("real/data.csv")
    (scratch.root / "data").symlink_to(tmp_path / "big")

    scratch.run(PYTHON, "-c", "open('link.csv'); open('data/x.bin')")

    assert scratch.reads() == {"real/data.csv", "data/x.bin"}


def test_relative_path_is_taken_from_the_directory_of_that_moment(scratch: Scratch) -> None:
    scratch.write("a/x.txt")
    scratch.write("b/x.txt")

    scratch.run(
        PYTHON, "-c", "import os; os.chdir('a'); open('x.txt'); os.chdir('../b'); open('x.txt')"
    )

    assert scratch.reads() == {"a/x.txt", "b/x.txt"}


def test_odd_names_come_back_escaped(scratch: Scratch, any_python: str) -> None:
    names = [b"new\nline", b'quo"te', b"back\\slash", "ünïcode".encode(), b"\xff\xfe", b"sp ace"]
    scratch.write("main.py", f"for name in {names!r}: open(name, 'w').close()")

    scratch.run(any_python, "main.py")

    escaped = {"new\\nline", 'quo"te', "back\\\\slash", "ünïcode", "\\xff\\xfe", "sp ace"}
    assert scratch.writes() == escaped


def test_renamed_directory_carries_its_files_along(scratch: Scratch, any_python: str) -> None:
    scratch.write(
        "main.py",
        """
        import os
        for step in (1, 2):
            os.mkdir("tmp")
            open("tmp/weights.bin", "w").close()
            os.rename("tmp", "checkpoint-%d" % step)
        """,
    )

    scratch.run(any_python, "main.py")

    assert scratch.writes() == {"checkpoint-1/weights.bin", "checkpoint-2/weights.bin"}


def test_deleted_files_are_no_outputs(scratch: Scratch, any_python: str) -> None:
    scratch.write(
        "main.py",
        """
        import os, shutil
        open("scratch.txt", "w").close()
        os.remove("scratch.txt")
        os.makedirs("cache/deep")
        open("cache/deep/x", "w").close()
        shutil.rmtree("cache")
        open("kept.txt", "w").close()
        """,
    )

    scratch.run(any_python, "main.py")

    assert scratch.writes() == {"kept.txt"}


def test_killed_process_loses_nothing(scratch: Scratch, any_python: str) -> None:
    scratch.write("data.csv")
    code = "import os; open('data.csv'); open('out.bin', 'w'); os.kill(os.getpid(), 9)"

    done = scratch.run(any_python, "-c", code, check=False)

    assert done.returncode == -signal.SIGKILL
    assert (scratch.reads(), scratch.writes()) == ({"data.csv"}, {"out.bin"})


def test_process_that_exits_at_once_loses_nothing(scratch: Scratch) -> None:
    done = scratch.run(PYTHON, "-c", "import os; open('out.bin', 'w'); os._exit(7)", check=False)

    assert (done.returncode, scratch.writes()) == (7, {"out.bin"})


def test_closing_all_descriptors_does_not_spoil_the_programs_files(scratch: Scratch) -> None:
    scratch.write(
        "daemon.py",
        """
        import os
        os.closerange(3, 100)
        files = [open("f%d.txt" % number, "w") for number in range(20)]
        for file in files:
            file.close()
        """,
    )

    scratch.run(PYTHON, "daemon.py")

    contents = {(scratch.root / f"f{number}.txt").read_text() for number in range(20)}
    assert contents == {""}
    assert scratch.writes() == {f"f{number}.txt" for number in range(20)}


def test_exception_of_a_signal_handler_still_reaches_the_program(scratch: Scratch) -> None:
    scratch.write("data.csv")
    scratch.write(
        "main.py",
        """
        import signal

        class Expired(Exception):
            pass

        def expire(*_):
            global fired
            fired = True
            raise Expired

        signal.signal(signal.SIGALRM, expire)
        n_lost = 0
        for _ in range(300):
            fired = False
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002)
                while not fired:
                    open("data.csv").close()
                n_lost += 1
            except Expired:
                pass
        print(n_lost)
        """,
    )

    assert scratch.run(PYTHON, "main.py").stdout == "0\n"


def test_ten_thousand_files_are_all_seen(scratch: Scratch) -> None:
    (scratch.root / "images").mkdir()
    for number in range(10_000):
        (scratch.root / "images" / f"{number}.png").touch()
    scratch.write(
        "main.py",
        """
        import os
        for epoch in range(2):
            for name in os.listdir("images"):
                with open("images/" + name, "rb") as file:
                    file.read()
        """,
    )

    scratch.run(PYTHON, "main.py")

    assert scratch.reads() == {f"images/{number}.png" for number in range(10_000)}
    logs = (scratch.live / "observed").glob("*.jsonl")
    n_lines = sum(log.read_bytes().count(b"\n") for log in logs)
    assert n_lines == 10_005  # the process, the script twice, the listing, the images, the end


def test_switched_off_observer_stays_off_in_an_observed_run(scratch: Scratch) -> None:
    env = scratch.observed_env() | {"MLV_RUN_OBSERVE": "0"}

    subprocess.run([PYTHON, "-c", "open('x.txt', 'w')"], env=env, cwd=scratch.root, check=True)

    assert scratch.observations().processes == ()
