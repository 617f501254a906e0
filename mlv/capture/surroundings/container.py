"""Which container this process runs in, if it runs in one.

What counts is the image: two containers of one image are the same environment. So the id
of a container, which is new with every start, is not looked at.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_TOLD_BY = ("MLV_CONTAINER_IMAGE", "CI_JOB_IMAGE", "JUPYTER_IMAGE_SPEC", "JUPYTER_IMAGE")
"""Variables in which whoever starts a container says from which image."""

_GROUPS = (
    ("kubernetes", re.compile(r"/kubepods")),
    ("podman", re.compile(r"/libpod-")),
    ("docker", re.compile(r"/docker[-/]")),
    ("containerd", re.compile(r"/(cri-)?containerd|/nerdctl")),
    ("lxc", re.compile(r"/lxc[./]")),
)
_ENROOT_ROOT = re.compile(r"/enroot[^/]*/(?:.*/)?([^/]+)$")
_PYXIS_NAME = re.compile(r"(pyxis_)?[0-9.]+")
_LAYERS = re.compile(r"(?:^|,)lowerdir=([^, ]+)")


def find_container(env: Mapping[str, str], root: Path = Path("/")) -> str | None:
    """Return the kind of the container, and its image where that can be told.

    Args:
        env: The environment of this process.
        root: Directory that has `proc` in it.

    Returns:
        Such as `docker python:3.12`, `apptainer train.sif`, or `kubernetes` alone; None
        outside of a container. Where only the layers of the image are known, a digest of
        their names on this machine: another image has another one.
    """
    kind, image = _find(env, root)
    if kind is None:
        return None
    told = next((env[name] for name in _TOLD_BY if env.get(name)), None)
    words = (kind, told or image or _name_layers(root))
    return " ".join(word for word in words if word)


def _find(env: Mapping[str, str], root: Path) -> tuple[str | None, str | None]:
    """Return kind and image; the innermost container first."""
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        if name in env:
            return name.partition("_")[0].lower(), env[name].rstrip("/").rpartition("/")[2]
    if "KUBERNETES_SERVICE_HOST" in env:
        return "kubernetes", None
    podman = root / "run/.containerenv"
    if podman.exists():
        return "podman", _read_podman_image(podman)
    for mount in _mounts_of_root(root):
        enroot = _ENROOT_ROOT.search(mount[3])
        if enroot:
            return "enroot", None if _PYXIS_NAME.fullmatch(enroot[1]) else enroot[1]
    return _find_kind(env, root), None


def _find_kind(env: Mapping[str, str], root: Path) -> str | None:
    groups = _read(root / "proc/self/cgroup")
    for kind, pattern in _GROUPS:
        if pattern.search(groups):
            return kind
    if (root / ".dockerenv").exists():
        return "docker"
    return env.get("container")  # systemd's convention


def _read_podman_image(path: Path) -> str | None:
    """Read the image from a file that podman leaves empty unless the container is privileged."""
    fields = dict(re.findall(r'^(\w+)="(.*)"$', _read(path), re.MULTILINE))
    name, digest = fields.get("image"), fields.get("imageid")
    return f"{name}@{digest[:12]}" if name and digest else name


def _name_layers(root: Path) -> str | None:
    """Return a digest of the layers of the image, None when the root is no stack of them."""
    for mount in _mounts_of_root(root):
        match = _LAYERS.search(mount[-1])
        if match is None:
            continue
        layers = match[1].split(":")
        if len(layers) > 1 and "/docker/" in layers[0]:
            del layers[0]  # made for this container alone
        digest = hashlib.blake2b(":".join(layers).encode(), digest_size=6).hexdigest()
        return f"layers {digest}"
    return None


def _mounts_of_root(root: Path) -> Iterator[list[str]]:
    """Yield the fields of what is mounted at `/`.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    for line in _read(root / "proc/self/mountinfo").splitlines():
        fields = line.split()
        if len(fields) > len(("id", "parent", "device", "root")) and fields[4] == "/":
            yield fields


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
