"""The machine that a command runs on, and what its environment holds that matters."""

from __future__ import annotations

import csv
import fnmatch
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlv.capture.liveness import read_boot_id
from mlv.capture.redact import redact_text
from mlv.core.environment import Gpu, Machine

_VARIABLES = (
    "PYTHONHASHSEED PYTHONOPTIMIZE PYTHONNOUSERSITE PYTHONUTF8 PYTHONMALLOC PL_GLOBAL_SEED "
    "CUDA_* CUBLAS_* CUDNN_* NVIDIA_VISIBLE_DEVICES NVIDIA_TF32_OVERRIDE HIP_VISIBLE_DEVICES "
    "ROCR_VISIBLE_DEVICES OMP_* MKL_* OPENBLAS_* BLIS_* VECLIB_* NUMEXPR_* NUMBA_* KMP_* NCCL_* "
    "XLA_* JAX_* TF_* TORCH_* PYTORCH_* FLAGS_* WORLD_SIZE RANK LOCAL_RANK LANG LC_ALL TZ"
).split()
_SECRET_MARKS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL")

_LOCK_FILES = (
    "uv.lock pylock.toml pylock.*.toml poetry.lock pdm.lock Pipfile.lock requirements*.txt "
    "environment.yml environment.yaml conda-lock.yml pixi.lock"
).split()

_GPU_FIELDS = ("name", "memory.total", "driver_version")
_GPU_TIMEOUT_S = 10


class _CachedGpus(msgspec.Struct, frozen=True, kw_only=True):
    """The graphics processors, which do not change before the next boot."""

    boot_id: str
    gpus: tuple[Gpu, ...]


def read_machine(cache_dir: Path | None = None) -> Machine:
    """Return what this machine is.

    Args:
        cache_dir: Where the answer of the graphics driver is kept until the next boot;
            None for nowhere.
    """
    system = os.uname()
    return Machine(
        os=_read_os_name(),
        kernel=f"{system.sysname} {system.release}",
        architecture=system.machine,
        libc=_read_libc(),
        cpu=_read_cpu_model(),
        n_cores=os.cpu_count(),
        memory_bytes=_read_memory_bytes(),
        gpus=_read_gpus(cache_dir),
    )


def read_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that can change a result, sorted by name.

    Only names on a list are read, and of those none that could hold a secret.
    """
    return {
        name: redact_text(env[name])
        for name in sorted(env)
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in _VARIABLES)
        and not any(mark in name.upper() for mark in _SECRET_MARKS)
    }


def find_lock_files(root: Path) -> tuple[str, ...]:
    """Return the names of the lock files in a directory, sorted."""
    found = {path.name for pattern in _LOCK_FILES for path in root.glob(pattern) if path.is_file()}
    return tuple(sorted(found))


def _read_os_name() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    text = _read_text(Path("/etc/os-release"))
    for line in text.splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return os.uname().sysname


def _read_libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):  # not the GNU C library
        return None


def _read_cpu_model() -> str | None:
    if sys.platform == "darwin":
        return _run("sysctl", "-n", "machdep.cpu.brand_string") or None
    for line in _read_text(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "cpu model"):
            return value.strip()
    return None


def _read_memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _read_gpus(cache_dir: Path | None) -> tuple[Gpu, ...]:
    if shutil.which("nvidia-smi") is None:
        return ()
    cache = None if cache_dir is None else cache_dir / "gpus.json"
    boot_id = read_boot_id()
    if cache is not None and boot_id:
        try:
            cached = msgspec.json.decode(cache.read_bytes(), type=_CachedGpus)
        except (OSError, msgspec.MsgspecError):
            cached = None
        if cached is not None and cached.boot_id == boot_id:
            return cached.gpus
    gpus = _parse_gpus(
        _run("nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits")
    )
    if cache is not None and gpus:
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            cache.write_bytes(msgspec.json.encode(_CachedGpus(boot_id=boot_id, gpus=gpus)))
        except OSError:  # asking again next time is only slow
            return gpus
    return gpus


def _parse_gpus(text: str) -> tuple[Gpu, ...]:
    rows = csv.DictReader(text.splitlines(), _GPU_FIELDS, skipinitialspace=True)
    return tuple(
        Gpu(
            name=row["name"],
            memory_mib=int(row["memory.total"]),
            driver=row["driver_version"],
        )
        for row in rows
        if (row["memory.total"] or "").isdecimal()
    )


def _run(*argv: str) -> str:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GPU_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip()


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
