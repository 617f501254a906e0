from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlv.capture.interpreter import InterpreterFacts, find_interpreter, read_interpreter
from mlv.core.environment import Distribution

LONG_AGO = time.time() - 3600


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory with packages in it, for `PYTHONPATH`."""
    directory = tmp_path / "packages"
    _install(directory, "Plain_Package", "1.0")
    _install(
        directory, "edited", "0.1", {"url": "file:///src/edited", "dir_info": {"editable": True}}
    )
    vcs = {"vcs": "git", "commit_id": "abc123"}
    _install(directory, "cloned", "2.0", {"url": "https://u:pw@host/r.git", "vcs_info": vcs})
    _age(directory)
    return directory


def _install(
    directory: Path, name: str, version: str, origin: dict[str, object] | None = None
) -> None:
    info = directory / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nx")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))


def _age(directory: Path) -> None:
    for info in directory.iterdir():
        os.utime(info, (LONG_AGO, LONG_AGO))


def _read(python: str, packages: Path, cache: Path | None = None) -> InterpreterFacts:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "HOME": str(packages.parent)}
    facts = read_interpreter(Path(python), cwd=packages.parent, env=env, cache_dir=cache)
    assert facts is not None
    return facts


def test_interpreter_says_what_it_is(any_python: str, packages: Path) -> None:
    facts = _read(any_python, packages)

    code = "import sys; print(sys.executable, sys.prefix, sys.version.split()[0])"
    said = subprocess.run([any_python, "-c", code], capture_output=True, text=True, check=True)
    described = [facts.executable, facts.prefix, facts.interpreter.version]
    assert described == said.stdout.split()
    assert facts.interpreter.implementation == "cpython"


def test_packages_come_with_their_sources_and_without_credentials(
    any_python: str, packages: Path
) -> None:
    found = {each.name: each for each in _read(any_python, packages).interpreter.distributions}

    assert found["plain-package"] == Distribution(name="plain-package", version="1.0")
    assert found["edited"] == Distribution(
        name="edited", version="0.1", source="file:///src/edited", editable=True
    )
    assert found["cloned"] == Distribution(
        name="cloned", version="2.0", source="git+https://***@host/r.git@abc123"
    )


def test_packages_are_those_that_importlib_finds(packages: Path) -> None:
    code = (
        "import importlib.metadata as m, re\n"
        "print(*sorted({re.sub('[-_.]+', '-', d.metadata['Name']).lower() + '==' + d.version\n"
        "               for d in m.distributions()}))"
    )
    env = {"PYTHONPATH": str(packages)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )

    found = _read(sys.executable, packages).interpreter.distributions

    assert {f"{each.name}=={each.version}" for each in found} == set(said.stdout.split())


def test_second_answer_comes_from_the_cache(packages: Path, tmp_path: Path) -> None:
    fake = tmp_path / "python3"
    fake.write_text(f'#!/bin/sh\necho asked >> {tmp_path}/asked\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    os.utime(fake, (LONG_AGO, LONG_AGO))

    first = _read(str(fake), packages, tmp_path / "cache")
    (packages / "module.py").touch()
    second = _read(str(fake), packages, tmp_path / "cache")

    assert second == first
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_package_installed_later_is_seen(packages: Path, tmp_path: Path) -> None:
    _read(sys.executable, packages, tmp_path / "cache")
    _install(packages, "later", "3.0")

    found = _read(sys.executable, packages, tmp_path / "cache").interpreter.distributions

    assert Distribution(name="later", version="3.0") in found


def test_damaged_cache_is_not_used(packages: Path, tmp_path: Path) -> None:
    first = _read(sys.executable, packages, tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_text("{")

    assert _read(sys.executable, packages, tmp_path / "cache") == first


def test_noise_at_start_does_not_hide_the_answer(packages: Path) -> None:
    (packages / "sitecustomize.py").write_text("print('hello', end='')")

    assert _read(sys.executable, packages).executable == sys.executable


def test_program_that_is_no_python_has_no_answer(tmp_path: Path) -> None:
    assert read_interpreter(Path("/bin/false"), cwd=tmp_path, env={}) is None


@pytest.mark.parametrize(
    ("first_lines", "expected"),
    [
        ("#!/opt/x/bin/python3.11\n", "/opt/x/bin/python3.11"),
        ("#! /opt/x/bin/python -u\n", "/opt/x/bin/python"),
        ("#!/usr/bin/env python3\n", "{bin}/python3"),
        ("#!/usr/bin/env -S python3 -u\n", "{bin}/python3"),
        (
            "#!/bin/sh\n'''exec' \"/opt/a b/bin/python\" \"$0\" \"$@\"\n' '''\n",
            "/opt/a b/bin/python",
        ),
        ("#!/bin/sh\necho\n", None),
        ("#!\n", None),
        ("\x7fELF", None),
        ("", None),
    ],
)
def test_script_runs_on_the_python_of_its_first_line(
    tmp_path: Path, first_lines: str, expected: str | None
) -> None:
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "python3").touch(mode=0o755)
    script = tmp_path / "tool"
    script.write_text(first_lines)

    found = find_interpreter(script, tmp_path, {"PATH": str(directory)})

    assert (found and str(found)) == (expected and expected.format(bin=directory))


@pytest.mark.parametrize("name", ["python", "python3", "python3.13", "python3.13t", "pypy3"])
def test_python_runs_on_itself(name: str) -> None:
    assert find_interpreter(Path("/env/bin") / name, Path("/"), {}) == Path("/env/bin") / name
