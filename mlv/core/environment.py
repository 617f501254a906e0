"""The environment record: the interpreter of a command, its packages, and the machine.

It is an object of its own, which all runs share that had the same environment. So it holds
nothing that differs between equal environments: no paths, no names of hosts or users.

Source: docs/reference/store-format.md, "Environments".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mlv.core.run import Record, first_schema


class Distribution(Record, frozen=True, kw_only=True):
    """One installed package.

    Attributes:
        name: Normalized: lower case, words joined by `-`.
        version: As the package states it.
        source: Where it was installed from, if not from an index; credentials redacted. For
            conda, channel and build, such as `conda-forge/linux-64::numpy-2.0-py311_0`.
        editable: Whether it runs from a source tree that may have changed since.
        commit: The Git commit of that source tree, where it has one.
        dirty: Whether the source tree held changes that no commit has.
    """

    name: str
    version: str
    source: str | None = None
    editable: bool = False
    commit: str | None = None
    dirty: bool = False


class Interpreter(Record, frozen=True, kw_only=True):
    """The Python that a command runs on.

    Attributes:
        implementation: Such as `cpython`, `pypy 7.3.17` or `cpython free-threaded`.
        version: Such as `3.12.1`.
        platform: Such as `linux-x86_64`.
        distributions: What is installed for it, sorted by name.
    """

    implementation: str
    version: str
    platform: str
    distributions: tuple[Distribution, ...] = ()


class Gpu(Record, frozen=True, kw_only=True):
    """One graphics processor."""

    name: str
    memory_mib: int
    driver: str


class Machine(Record, frozen=True, kw_only=True):
    """What a command runs on.

    Attributes:
        os: Name and version of the operating system.
        kernel: Release of its kernel.
        libc: Name and version of the C library; None where that cannot be told.
        architecture: Such as `x86_64`.
        cpu: Model of the processor; None where that cannot be told.
        n_cores: Logical cores.
        usable_cores: How many of them the command may keep busy, where those are fewer: its
            affinity, and the quota of its control group, which may be a fraction.
        memory_bytes: Size of the main memory; None where that cannot be told.
        usable_memory_bytes: The limit of its control group, where that is less.
        gpus: Those that the driver lists, whether or not the command may use them.
        cuda: The newest version of CUDA that the driver can run.
    """

    os: str
    kernel: str
    architecture: str
    libc: str | None = None
    cpu: str | None = None
    n_cores: int | None = None
    usable_cores: float | None = None
    memory_bytes: int | None = None
    usable_memory_bytes: int | None = None
    gpus: tuple[Gpu, ...] = ()
    cuda: str | None = None


class Environment(Record, frozen=True, kw_only=True, tag_field="type", tag="environment"):
    """Everything around a command that can change its result.

    Attributes:
        interpreter: None when the command is not Python, or when it is not known which.
        machine: The hardware and the system.
        variables: Environment variables on the list of those that matter.
        lock_files: Digest of each lock file by its path in the worktree.
        container: Kind of the container around it, and its image where that can be told, such
            as `docker python:3.12`; None outside of one.
        libraries: Native libraries as the frameworks in the command's process reported them:
            names such as `blas`, `blas.threads`, `cuda`, `cudnn`.
    """

    interpreter: Interpreter | None = None
    machine: Machine
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    lock_files: dict[str, str] = msgspec.field(default_factory=dict)
    container: str | None = None
    libraries: dict[str, str] = msgspec.field(default_factory=dict)
    schema: Literal[1] = msgspec.field(default_factory=first_schema)
