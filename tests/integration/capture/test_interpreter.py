from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

from mlv.capture.surroundings.interpreter import find_interpreter, read_interpreter
from mlv.capture.surroundings.interpreter_cache import InterpreterFacts
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


def test_package_that_was_removed_or_replaced_is_not_seen(packages: Path, tmp_path: Path) -> None:
    before = _names(_read(sys.executable, packages, tmp_path / "cache"))
    shutil.rmtree(packages / "Plain_Package-1.0.dist-info")
    _install(packages, "cloned", "2.1")
    shutil.rmtree(packages / "cloned-2.0.dist-info")
    _age(packages)

    after = _names(_read(sys.executable, packages, tmp_path / "cache"))

    assert {"plain-package 1.0", "cloned 2.0"} <= before
    assert before - after == {"plain-package 1.0", "cloned 2.0"}
    assert after - before == {"cloned 2.1"}


def test_package_installed_again_from_elsewhere_is_seen(packages: Path, tmp_path: Path) -> None:
    _read(sys.executable, packages, tmp_path / "cache")
    shutil.rmtree(packages / "edited-0.1.dist-info")
    _install(packages, "edited", "0.1")

    found = _read(sys.executable, packages, tmp_path / "cache").interpreter.distributions

    assert Distribution(name="edited", version="0.1") in found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment without pip."""
    root = tmp_path_factory.mktemp("environment") / "env"
    venv.create(root, symlinks=True)
    for path in (root / "pyvenv.cfg", *root.glob("lib/*/site-packages")):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return root


def test_packages_of_the_system_are_seen_when_they_are_let_in(
    environment: Path, packages: Path, tmp_path: Path
) -> None:
    python = str(environment / "bin" / "python")
    before = _names(_read(python, packages, tmp_path / "cache"))
    config = environment / "pyvenv.cfg"
    text = config.read_text()
    config.write_text(text.replace("= false", "= true"))

    after = _names(_read(python, packages, tmp_path / "cache"))

    config.write_text(text)
    os.utime(config, (LONG_AGO, LONG_AGO))
    assert before < after


def test_interpreter_that_was_replaced_is_asked_again(packages: Path, tmp_path: Path) -> None:
    link = tmp_path / "python3"
    link.symlink_to(_fake(tmp_path / "one", "1"))
    first = _read(str(link), packages, tmp_path / "cache")
    link.unlink()
    link.symlink_to(_fake(tmp_path / "two", "2"))

    second = _read(str(link), packages, tmp_path / "cache")

    assert (first.interpreter.version, second.interpreter.version) == ("1", "2")


def _fake(directory: Path, version: str) -> Path:
    """Return an interpreter that gives always the same answer."""
    directory.mkdir()
    answer = {
        "implementation": "fake",
        "version": version,
        "platform": "none",
        "executable": "",
        "prefix": str(directory),
        "base_prefix": str(directory),
        "path": [],
        "distributions": [],
    }
    fake = directory / "python3"
    fake.write_text(f"#!/bin/sh\necho; echo 'mlv-probe {json.dumps(answer)}'\n")
    fake.chmod(0o755)
    os.utime(fake, (LONG_AGO, LONG_AGO))
    return fake


def test_version_that_a_shim_is_told_decides(packages: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    choice = here / ".python-version"
    choice.write_text("one\n")
    os.utime(choice, (LONG_AGO, LONG_AGO))
    for version in ("one", "two"):
        _fake(tmp_path / version, version)
    shim = tmp_path / "python"
    shim.write_text(f'#!/bin/sh\nexec {tmp_path}/$(cat .python-version)/python3 "$@"\n')
    shim.chmod(0o755)
    os.utime(shim, (LONG_AGO, LONG_AGO))
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    found = []
    for version in ("one", "one", "two"):
        if choice.read_text() != f"{version}\n":
            choice.write_text(f"{version}\n")
        found.append(read_interpreter(shim, cwd=here, env=env, cache_dir=tmp_path / "cache"))

    assert [each and each.interpreter.version for each in found] == ["one", "one", "two"]


def test_relative_module_path_is_that_of_the_directory(packages: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        _install(tmp_path / name / "libs", f"only-{name}", "1")
        _age(tmp_path / name / "libs")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": "libs", "HOME": str(tmp_path)}

    found = [
        read_interpreter(
            Path(sys.executable), cwd=tmp_path / name, env=env, cache_dir=tmp_path / "cache"
        )
        for name in ("a", "b")
    ]

    assert [facts and "only-a 1" in _names(facts) for facts in found] == [True, False]


def _names(facts: InterpreterFacts) -> set[str]:
    return {f"{each.name} {each.version}" for each in facts.interpreter.distributions}


def test_packages_of_conda_are_seen(environment: Path, packages: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "conda"
    shutil.copytree(environment, prefix, symlinks=True)
    site = next(prefix.glob("lib/*/site-packages"))
    built: dict[str, object] = {"url": "file:///home/conda/feedstock_root/numpy", "dir_info": {}}
    for name in ("numpy", "torch"):
        _install(site, name, "2.0", built)
        (site / f"{name}-2.0.dist-info" / "INSTALLER").write_text("conda\n")
    _install(site, "scipy", "1.9")
    records = prefix / "conda-meta"
    records.mkdir()
    (records / "history").touch()
    for name, channel in [
        ("numpy-2.0-py311_0", "https://conda.anaconda.org/conda-forge/linux-64"),
        ("scipy-1.8-py311_1", "https://conda.anaconda.org/conda-forge/linux-64"),
        ("_libgcc_mutex-0.1-main", "https://repo.anaconda.com/pkgs/main/linux-64"),
        ("mine-1.0-0", "https://conda.anaconda.org/t/secret-token/mine/noarch/"),
    ]:
        (records / f"{name}.json").write_text(json.dumps({"channel": channel, "files": []}))

    found = _read(str(prefix / "bin" / "python"), packages).interpreter.distributions

    own = [each for each in found if each.name not in ("plain-package", "edited", "cloned")]
    main = "https://repo.anaconda.com/pkgs/main/linux-64::_libgcc_mutex-0.1-main"
    assert own == [
        Distribution(name="libgcc-mutex", version="0.1", source=main),
        Distribution(name="mine", version="1.0", source="mine/noarch::mine-1.0-0"),
        Distribution(name="numpy", version="2.0", source="conda-forge/linux-64::numpy-2.0-py311_0"),
        Distribution(name="scipy", version="1.9"),  # pip has replaced that of conda
        Distribution(name="torch", version="2.0"),
    ]


def test_package_that_conda_installs_later_is_seen(
    environment: Path, packages: Path, tmp_path: Path
) -> None:
    prefix = tmp_path / "conda"
    shutil.copytree(environment, prefix, symlinks=True)
    records = prefix / "conda-meta"
    records.mkdir()
    python = str(prefix / "bin" / "python")
    _read(python, packages, tmp_path / "cache")
    (records / "cuda-12.4-0.json").write_text("{}")

    assert "cuda 12.4" in _names(_read(python, packages, tmp_path / "cache"))


def test_source_tree_that_was_linked_is_editable(packages: Path, tmp_path: Path) -> None:
    source = tmp_path / "project" / "src"
    (source / "linked.egg-info").mkdir(parents=True)
    (source / "linked.egg-info" / "PKG-INFO").write_text("Name: linked\nVersion: 1.0\n")
    (packages / "linked.egg-link").write_text(f"{source}\n../\n")
    env = {"PYTHONPATH": f"{packages}{os.pathsep}{source}"}

    facts = read_interpreter(Path(sys.executable), cwd=tmp_path, env=env)

    assert facts is not None
    expected = Distribution(name="linked", version="1.0", source=f"file://{source}", editable=True)
    assert expected in facts.interpreter.distributions


def test_eggs_are_packages(packages: Path, tmp_path: Path) -> None:
    info = tmp_path / "Plain-2.0-py3.egg" / "EGG-INFO"
    info.mkdir(parents=True)
    (info / "PKG-INFO").write_text("Name: Plain\nVersion: 2.0\n")
    zipped = tmp_path / "zipped-3.0-py3.egg"
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("EGG-INFO/PKG-INFO", "Name: zipped\nVersion: 3.0\n")
    broken = tmp_path / "broken.zip"
    broken.write_text("no archive")
    path = os.pathsep.join(str(each) for each in (info.parent, zipped, broken))

    facts = read_interpreter(Path(sys.executable), cwd=tmp_path, env={"PYTHONPATH": path})

    assert facts is not None
    assert {"plain 2.0", "zipped 3.0"} <= _names(facts)


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
