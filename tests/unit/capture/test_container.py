from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.surroundings.container import find_container

_MOUNT = "100 99 0:50 {root} / rw - {kind} {source} {options}\n"


def _write(root: Path, name: str, text: str = "") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _mount(root: Path, at: str = "/", lower: str | None = None) -> None:
    options = "rw" if lower is None else f"rw,lowerdir={lower},upperdir=/x/1/diff,workdir=/x/1/work"
    kind = "ext4" if lower is None else "overlay"
    text = "22 100 0:21 / /proc rw - proc proc rw\n" + _MOUNT.format(
        root=at, kind=kind, source="/dev/vda" if lower is None else "overlay", options=options
    )
    _write(root, "proc/self/mountinfo", text)


def test_bare_machine_is_no_container(tmp_path: Path) -> None:
    _write(tmp_path, "proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n")
    _mount(tmp_path)

    assert find_container({"HOME": "/home/x"}, tmp_path) is None


@pytest.mark.parametrize("name", ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
def test_apptainer_is_known_by_its_image(tmp_path: Path, name: str) -> None:
    kind = name.partition("_")[0].lower()

    assert find_container({name: "/home/x/images/train.sif"}, tmp_path) == f"{kind} train.sif"


def test_podman_is_known_by_its_image(tmp_path: Path) -> None:
    text = 'engine="podman-5.3"\nname="x"\nid="ab12"\nimage="quay.io/a/b:1"\nimageid="' + "c" * 64
    _write(tmp_path, "run/.containerenv", text + '"\n')

    assert find_container({}, tmp_path) == "podman quay.io/a/b:1@cccccccccccc"


def test_podman_without_privileges_says_no_more_than_its_kind(tmp_path: Path) -> None:
    _write(tmp_path, "run/.containerenv")

    assert find_container({"container": "podman"}, tmp_path) == "podman"


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-ab.scope", "kubernetes"),
        ("12:cpu:/docker/0123abcd", "docker"),
        ("0::/system.slice/docker-0123abcd.scope", "docker"),
        ("0::/machine.slice/libpod-0123.scope/container", "podman"),
        ("4:memory:/lxc/box", "lxc"),
    ],
)
def test_control_group_tells_the_kind(tmp_path: Path, group: str, kind: str) -> None:
    _write(tmp_path, "proc/self/cgroup", f"{group}\n")

    assert find_container({}, tmp_path) == kind


def test_kubernetes_is_known_by_the_service_that_every_pod_has(tmp_path: Path) -> None:
    env = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "MLV_CONTAINER_IMAGE": "train:7"}

    assert find_container(env, tmp_path) == "kubernetes train:7"


def test_variable_does_not_make_a_container(tmp_path: Path) -> None:
    assert find_container({"MLV_CONTAINER_IMAGE": "train:7"}, tmp_path) is None


def test_containers_of_one_image_are_one_environment(tmp_path: Path) -> None:
    found = []
    for place, lower in [
        ("first", "/var/lib/docker/overlay2/l/OWN1:/var/lib/docker/overlay2/l/A"),
        ("second", "/var/lib/docker/overlay2/l/OWN2:/var/lib/docker/overlay2/l/A"),
        ("other", "/var/lib/docker/overlay2/l/OWN3:/var/lib/docker/overlay2/l/B"),
    ]:
        _write(tmp_path / place, ".dockerenv")
        _mount(tmp_path / place, lower=lower)
        found.append(find_container({}, tmp_path / place))

    assert found[0] == found[1]
    assert found[0] != found[2]
    assert (found[0] or "").startswith("docker layers ")


def test_layers_of_containerd_all_belong_to_the_image(tmp_path: Path) -> None:
    place = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
    found = []
    for number in (7, 8):
        root = tmp_path / str(number)
        _write(root, "proc/self/cgroup", "0::/kubepods/pod1\n")
        _mount(root, lower=f"{place}/{number}/fs:{place}/3/fs")
        found.append(find_container({}, root))

    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("root", "found"),
    [
        ("/home/x/.local/share/enroot/nvidia+pytorch", "enroot nvidia+pytorch"),
        ("/tmp/enroot-data/user-1500/tf2", "enroot tf2"),  # noqa: S108
        ("/raid/enroot/data/user-1500/pyxis_4711.0", "enroot"),
    ],
)
def test_enroot_is_known_by_its_root(tmp_path: Path, root: str, found: str) -> None:
    _mount(tmp_path, at=root)

    assert find_container({}, tmp_path) == found


def test_damaged_tables_of_the_kernel_are_no_container(tmp_path: Path) -> None:
    _write(tmp_path, "proc/self/mountinfo", "1 2\n\nx\n")
    _write(tmp_path, "proc/self/cgroup", "::\nnothing\n")

    assert find_container({}, tmp_path) is None
