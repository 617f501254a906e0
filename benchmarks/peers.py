"""Other tools, each in a virtual environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

PEERS = ("dvc", "mlflow")
"""Names of the peers, which are also the names of their distributions."""

_VERSION = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """An installed peer."""

    name: str
    version: str
    bin: Path


def install_peer(name: str) -> Peer:
    """Install a peer below the user's cache directory, unless it is there already."""
    environment = _cache_directory() / name
    python = environment / "bin" / "python"
    ready = environment / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", name], check=True)
        ready.touch()
    version = subprocess.check_output([python, "-c", _VERSION, name], text=True).strip()
    return Peer(name=name, version=version, bin=python.parent)


def _cache_directory() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "mlv-benchmarks"
