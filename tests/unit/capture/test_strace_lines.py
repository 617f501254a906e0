from __future__ import annotations

from pathlib import Path

from mlv.capture.observing.observed_lines import Line
from mlv.capture.observing.observed_places import Places
from mlv.capture.observing.strace_lines import read_traces, without_repeats

SECOND_NS = 1_000_000_000


def follow(tmp_path: Path, **traces: str) -> list[tuple[str, str | None, str | None]]:
    """Return kind and names of the lines; `ROOT` stands for the root of the worktree."""
    return [(line.k, line.p, line.q) for line in trace(tmp_path, **traces)]


def trace(tmp_path: Path, **traces: str) -> list[Line]:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    observed = tmp_path / "observed"
    observed.mkdir()
    for process, text in traces.items():
        content = text.replace("ROOT", str(root))
        (observed / f"strace.{process.removeprefix('p')}").write_text(content)
    return list(read_traces(observed, Places(str(root), str(observed), ()), 0))


def test_open_is_named_by_what_was_opened(tmp_path: Path) -> None:
    text = """\
1.000001 openat(AT_FDCWD<ROOT>, "link", O_RDONLY|O_CLOEXEC) = 3<ROOT/data.csv>
1.000002 open("out", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3<ROOT/out>
1.000003 openat(AT_FDCWD<ROOT>, "both", O_RDWR|O_CREAT, 0666) = 3<ROOT/both>
1.000004 openat2(AT_FDCWD<ROOT>, "two", {flags=O_RDONLY, resolve=0}, 24) = 3<ROOT/two>
1.000005 creat("new", 0666) = 3<ROOT/new>
"""
    assert follow(tmp_path, p1=text) == [
        ("r", "data.csv", None),
        ("w", "out", None),
        ("r", "both", None),
        ("w", "both", None),
        ("r", "two", None),
        ("w", "new", None),
    ]


def test_what_is_no_data_is_left_out(tmp_path: Path) -> None:
    text = """\
1.000001 openat(AT_FDCWD<ROOT>, ".", O_RDONLY|O_DIRECTORY) = 3<ROOT>
1.000002 openat(AT_FDCWD<ROOT>, "x", O_RDONLY) = 3</etc/ld.so.cache>
1.000003 openat(AT_FDCWD<ROOT>, "x", O_RDONLY) = 3<ROOT/.git/config>
1.000004 openat(AT_FDCWD<ROOT>, "x", O_RDONLY) = 3<pipe:[123]>
1.000005 openat(AT_FDCWD<ROOT>, "x", O_RDONLY) = 3<ROOT/x (deleted)>
1.000006 openat(AT_FDCWD<ROOT>, "x", O_RDONLY) = 3</data/module.py>
1.000007 openat(AT_FDCWD<ROOT>, "x", O_RDONLY <unfinished ...>
+++ killed by SIGKILL +++
"""
    assert follow(tmp_path, p1=text) == []


def test_names_are_read_as_strace_writes_them(tmp_path: Path) -> None:
    text = r"""1.000001 openat(AT_FDCWD<ROOT>, "x", O_RDONLY) = 3<ROOT/a\76\303\251\n\"\\>
1.000002 rename("a\76\t", "\377") = 0
"""
    chdir = '0.000001 openat(AT_FDCWD<ROOT>, ".", O_RDONLY|O_DIRECTORY) = 3<ROOT>\n'
    assert follow(tmp_path, p1=chdir + text) == [
        ("r", 'a>é\\n"\\\\', None),
        ("mv", "a>\\x09", "\\xff"),
    ]


def test_relative_names_follow_each_process_to_its_directory(tmp_path: Path) -> None:
    parent = """\
1.000001 openat(AT_FDCWD<ROOT>, ".", O_RDONLY|O_DIRECTORY) = 3<ROOT>
1.000002 chdir("sub") = 0
1.000003 vfork() = 22
1.000007 unlink("a") = 0
1.000008 fchdir(3<ROOT/other>) = 0
1.000009 unlink("b") = 0
"""
    child = """\
1.000004 unlink("c") = 0
1.000005 chdir("deep") = 0
1.000006 symlink("x", "link") = 0
"""
    assert follow(tmp_path, p21=parent, p22=child) == [
        ("rm", "sub/c", None),
        ("w", "sub/deep/link", None),
        ("rm", "sub/a", None),
        ("rm", "other/b", None),
    ]


def test_descriptors_of_directories_are_followed(tmp_path: Path) -> None:
    text = """\
1.000001 renameat2(4<ROOT/a>, "x", AT_FDCWD<ROOT>, "y", RENAME_NOREPLACE) = 0
1.000002 unlinkat(4<ROOT/a>, "z", 0) = 0
1.000003 linkat(AT_FDCWD<ROOT>, "y", 4<ROOT/a>, "hard", 0) = 0
1.000004 truncate("ROOT/t", 0) = 0
"""
    assert follow(tmp_path, p1=text) == [
        ("mv", "a/x", "y"),
        ("rm", "a/z", None),
        ("w", "a/hard", None),
        ("w", "t", None),
    ]


def test_time_of_a_line_is_that_of_the_call(tmp_path: Path) -> None:
    (line,) = trace(tmp_path, p1='7.000001 unlink("ROOT/a") = 0\n')
    assert line.t == 7 * SECOND_NS + 1000


def test_what_the_audit_hook_saw_too_is_told_once() -> None:
    rename = Line(t=1, k="mv", p="a", q="b")
    own = Line(t=3, k="mv", p="c", q="d")
    read = Line(t=4, k="r", p="a")
    hooked = [Line(t=0, k="mv", p="a", q="b", d=True), Line(t=0, k="r", p="a")]
    assert without_repeats(iter([rename, own, read]), hooked) == [own, read]
