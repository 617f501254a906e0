"""Say what this Python is, and what is installed for it.

Run by its path in the interpreter of a command, Python 3.8 or newer, where mlv need not be
installed; prints a line of JSON after a mark. Reads the metadata files directly, because
`importlib.metadata` takes longer to import than all of this takes to run.
"""

# ruff: noqa: PTH100, PTH113, PTH118, PTH119, PTH123, PTH208
# `pathlib` takes as long to import as the rest together.

from __future__ import annotations

import sys

# First of all: this directory is on the path only because this file lies in it.
if sys.path and sys.path[0] == __file__.rpartition("/")[0]:
    del sys.path[0]

import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "mlv-probe "

_CONDA_HEAD = 1 << 16
"""How much of a conda record is read: it goes on with the names of all files."""

_CONDA_CHANNEL = re.compile(r'"channel":\s*"([^"]*)"')
_CONDA_HOST_OR_TOKEN = re.compile(r"^https://conda\.anaconda\.org/(t/[^/]+/)?|/t/[^/]+(?=/)")
_ZIPPED_HEADER = re.compile(r"[^/]+\.dist-info/METADATA|([^/]+\.egg-info|EGG-INFO)/PKG-INFO")
_BUILD_FILES = ("setup.py", "setup.cfg", "pyproject.toml")
_INSTALLED_TO = ("site-packages", "dist-packages")


def _main() -> None:
    import sysconfig

    path = [os.path.abspath(directory) for directory in sys.path]
    distributions: dict[str, dict[str, object]] = {}
    links = {link for directory in path for link in _read_links(directory)}
    for directory in path:
        for found in _find_distributions(directory, in_tree=os.path.realpath(directory) in links):
            # The first on the path is the one that gets imported.
            distributions.setdefault(str(found["name"]), found)
    records = os.path.join(sys.prefix, "conda-meta")
    for found in _find_conda_packages(records):
        known = distributions.setdefault(str(found["name"]), found)
        if known["version"] == found["version"] and not known["editable"]:
            known["source"] = found["source"]  # else pip has replaced it since
    facts = {
        "implementation": _describe_implementation(),
        "version": sys.version.split()[0],
        "platform": sysconfig.get_platform(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "path": [*path, records],
        "distributions": [distributions[name] for name in sorted(distributions)],
    }
    sys.stdout.write("\n" + MARK + json.dumps(facts) + "\n")


def _describe_implementation() -> str:
    own = sys.implementation.version[:3]
    text = sys.implementation.name
    if own != sys.version_info[:3]:  # PyPy counts its own versions
        text += " " + ".".join(str(part) for part in own)
    return text + (" free-threaded" if "t" in getattr(sys, "abiflags", "") else "")


def _read_links(directory: str) -> Iterator[str]:
    """Yield the source trees that `setup.py develop` has put on the path."""
    for name in _list(directory):
        if name.endswith(".egg-link"):
            lines = _read(os.path.join(directory, name)).splitlines()
            if lines:
                yield os.path.realpath(os.path.join(directory, lines[0].strip()))


def _find_distributions(directory: str, *, in_tree: bool) -> Iterator[dict[str, object]]:
    if os.path.isfile(directory):
        yield from _find_zipped(directory)
        return
    if directory.endswith(".egg"):
        header = _parse(_read(os.path.join(directory, "EGG-INFO", "PKG-INFO")))
        yield from _describe(header, None, editable=False)
    names = _list(directory)
    if os.path.basename(directory) not in _INSTALLED_TO:
        in_tree = in_tree or any(name in names for name in _BUILD_FILES)
    for name in names:
        path = os.path.join(directory, name)
        if name.endswith(".dist-info"):
            source, editable = _read_source(path)
            header = _parse(_read(os.path.join(path, "METADATA")))
            yield from _describe(header, source, editable=editable)
        elif name.endswith(".egg-info"):
            header = _parse(_read(os.path.join(path, "PKG-INFO")) or _read(path))
            # Beside a build file, or linked: so `setup.py develop` leaves it.
            source = "file://" + directory if in_tree else None
            yield from _describe(header, source, editable=in_tree)


def _find_zipped(path: str) -> Iterator[dict[str, object]]:
    import zipfile

    try:
        with zipfile.ZipFile(path) as file:
            for name in file.namelist():
                if _ZIPPED_HEADER.fullmatch(name):
                    header = _parse(file.read(name).decode("utf-8", "replace"))
                    yield from _describe(header, None, editable=False)
    except (OSError, ValueError, zipfile.BadZipFile):
        return


def _describe(
    header: dict[str, str], source: str | None, *, editable: bool
) -> Iterator[dict[str, object]]:
    if "name" in header and "version" in header:
        yield {
            "name": _normalize(header["name"]),
            "version": header["version"],
            "source": source,
            "editable": editable,
        }


def _find_conda_packages(records: str) -> Iterator[dict[str, object]]:
    """Yield what conda installed, whether or not it is Python."""
    for file_name in _list(records):
        parts = file_name[: -len(".json")].rsplit("-", 2)
        if not file_name.endswith(".json") or len(parts) != len(("name", "version", "build")):
            continue
        match = _CONDA_CHANNEL.search(_read(os.path.join(records, file_name), _CONDA_HEAD))
        channel = _CONDA_HOST_OR_TOKEN.sub("", match[1].rstrip("/")) if match else "conda"
        yield {
            "name": _normalize(parts[0]),
            "version": parts[1],
            "source": f"{channel}::{'-'.join(parts)}",
            "editable": False,
        }


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).strip("-").lower()


def _parse(text: str) -> dict[str, str]:
    """Return name and version from the head of a metadata file."""
    header: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.partition(":")
        if not separator or ("name" in header and "version" in header):
            break
        header.setdefault(name.strip().lower(), value.strip())
    return header


def _read_source(info: str) -> tuple[str | None, bool]:
    """Read where a package came from, and whether it is editable.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        with open(os.path.join(info, "direct_url.json"), encoding="utf-8") as file:
            origin = json.load(file)
        source = origin["url"]
        editable = bool(origin.get("dir_info", {}).get("editable"))
        if "vcs_info" in origin:
            source = f"{origin['vcs_info']['vcs']}+{source}@{origin['vcs_info']['commit_id']}"
        elif not editable and _read(os.path.join(info, "INSTALLER")).strip() == "conda":
            source = None  # a directory of the machine that built the package
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, False
    return source, editable


def _list(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _read(path: str, size: int = 4096) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(size)
    except OSError:
        return ""


if __name__ == "__main__":
    _main()
