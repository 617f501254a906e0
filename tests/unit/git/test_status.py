from __future__ import annotations

from mlv.git.command import Output
from mlv.git.status import Change, Entry, parse_status


def _answer(stdout: bytes, stderr: bytes = b"") -> Output:
    return Output(status=0, stdout=stdout, stderr=stderr)


def test_changes_are_read_with_any_name() -> None:
    answer = _answer(
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

    changes = parse_status(answer)
    assert tuple(
        Change(path=x.path, kind=x.kind, is_submodule=x.is_submodule) for x in changes
    ) == (
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


def test_changes_say_what_head_and_the_index_have() -> None:
    answer = _answer(
        b"1 MM N... 100644 100755 100755 1111 2222 both\0"
        b"1 D. N... 100644 000000 000000 1111 0000 out\0"
        b"1 A. N... 000000 100644 100644 0000 2222 new\0"
        b"u UU N... 100644 100644 100644 100644 1 2 3 conflict\0"
        b"u UA N... 000000 000000 100644 100644 0 0 3 theirs\0"
        b"? file\0",
    )

    assert [(each.committed, each.staged) for each in parse_status(answer)] == [
        (Entry(mode="100644", blob_id="1111"), Entry(mode="100755", blob_id="2222")),
        (Entry(mode="100644", blob_id="1111"), None),
        (None, Entry(mode="100644", blob_id="2222")),
        (Entry(mode="100644", blob_id="2"), None),
        (Entry(mode="100644", blob_id="3"), None),
        (None, None),
    ]


def test_directories_that_git_may_not_list_are_reported() -> None:
    answer = _answer(b"", b"warning: could not open directory 'private/': Permission denied\n")

    assert parse_status(answer) == (Change(path=b"private", kind="untracked"),)
