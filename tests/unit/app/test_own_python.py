from __future__ import annotations

from pathlib import Path

import pytest

from mlv.app.record.own_python import choose_process
from mlv.capture.observing.observe import ObservedProcess


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A worktree with scripts, a package and a virtual environment in it."""
    for name in (
        "train.py",
        "sub/part.py",
        "src/package/__main__.py",
        "notebook.ipynb",
        ".venv/bin/torchrun",
        ".venv/lib/python3.12/site-packages/tool.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def _process(root: Path, *argv: str, prefix: str = "other") -> ObservedProcess:
    return ObservedProcess(
        pid=1,
        parent_pid=0,
        executable=f"/{prefix}/bin/python",
        version="3.12.1",
        prefix=str(root / ".venv") if prefix == ".venv" else f"/{prefix}",
        base_prefix="/usr",
        argv=("python", *argv),
    )


def _choose(root: Path, *processes: ObservedProcess, directory: str = ".") -> int:
    chosen = choose_process(processes, root, root / directory)
    return next(number for number, each in enumerate(processes) if each is chosen)


def test_no_process_is_no_choice(root: Path) -> None:
    assert choose_process((), root, root) is None


@pytest.mark.parametrize(
    "argv",
    [
        ("train.py",),
        ("-u", "-X", "dev", "-Wignore", "train.py", "--lr", "0.1"),
        ("-X", "importtime", "-W", "error", "train.py"),
        ("--check-hash-based-pycs", "always", "train.py"),
        ("-m", "package"),
        ("-um", "package", "--epochs", "3"),
        ("-mtrain",),
        ("-m", "ipykernel_launcher", "-f", "/run/kernel.json"),
    ],
)
def test_own_code_comes_before_everything_else(root: Path, argv: tuple[str, ...]) -> None:
    tool = _process(root, "/usr/bin/tool", "install")
    inline = _process(root, "-c", "print(1)")
    launcher = _process(root, "-m", "torch.distributed.run", "train.py")
    own = _process(root, *argv)

    assert _choose(root, tool, inline, launcher, own) == 3


def test_script_is_found_where_the_command_runs(root: Path) -> None:
    tool = _process(root, "/usr/bin/tool")

    assert _choose(root, tool, _process(root, "part.py"), directory="sub") == 1
    assert _choose(root, tool, _process(root, "part.py")) == 0
    assert _choose(root, tool, _process(root, str(root / "sub" / "part.py"))) == 1


def test_first_of_equals_counts(root: Path) -> None:
    assert _choose(root, _process(root, "train.py"), _process(root, "sub/part.py")) == 0


def test_launcher_comes_before_code_on_the_command_line(root: Path) -> None:
    inline = _process(root, "-c", "print(1)")
    launcher = _process(root, "-m", "nbconvert", "--execute", "notebook.ipynb")

    assert _choose(root, inline, launcher) == 1


def test_code_on_the_command_line_comes_before_tools(root: Path) -> None:
    assert _choose(root, _process(root, "/usr/bin/tool"), _process(root, "-")) == 1
    assert _choose(root, _process(root, "/usr/bin/tool"), _process(root, "-uc", "1")) == 1


def test_program_of_an_environment_in_the_worktree_is_not_own_code(root: Path) -> None:
    tool = _process(root, ".venv/bin/torchrun", "--help", prefix=".venv")

    assert _choose(root, tool, _process(root, "-c", "print(1)")) == 1


def test_process_whose_command_line_is_unknown_counts_when_it_is_alone(root: Path) -> None:
    assert _choose(root, _process(root)) == 0
