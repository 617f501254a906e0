from __future__ import annotations

from pathlib import Path

from mlv.capture.surroundings.control_group import Limits, read_limits


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_narrowest_group_counts(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/jobs/one",
            "sys/fs/cgroup/jobs/cpu.max": "400000 100000",
            "sys/fs/cgroup/jobs/memory.max": "2147483648",
            "sys/fs/cgroup/jobs/one/cpu.max": "max 100000",
            "sys/fs/cgroup/jobs/one/memory.max": "4294967296",
        },
    )

    assert read_limits(tmp_path) == Limits(cores=4.0, memory_bytes=2147483648)


def test_quota_may_be_a_fraction_of_a_core(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"}
    _write(tmp_path, files)

    assert read_limits(tmp_path) == Limits(cores=1.5)


def test_first_version_is_read_as_well(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/box\n4:cpu,cpuacct:/box\n1:name=systemd:/",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "200000",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "1073741824",
        },
    )

    assert read_limits(tmp_path) == Limits(cores=2.0, memory_bytes=1073741824)


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/cpu.max": "max 100000",
            "sys/fs/cgroup/memory.max": "max",
            "sys/fs/cgroup/cpu.cfs_quota_us": "-1",
        },
    )

    assert read_limits(tmp_path) == Limits()


def test_machine_without_groups_has_no_limits(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == Limits()
