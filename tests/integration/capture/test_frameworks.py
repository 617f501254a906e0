"""What frameworks say of themselves when a process ends."""

from __future__ import annotations

import os
import sys

import pytest

from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable

TORCH = """
__version__ = "2.9.0"
class version: cuda = "12.8"
class _C:
    @staticmethod
    def _get_cudnn_deterministic(): return True
    @staticmethod
    def _get_cudnn_benchmark(): return False
class cuda:
    @staticmethod
    def is_initialized(): return {cuda}
    @staticmethod
    def device_count(): return 2
    @staticmethod
    def max_memory_reserved(device): return device * 100
    class _Generator:
        def initial_seed(self): return 11
    default_generators = (_Generator(), _Generator())
class backends:
    class cudnn:
        @staticmethod
        def version(): return 90100
def initial_seed(): return {seed}
def are_deterministic_algorithms_enabled(): return True
def get_num_threads(): return 3
"""


def install(scratch: Scratch, **modules: str) -> None:
    for name, text in modules.items():
        path = scratch.root.parent / "site" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        scratch.env["PYTHONPATH"] = str(path.parent)


def test_process_without_frameworks_says_how_it_hashes(scratch: Scratch, any_python: str) -> None:
    scratch.run(any_python, "-c", "pass")

    observed = scratch.observations()
    assert (observed.libraries, observed.determinism) == ({}, {"python.hash_seed": "random"})


@pytest.mark.parametrize(("value", "seed"), [("0", 0), ("42", 42), ("random", "random")])
def test_hash_seed_is_read(scratch: Scratch, value: str, seed: object) -> None:
    scratch.env["PYTHONHASHSEED"] = value

    scratch.run(PYTHON, "-c", "pass")

    assert scratch.observations().determinism["python.hash_seed"] == seed


def test_variables_for_threads_are_libraries_settings(scratch: Scratch) -> None:
    scratch.env["OMP_NUM_THREADS"] = "4"
    scratch.env["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"

    scratch.run(PYTHON, "-c", "pass")

    observed = scratch.observations()
    assert observed.libraries == {"threads.OMP_NUM_THREADS": "4"}
    assert observed.determinism["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_torch_is_asked(scratch: Scratch, any_python: str) -> None:
    install(scratch, torch=TORCH.format(cuda=False, seed=7))

    scratch.run(any_python, "-c", "import torch")

    observed = scratch.observations()
    assert observed.libraries == {"cuda": "12.8", "torch": "2.9.0"}
    assert observed.determinism == {
        "python.hash_seed": "random",
        "torch.cudnn.benchmark": False,
        "torch.cudnn.deterministic": True,
        "torch.deterministic_algorithms": True,
        "torch.seed": 7,
        "torch.threads": 3,
    }


def test_cuda_is_asked_only_when_it_was_used(scratch: Scratch) -> None:
    install(scratch, torch=TORCH.format(cuda=True, seed=7))

    scratch.run(PYTHON, "-c", "import torch")

    observed = scratch.observations()
    assert observed.libraries["cudnn"] == "90100"
    assert observed.determinism["torch.cuda.devices"] == 1
    assert observed.determinism["torch.cuda.seed"] == 11


def test_framework_that_fails_takes_nothing_else_away(scratch: Scratch) -> None:
    install(
        scratch,
        torch="raise_on = 1",
        jax="__version__ = '0.9'\nclass config: jax_enable_x64 = True",
    )

    done = scratch.run(PYTHON, "-c", "import torch, jax")

    observed = scratch.observations()
    assert (done.stdout, done.stderr, observed.libraries) == ("", "", {"jax": "0.9"})
    assert observed.determinism["jax.x64"] is True


def test_process_that_ran_own_code_counts_more_than_its_launcher(scratch: Scratch) -> None:
    install(scratch, torch=TORCH.format(cuda=False, seed="__import__('os').environ['SEED']"))
    scratch.write("train.py", "import torch")
    child = f"subprocess.run([{PYTHON!r}, 'train.py'], env=dict(os.environ, SEED='7'))"
    scratch.env["SEED"] = "1"

    scratch.run(PYTHON, "-c", f"import torch, os, subprocess; {child}")

    assert scratch.observations().determinism["torch.seed"] == 7


def test_parent_counts_more_than_its_children(scratch: Scratch) -> None:
    install(scratch, torch=TORCH.format(cuda=False, seed="__import__('os').getpid()"))
    scratch.write(
        "main.py",
        """
        import os, sys, torch
        if os.fork() == 0:
            sys.exit()
        os.wait()
        print(os.getpid())
        """,
    )

    done = scratch.run(PYTHON, "main.py")

    assert scratch.observations().determinism["torch.seed"] == int(done.stdout)


def test_numpy_says_which_blas_it_has(scratch: Scratch) -> None:
    pytest.importorskip("numpy", reason="needs NumPy")

    scratch.run(PYTHON, "-c", "import numpy")

    assert "blas" in scratch.observations().libraries["blas"]


def test_real_torch_is_asked(scratch: Scratch) -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    code = "import torch; torch.manual_seed(5); torch.use_deterministic_algorithms(True)"

    scratch.run(PYTHON, "-c", code)

    determinism = scratch.observations().determinism
    assert determinism["torch.seed"] == 5
    assert determinism["torch.deterministic_algorithms"] is True
    assert os.environ.get("CUDA_VISIBLE_DEVICES", "") or "torch.cuda.devices" not in determinism
