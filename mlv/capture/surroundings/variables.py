"""What around a command can change its results: variables, and files that lock versions."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlv.capture.redact import redact_text

_NAMES = frozenset(
    "PYTHONHASHSEED PYTHONOPTIMIZE PYTHONNOUSERSITE PYTHONUTF8 PYTHONMALLOC PYTHON_GIL "
    "PL_GLOBAL_SEED PL_SEED_WORKERS TOKENIZERS_PARALLELISM KERAS_BACKEND HF_HUB_OFFLINE "
    "HF_DATASETS_OFFLINE TRANSFORMERS_OFFLINE NVIDIA_VISIBLE_DEVICES NVIDIA_TF32_OVERRIDE "
    "HIP_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES GPU_DEVICE_ORDINAL ZE_AFFINITY_MASK GOTO_NUM_THREADS "
    "VECLIB_MAXIMUM_THREADS LOKY_MAX_CPU_COUNT POLARS_MAX_THREADS RAYON_NUM_THREADS LD_PRELOAD "
    "LD_LIBRARY_PATH WORLD_SIZE RANK LOCAL_RANK LOCAL_WORLD_SIZE LANG LC_ALL TZ".split()
)
_PATTERNS = re.compile(
    r"(CUDA|CUBLAS|CUBLASLT|CUDNN|HSA|MIOPEN|ROCBLAS|HIPBLASLT|OMP|GOMP|KMP|MKL|DNNL|ONEDNN|OPENBLAS"
    r"|BLIS|NUMEXPR|NUMBA|NPY|NCCL|RCCL|GLOO|XLA|JAX|TF|TORCH|PYTORCH|TORCHINDUCTOR|TORCHDYNAMO|ATEN"
    r"|TRITON|FLAGS|ACCELERATE)_[A-Z0-9_]+"
)
_SECRET_MARKS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL")
_CACHES = re.compile(r".*CACHE.*_(DIR|PATH|HOME)")

_LOCK_FILES = re.compile(
    "|".join(
        fnmatch.translate(pattern)
        for pattern in (
            "uv.lock",
            "pylock.toml",
            "pylock.*.toml",
            "poetry.lock",
            "pdm.lock",
            "Pipfile.lock",
            "requirements*.txt",
            "environment*.yml",
            "environment*.yaml",
            "conda-lock.yml",
            "*.conda-lock.yml",
            "pixi.lock",
        )
    )
)


def read_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that can change a result, sorted by name.

    Only names on a list are read, and of those none that could hold a secret.
    """
    return {name: redact_text(env[name]) for name in sorted(env) if _matters(name)}


def find_lock_files(root: Path, directory: Path) -> tuple[Path, ...]:
    """Return the lock files that a command may have been set up by, sorted.

    Args:
        root: Root of the worktree.
        directory: Where the command runs; those in it, in the root and in between count.
    """
    return tuple(sorted(path for place in _places(root, directory) for path in _find_in(place)))


def _matters(name: str) -> bool:
    if name in _NAMES:
        return True
    return (
        _PATTERNS.fullmatch(name) is not None
        and not any(mark in name for mark in _SECRET_MARKS)
        and not _CACHES.fullmatch(name)  # a place that differs, and changes nothing
    )


def _places(root: Path, directory: Path) -> tuple[Path, ...]:
    if not directory.is_relative_to(root):
        return (root,)
    below = [place for place in directory.parents if place.is_relative_to(root)]
    return tuple(dict.fromkeys((directory, *below)))


def _find_in(place: Path) -> Iterator[Path]:
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if _LOCK_FILES.match(entry.name) and entry.is_file():
                    yield place / entry.name
    except OSError:  # not for us to read
        return
