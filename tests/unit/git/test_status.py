from __future__ import annotations

from mlv.git.command import GitCommand, Output
from mlv.git.status import Change, list_changes


class _Recorded(GitCommand):
    """Git that always answers the same."""

    def __init__(self, stdout: bytes, stderr: bytes = b"") -> None:
        self._output = Output(status=0, stdout=stdout, stderr=stderr)

    def run(self, *_arguments: str, **_options: object) -> Output:
        return self._output


def test_changes_are_read_with_any_name() -> None:
    command = _Recorded(
        b"# branch.oid 1\0"
        b"1 M. N... 100644 100644 100644 1111 2222 staged name\0"
        b"1 .M N... 100644 100644 100644 1111 1111 new\nline\0"
        b"1 .D N... 100644 100644 000000 1111 1111 \xff\0"
        b"1 D. N... 100644 000000 000000 1111 0000 out\0"
        b"1 .M SC.. 160000 160000 160000 1111 1111 sub\0"
        b"1 .A N... 000000 000000 100644 0000 0000 announced\0"
        b"u UU N... 100644 100644 100644 100644 1 2 3 both sides\0"
        b"u DU N... 100644 000000 100644 000000 1 0 3 theirs\0"
        b"? new file\0"
        b"? nested/\0",
    )

    assert list_changes(command) == (
        Change(path=b"staged name", kind="staged"),
        Change(path=b"new\nline", kind="modified"),
        Change(path=b"\xff", kind="deleted"),
        Change(path=b"out", kind="staged"),
        Change(path=b"sub", kind="modified", is_submodule=True),
        Change(path=b"announced", kind="added"),
        Change(path=b"both sides", kind="unmerged"),
        Change(path=b"theirs", kind="deleted"),
        Change(path=b"new file", kind="untracked"),
        Change(path=b"nested", kind="repository"),
    )


def test_directories_that_git_may_not_list_are_reported() -> None:
    command = _Recorded(b"", b"warning: could not open directory 'private/': Permission denied\n")

    assert list_changes(command) == (Change(path=b"private", kind="untracked"),)
