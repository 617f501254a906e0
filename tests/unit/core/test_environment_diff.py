from __future__ import annotations

import msgspec

from mlv.core.environment import Distribution, Environment, Gpu, Interpreter, Machine
from mlv.core.environment_diff import (
    EnvironmentChange,
    EnvironmentDiff,
    diff_determinism,
    diff_environments,
    find_edited_packages,
)

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
    container="docker train:7",
    libraries={"blas": "openblas", "blas.threads": "4"},
)


def test_environment_does_not_differ_from_itself() -> None:
    assert diff_environments(ENVIRONMENT, ENVIRONMENT) == EnvironmentDiff()


def test_every_part_of_an_environment_is_compared() -> None:
    python = msgspec.structs.replace(
        PYTHON, version="3.12.2", distributions=(Distribution(name="numpy", version="2.1"),)
    )
    machine = msgspec.structs.replace(
        MACHINE, gpus=(), memory_bytes=1024, n_cores=16, usable_cores=1.5, cuda="12.8"
    )
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
            EnvironmentChange(part="machine", name="cuda", old=None, new="12.8"),
            EnvironmentChange(part="machine", name="gpu driver", old="570.1", new=None),
            EnvironmentChange(
                part="machine", name="gpus", old="H200, 143771 MiB, H200, 143771 MiB", new=None
            ),
            EnvironmentChange(part="machine", name="memory", old=None, new="1024"),
            EnvironmentChange(part="machine", name="usable cores", old=None, new="1.5"),
            EnvironmentChange(part="container", name="image", old="docker train:7", new=None),
            EnvironmentChange(part="library", name="blas", old="openblas", new=None),
            EnvironmentChange(part="library", name="blas.threads", old="4", new=None),
            EnvironmentChange(part="variable", name="OMP_NUM_THREADS", old="4", new=None),
            EnvironmentChange(part="lock file", name="uv.lock", old="a" * 64, new=None),
        )
    )


def test_command_without_interpreter_has_no_packages() -> None:
    diff = diff_environments(ENVIRONMENT, Environment(machine=MACHINE))
    assert [change.name for change in diff.of("package")] == ["mine", "numpy"]
    assert [change.new for change in diff.of("python")] == [None, None, None]


def test_editable_package_differs_by_its_commit_and_its_changes() -> None:
    texts = []
    for commit, dirty in [(None, False), ("1" * 40, False), ("1" * 40, True), (None, True)]:
        mine = Distribution(name="mine", version="1", editable=True, commit=commit, dirty=dirty)
        python = msgspec.structs.replace(PYTHON, distributions=(mine,))
        new = msgspec.structs.replace(ENVIRONMENT, interpreter=python)
        texts += [each.new for each in diff_environments(ENVIRONMENT, new).of("package")]

    assert [text for text in texts if text] == [
        "1 (editable)",
        "1 (editable) at 111111111111",
        "1 (editable) at 111111111111 with changes",
        "1 (editable) with changes",
    ]


def test_seeds_and_switches_are_compared() -> None:
    old: dict[str, bool | int | str] = {"torch.seed": 1, "torch.deterministic": True, "same": 1}
    new: dict[str, bool | int | str] = {"torch.seed": 2, "tf.seed": 3, "same": 1}

    assert diff_determinism(old, new) == (
        EnvironmentChange(part="determinism", name="tf.seed", old=None, new="3"),
        EnvironmentChange(part="determinism", name="torch.deterministic", old="True", new=None),
        EnvironmentChange(part="determinism", name="torch.seed", old="1", new="2"),
    )


def test_package_with_changes_that_no_commit_has_is_found_though_it_looks_the_same() -> None:
    mine, numpy = PYTHON.distributions
    edited = msgspec.structs.replace(mine, dirty=True)
    python = msgspec.structs.replace(PYTHON, distributions=(edited, numpy))
    with_changes = msgspec.structs.replace(ENVIRONMENT, interpreter=python)
    assert diff_environments(with_changes, with_changes).empty
    assert find_edited_packages(with_changes, with_changes) == ("mine",)
    assert find_edited_packages(ENVIRONMENT, with_changes) == ("mine",)
    assert find_edited_packages(ENVIRONMENT, ENVIRONMENT) == ()


def test_variable_that_is_unset_is_not_called_as_one_that_is_empty() -> None:
    change = EnvironmentChange(part="variable", name="X", old=None, new="")
    assert change.sides == ("unset", "empty")
    assert EnvironmentChange(part="package", name="x", old=None, new="1").sides == (None, "1")
