"""Say what this Python is, and what is installed for it.

Run by its path in the interpreter of a command, Python 3.8 or newer, where mlv need not be
installed; prints a line of JSON after a mark. Reads the metadata files directly, because
`importlib.metadata` takes longer to import than all of this takes to run.
"""

# ruff: noqa: PTH100, PTH118, PTH123, PTH208
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


def _main() -> None:
    import sysconfig

    distributions: dict[str, dict[str, object]] = {}
    for directory in sys.path:
        for found in _find_distributions(directory or "."):
            # The first on the path is the one that gets imported.
            distributions.setdefault(str(found["name"]), found)
    facts = {
        "implementation": sys.implementation.name,
        "version": sys.version.split()[0],
        "platform": sysconfig.get_platform(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "path": [os.path.abspath(directory) for directory in sys.path],
        "distributions": [distributions[name] for name in sorted(distributions)],
    }
    sys.stdout.write("\n" + MARK + json.dumps(facts) + "\n")


def _find_distributions(directory: str) -> Iterator[dict[str, object]]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    linked = {name[: -len(".egg-link")] for name in names if name.endswith(".egg-link")}
    in_tree = "setup.py" in names or "pyproject.toml" in names
    for name in names:
        path = os.path.join(directory, name)
        if name.endswith(".dist-info"):
            header = _read_header(os.path.join(path, "METADATA"))
        elif name.endswith(".egg-info"):
            header = _read_header(os.path.join(path, "PKG-INFO")) or _read_header(path)
        else:
            continue
        if "name" in header and "version" in header:
            source, editable = _read_source(os.path.join(path, "direct_url.json"))
            yield {
                "name": re.sub(r"[-_.]+", "-", header["name"]).lower(),
                "version": header["version"],
                "source": source,
                # An `.egg-info` beside a build file is how `setup.py develop` left it.
                "editable": editable or header["name"] in linked or in_tree,
            }


def _read_header(path: str) -> dict[str, str]:
    header: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                name, separator, value = line.partition(":")
                if not separator:
                    break
                header.setdefault(name.strip().lower(), value.strip())
                if "name" in header and "version" in header:
                    break
    except OSError:
        return {}
    return header


def _read_source(path: str) -> tuple[str | None, bool]:
    """Read where a package came from.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        with open(path, encoding="utf-8") as file:
            origin = json.load(file)
        source = origin["url"]
        if "vcs_info" in origin:
            source = f"{origin['vcs_info']['vcs']}+{source}@{origin['vcs_info']['commit_id']}"
        return source, bool(origin.get("dir_info", {}).get("editable"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, False


if __name__ == "__main__":
    _main()
