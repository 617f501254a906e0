from __future__ import annotations

import msgspec

from mlv.core.environment import Distribution, Environment, Gpu, Interpreter, Machine
from mlv.core.environment_diff import EnvironmentChange, EnvironmentDiff, diff_environments

GPU = Gpu(name="H200", memory_mib=143771, driver="570.1")
MACHINE = Machine(os="Debian 12", kernel="6.1", architecture="x86_64", n_cores=8, gpus=(GPU, GPU))
PYTHON = Interpreter(
    implementation="cpython",
    version="3.12.1",
    platform="linux-x86_64",
    distributions=(
        Distribution(name="mine", version="0.1", source="git+https://host/mine", editable=True),
        Distribution(name="numpy", version="2.0"),
    ),
)
ENVIRONMENT = Environment(
    interpreter=PYTHON,
    machine=MACHINE,
    variables={"OMP_NUM_THREADS": "4"},
    lock_files={"uv.lock": "a" * 64},
)


def test_environment_does_not_differ_from_itself() -> None:
    assert diff_environments(ENVIRONMENT, ENVIRONMENT) == EnvironmentDiff()


def test_every_part_of_an_environment_is_compared() -> None:
    python = msgspec.structs.replace(
        PYTHON, version="3.12.2", distributions=(Distribution(name="numpy", version="2.1"),)
    )
    machine = msgspec.structs.replace(MACHINE, gpus=(), memory_bytes=1024, n_cores=16)
    new = Environment(interpreter=python, machine=machine, variables={}, lock_files={})
    assert diff_environments(ENVIRONMENT, new) == EnvironmentDiff(
        changes=(
            EnvironmentChange(part="python", name="version", old="3.12.1", new="3.12.2"),
            EnvironmentChange(
                part="package",
                name="mine",
                old="0.1 from git+https://host/mine (editable)",
                new=None,
            ),
            EnvironmentChange(part="package", name="numpy", old="2.0", new="2.1"),
            EnvironmentChange(part="machine", name="cores", old="8", new="16"),
            EnvironmentChange(part="machine", name="gpu driver", old="570.1", new=None),
            EnvironmentChange(
                part="machine", name="gpus", old="H200, 143771 MiB, H200, 143771 MiB", new=None
            ),
            EnvironmentChange(part="machine", name="memory", old=None, new="1024"),
            EnvironmentChange(part="variable", name="OMP_NUM_THREADS", old="4", new=None),
            EnvironmentChange(part="lock file", name="uv.lock", old="a" * 64, new=None),
        )
    )


def test_command_without_interpreter_has_no_packages() -> None:
    diff = diff_environments(ENVIRONMENT, Environment(machine=MACHINE))
    assert [change.name for change in diff.of("package")] == ["mine", "numpy"]
    assert [change.new for change in diff.of("python")] == [None, None, None]
