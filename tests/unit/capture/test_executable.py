from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.execution.executable import resolve_executable
from mlv.errors import CommandNotExecutableError, CommandNotFoundError, MlvError
from tests.support.unprivileged import as_nobody, let_everybody_in


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "python").touch(mode=0o755)
    (directory / "data").touch(mode=0o644)
    return directory


def test_name_is_looked_up_in_path(bin_dir: Path, tmp_path: Path) -> None:
    found = resolve_executable("python", tmp_path, f"/nonexistent:{bin_dir}")

    assert found == bin_dir / "python"


def test_directory_that_may_not_be_searched_is_passed_over(bin_dir: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    let_everybody_in(bin_dir)

    as_nobody(lambda: _find_python(tmp_path, f"{closed}:{bin_dir}"))


def _find_python(cwd: Path, path_env: str) -> None:
    assert resolve_executable("python", cwd, path_env).parent == cwd / "bin"


def test_empty_entry_of_path_is_the_directory(bin_dir: Path) -> None:
    assert resolve_executable("python", bin_dir, "/nonexistent:") == bin_dir / "python"


def test_word_with_a_slash_is_a_path(bin_dir: Path, tmp_path: Path) -> None:
    assert resolve_executable("bin/python", tmp_path, "") == bin_dir / "python"


def test_link_is_not_followed(bin_dir: Path, tmp_path: Path) -> None:
    (bin_dir / "py").symlink_to("python")

    assert resolve_executable("py", tmp_path, str(bin_dir)) == bin_dir / "py"


@pytest.mark.parametrize(
    ("argv0", "error", "hint"),
    [
        ("pyhton", CommandNotFoundError, "did you mean 'python'?"),
        ("zzzzzz", CommandNotFoundError, None),
        ("", CommandNotFoundError, None),
        ("./missing", CommandNotFoundError, None),
        ("train.py", CommandNotFoundError, "python train.py"),
        ("run.sh", CommandNotFoundError, "./run.sh"),
        ("data", CommandNotExecutableError, "chmod +x {bin}/data"),
        ("./train.py", CommandNotExecutableError, "python ./train.py"),
        ("./bin", CommandNotExecutableError, None),
    ],
)
def test_command_that_cannot_run_is_told_with_a_hint(
    bin_dir: Path, tmp_path: Path, argv0: str, error: type[MlvError], hint: str | None
) -> None:
    (tmp_path / "train.py").touch(mode=0o644)
    (tmp_path / "run.sh").touch(mode=0o755)

    with pytest.raises(error) as caught:
        resolve_executable(argv0, tmp_path, str(bin_dir))

    assert caught.value.hint == (hint and hint.format(bin=bin_dir))
    assert repr(argv0) in caught.value.message
