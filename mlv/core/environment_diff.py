"""How two environments differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from mlv.core.environment import Distribution, Environment, Interpreter, Machine

EnvironmentPart = Literal[
    "python", "package", "machine", "container", "library", "determinism", "variable", "lock file"
]

_N_DIGITS = 12


class EnvironmentChange(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs.

    Attributes:
        part: What kind of thing it is.
        name: Of the package, the field, the library, the switch, the variable or the file.
        old, new: As text; None where the environment does not have it.
    """

    part: EnvironmentPart
    name: str
    old: str | None
    new: str | None

    @property
    def sides(self) -> tuple[str | None, str | None]:
        """What both have, for people: a variable can be unset or empty."""
        old, new = (self._shown(text) for text in (self.old, self.new))
        return old, new

    def _shown(self, text: str | None) -> str | None:
        absent = "unset" if self.part == "variable" else None
        return absent if text is None else text or "empty"


class EnvironmentDiff(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs between two environments, by part and then by name."""

    changes: tuple[EnvironmentChange, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the environments are the same."""
        return not self.changes

    def of(self, part: EnvironmentPart) -> tuple[EnvironmentChange, ...]:
        """Return the changes of one part."""
        return tuple(change for change in self.changes if change.part == part)


def diff_environments(old: Environment, new: Environment) -> EnvironmentDiff:
    """Compare all parts of two environments; determinism belongs to runs, not to these."""
    return EnvironmentDiff(
        changes=(
            *_diff("python", _python_of(old.interpreter), _python_of(new.interpreter)),
            *_diff("package", _packages_of(old.interpreter), _packages_of(new.interpreter)),
            *_diff("machine", _fields_of(old.machine), _fields_of(new.machine)),
            *_diff("container", _container_of(old), _container_of(new)),
            *_diff("library", old.libraries, new.libraries),
            *_diff("variable", old.variables, new.variables),
            *_diff("lock file", old.lock_files, new.lock_files),
        )
    )


def diff_determinism(
    old: Mapping[str, bool | int | str], new: Mapping[str, bool | int | str]
) -> tuple[EnvironmentChange, ...]:
    """Compare the seeds and switches of two runs that make results repeatable."""
    return tuple(_diff("determinism", _texts_of(old), _texts_of(new)))


def find_edited_packages(old: Environment, new: Environment) -> tuple[str, ...]:
    """Return the packages of both whose source held changes in one of them or both.

    What those changes were is not recorded, so nobody can tell whether they are the same.
    """
    both = [
        {each.name: each.dirty for each in environment.interpreter.distributions}
        for environment in (old, new)
        if environment.interpreter is not None
    ]
    names = sorted(set.intersection(*map(set, both))) if both else []
    return tuple(name for name in names if any(dirty[name] for dirty in both))


def _diff(
    part: EnvironmentPart, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[EnvironmentChange]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield EnvironmentChange(part=part, name=name, old=old.get(name), new=new.get(name))


def _python_of(interpreter: Interpreter | None) -> dict[str, str]:
    if interpreter is None:
        return {}
    return {
        "implementation": interpreter.implementation,
        "version": interpreter.version,
        "platform": interpreter.platform,
    }


def _packages_of(interpreter: Interpreter | None) -> dict[str, str]:
    if interpreter is None:
        return {}
    return {each.name: _describe_distribution(each) for each in interpreter.distributions}


def _describe_distribution(distribution: Distribution) -> str:
    text = distribution.version
    if distribution.source is not None:
        text += f" from {distribution.source}"
    if distribution.editable:
        text += " (editable)"
    if distribution.commit is not None:
        text += f" at {distribution.commit[:_N_DIGITS]}"
    return f"{text} with changes" if distribution.dirty else text


def _fields_of(machine: Machine) -> dict[str, str]:
    fields = {
        "os": machine.os,
        "kernel": machine.kernel,
        "libc": machine.libc,
        "architecture": machine.architecture,
        "cpu": machine.cpu,
        "cores": machine.n_cores,
        "usable cores": machine.usable_cores,
        "memory": machine.memory_bytes,
        "usable memory": machine.usable_memory_bytes,
        "gpus": ", ".join(f"{gpu.name}, {gpu.memory_mib} MiB" for gpu in machine.gpus) or None,
        "gpu driver": ", ".join(dict.fromkeys(gpu.driver for gpu in machine.gpus)) or None,
        "cuda": machine.cuda,
    }
    return _texts_of({name: value for name, value in fields.items() if value is not None})


def _container_of(environment: Environment) -> dict[str, str]:
    return {} if environment.container is None else {"image": environment.container}


def _texts_of(values: Mapping[str, float | str]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
