from __future__ import annotations

import pytest

from mlv.core.digest import digest_of
from mlv.core.pointer import MAX_POINTER_BYTES, format_pointer, parse_pointer
from mlv.core.tree import Fingerprint
from mlv.errors import UnreadableFileError

_DIGEST = digest_of(b"x")
_DIRECTORY = Fingerprint(
    kind="dir", digest=_DIGEST, size_bytes=120, n_files=2, total_bytes=1_000_000
)
_TEXT = f"""\
# mlv keeps the data that belongs here: `mlv checkout` brings it back
mlv: 1
kind: dir
digest: {_DIGEST}
size: 1000000
files: 2
tree_size: 120
"""


def _problem(text: str) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        parse_pointer(text.encode(), "data.mlv")
    return caught.value.message


def test_pointer_of_a_directory_has_this_text() -> None:
    assert format_pointer(_DIRECTORY) == _TEXT


@pytest.mark.parametrize("kind", ["file", "exec"])
def test_pointer_of_a_file_holds_kind_digest_and_size_alone(kind: str) -> None:
    data = Fingerprint(kind="exec" if kind == "exec" else "file", digest=_DIGEST, size_bytes=0)
    text = format_pointer(data)
    assert text.splitlines()[1:] == ["mlv: 1", f"kind: {kind}", f"digest: {_DIGEST}", "size: 0"]
    assert parse_pointer(text.encode(), "data.mlv") == data


def test_pointer_reads_back_equal_with_any_line_ends_and_comments() -> None:
    edited = _TEXT.replace("\n", "\r\n") + "\r\n# mine\r\n"
    assert parse_pointer(edited.encode(), "data.mlv") == _DIRECTORY


def test_symbolic_link_has_no_pointer() -> None:
    with pytest.raises(ValueError, match="a symbolic link has no pointer"):
        format_pointer(Fingerprint(kind="link", digest=_DIGEST, size_bytes=1))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("mlv: 1", "mlv: 2", "data.mlv:2: format '2' is unknown; this mlv knows '1'"),
        ("kind: dir", "kind: dri", "data.mlv:3: kind: invalid enum value 'dri'"),
        ("kind: dir", "kind: link", "data.mlv:3: kind: invalid enum value 'link'"),
        ("size: 1000000", "size: -1", "data.mlv:5: size: expected 'int' >= 0"),
        ("size: 1000000", "size: big", "data.mlv:5: size: expected 'int', got 'str'"),
        ("size: 1000000\n", "", "data.mlv:1: missing required field 'size'"),
        ("files: 2\n", "", "data.mlv:1: the pointer of a directory needs the key 'files'"),
        ("files: 2", "flies: 2", "data.mlv:6: contains unknown field 'flies'"),
        ("files: 2", "files: 2\nfiles: 3", "data.mlv:7: 'files' comes twice, first on line 6"),
        ("files: 2", "files", "data.mlv:6: expected 'key: value', found 'files'"),
        ("# mlv", "<<<<<<< HEAD\n# mlv", "data.mlv:1: a merge left its conflict here"),
        (_TEXT, "", "data.mlv:1: it is empty, and a pointer says what its data is"),
    ],
)
def test_pointer_that_is_wrong_is_refused_with_its_line(old: str, new: str, problem: str) -> None:
    assert _problem(_TEXT.replace(old, new)) == problem


def test_pointer_with_half_a_digest_is_refused_with_its_line() -> None:
    problem = _problem(_TEXT.replace(_DIGEST, _DIGEST[:40]))
    assert problem.startswith("data.mlv:4: digest: expected 'str' matching")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff\xfe", "it is not text, so it is no pointer"),
        (b"#" * (MAX_POINTER_BYTES + 1), "it is too large for a pointer"),
    ],
)
def test_what_is_no_pointer_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse_pointer(data, "data.mlv")
    assert caught.value.message == f"data.mlv:1: {problem}"
