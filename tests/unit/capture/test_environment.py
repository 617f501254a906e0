from __future__ import annotations

from pathlib import Path

from mlv.capture.surroundings.variables import find_lock_files, read_variables


def test_variables_are_those_on_the_list_and_no_secrets() -> None:
    env = {
        "PATH": "/bin",
        "OMP_NUM_THREADS": "4",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "CUDA_CACHE_PATH": "/x",
        "TORCHINDUCTOR_CACHE_DIR": "/x",
        "TOKENIZERS_PARALLELISM": "false",
        "TORCH_HUB_TOKEN": "x",
        "TF_API_KEY": "x",
        "HF_TOKEN": "x",
        "PYTHONHASHSEED": "0",
        "KERAS_BACKEND": "torch",
        "HOME": "/home/x",
        "TORCH_URL": "https://u:p@host/",
        "TFX": "x",
        "CUBLAS_WORKSPACE_CONFIG": "ghp" + "_" + "Q1w2" * 9,
    }

    assert read_variables(env) == {
        "CUBLAS_WORKSPACE_CONFIG": "***",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "KERAS_BACKEND": "torch",
        "OMP_NUM_THREADS": "4",
        "PYTHONHASHSEED": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "TORCH_URL": "https://***@host/",
    }


def test_lock_files_are_found_by_name(tmp_path: Path) -> None:
    names = ["uv.lock", "requirements.txt", "requirements-dev.txt", "environment-gpu.yaml"]
    for name in [*names, "other.txt", "pyproject.toml", "pixi.lock.bak", "my-requirements.txt"]:
        (tmp_path / name).touch()
    (tmp_path / "poetry.lock").mkdir()

    assert find_lock_files(tmp_path, tmp_path) == tuple(tmp_path / name for name in sorted(names))


def test_lock_files_are_those_of_the_command_and_of_what_is_around_it(tmp_path: Path) -> None:
    names = ["uv.lock", "a/pdm.lock", "a/b/requirements.txt", "other/uv.lock", "a/b/c/uv.lock"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = find_lock_files(tmp_path, tmp_path / "a" / "b")

    assert found == tuple(tmp_path / name for name in sorted(names[:3]))


def test_command_outside_has_the_lock_files_of_the_worktree(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").touch()

    assert find_lock_files(tmp_path, Path("/")) == (tmp_path / "uv.lock",)
