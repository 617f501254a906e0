"""What the frameworks in a process say of themselves, when it ends.

This module runs inside the program that is being recorded; see `mlv.capture.observing.audit_hook`.
It imports nothing that the program has not imported, and starts nothing: no GPU, no
backend, no random generator. A question that fails is left out.
"""

# ruff: noqa: ANN401, BLE001, S110, SIM105, SLF001
# Frameworks are asked behind their backs; `contextlib` takes milliseconds to import.

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Libraries = dict[str, str]
    Switches = dict[str, bool | int | str]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_SWITCH_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "TF_DETERMINISTIC_OPS",
    "XLA_FLAGS",
)


def describe(escape: Callable[[str], str]) -> str:
    """Return native libraries and switches as two fields of a JSON object."""
    libraries: Libraries = {}
    switches: Switches = {}
    for ask in (_ask_python, _ask_numpy, _ask_torch, _ask_tensorflow, _ask_jax):
        try:
            ask(libraries, switches)
        except Exception:
            pass
    names = [f'"{key}":"{escape(value)}"' for key, value in libraries.items()]
    values = [f'"{key}":{_format(value, escape)}' for key, value in switches.items()]
    return f'"lib":{{{",".join(names)}}},"det":{{{",".join(values)}}}'


def _ask_python(libraries: Libraries, switches: Switches) -> None:
    seed = os.environ.get("PYTHONHASHSEED", "random")
    if not sys.flags.hash_randomization:
        seed = "0"
    switches["python.hash_seed"] = int(seed) if seed.isdigit() else seed
    for name in _THREAD_VARIABLES:
        value = os.environ.get(name, "")
        if value:
            libraries[f"threads.{name}"] = value
    for name in _SWITCH_VARIABLES:
        value = os.environ.get(name, "")
        if value:
            switches[name] = value


def _ask_numpy(libraries: Libraries, _switches: Switches) -> None:
    config: Any = sys.modules.get("numpy.__config__")
    if config is None:
        return
    if hasattr(config, "CONFIG"):  # since NumPy 1.25
        blas = config.CONFIG["Build Dependencies"]["blas"]
        libraries["blas"] = f"{blas['name']} {blas.get('version', '')}".strip()
        return
    found = getattr(config, "blas_ilp64_opt_info", None) or getattr(config, "blas_opt_info", {})
    libraries["blas"] = " ".join(found.get("libraries", ()))
    if not libraries["blas"]:
        del libraries["blas"]


def _ask_torch(libraries: Libraries, switches: Switches) -> None:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    libraries["torch"] = str(torch.__version__)
    if torch.version.cuda:
        libraries["cuda"] = str(torch.version.cuda)
    if getattr(torch.version, "hip", None):
        libraries["rocm"] = str(torch.version.hip)
    switches["torch.seed"] = int(torch.initial_seed())
    switches["torch.deterministic_algorithms"] = torch.are_deterministic_algorithms_enabled()
    switches["torch.threads"] = int(torch.get_num_threads())
    if hasattr(torch, "get_float32_matmul_precision"):
        switches["torch.float32_matmul_precision"] = torch.get_float32_matmul_precision()
    # What the attributes of `torch.backends.cudnn` ask; those may load the library.
    core = torch._C
    switches["torch.cudnn.deterministic"] = bool(core._get_cudnn_deterministic())
    switches["torch.cudnn.benchmark"] = bool(core._get_cudnn_benchmark())
    if torch.cuda.is_initialized():
        _ask_cuda(torch, libraries, switches)


def _ask_cuda(torch: Any, libraries: Libraries, switches: Switches) -> None:
    count = torch.cuda.device_count()
    used = [i for i in range(count) if torch.cuda.max_memory_reserved(i) > 0]
    switches["torch.cuda.devices"] = len(used)
    if used:
        switches["torch.cuda.seed"] = int(torch.cuda.default_generators[used[0]].initial_seed())
    version = torch.backends.cudnn.version()
    if version:
        libraries["cudnn"] = str(version)


def _ask_tensorflow(libraries: Libraries, switches: Switches) -> None:
    tensorflow: Any = sys.modules.get("tensorflow")
    if tensorflow is None:
        return
    libraries["tensorflow"] = str(tensorflow.version.VERSION)
    build: Any = sys.modules.get("tensorflow.python.platform.build_info")
    if build is not None:
        for name, key in (("cuda", "cuda_version"), ("cudnn", "cudnn_version")):
            if build.build_info.get(key):
                libraries.setdefault(name, str(build.build_info[key]))
    config: Any = sys.modules.get("tensorflow.python.framework.config")
    if config is not None:
        switches["tensorflow.deterministic_ops"] = bool(config.is_op_determinism_enabled())
    eager: Any = sys.modules.get("tensorflow.python.eager.context")
    # `tf.random.get_seed` would make a context, and find devices.
    context = eager._context if eager is not None else None
    if context is not None and context._seed is not None:
        switches["tensorflow.seed"] = int(context._seed)


def _ask_jax(libraries: Libraries, switches: Switches) -> None:
    jax: Any = sys.modules.get("jax")
    if jax is None:
        return
    libraries["jax"] = str(jax.__version__)
    switches["jax.x64"] = bool(jax.config.jax_enable_x64)
    # `jax.default_backend` would start one.
    bridge: Any = sys.modules.get("jax._src.xla_bridge")
    backend = getattr(bridge, "_default_backend", None)
    if backend is not None:
        switches["jax.backend"] = str(backend.platform)


def _format(value: object, escape: Callable[[str], str]) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f'"{escape(str(value))}"'
