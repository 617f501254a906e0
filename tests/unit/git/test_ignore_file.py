from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlv.errors import WorktreeError
from mlv.git.ignore_file import add_rules, edit_ignore_file, own_names, remove_rules

_NAMES = [
    b"data",
    b"with space ",
    b"#hash",
    b"!bang",
    b"st*r[1]?",
    b"back\\slash",
    b"\xc3\xa9t\xc3\xa9",
]


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"*.pyc\n",
        b"*.pyc",
        b"*.pyc\r\nbuild/\r\n",
        b"*.pyc\r\nbuild/",
        b"\n\n",
        b"*.pyc\n# data that mlv tracks\n/other\n\nbuild/\n",
    ],
)
def test_rules_that_were_added_and_removed_leave_every_byte_as_it_was(before: bytes) -> None:
    after = add_rules(before, _NAMES)
    assert add_rules(after, _NAMES) == after
    assert set(_NAMES) <= set(own_names(after))
    assert remove_rules(after, _NAMES) == before


def test_rules_keep_the_line_ends_of_the_file() -> None:
    assert add_rules(b"a\r\nb", [b"data"]) == b"a\r\nb\r\n# data that mlv tracks\r\n/data"


def test_rule_that_somebody_else_wrote_is_neither_repeated_nor_removed() -> None:
    text = b"/data\nbuild/\n"
    assert add_rules(text, [b"data"]) == text
    assert remove_rules(text, [b"data"]) == text
    assert own_names(text) == []


def test_rules_of_mlv_stand_together() -> None:
    text = add_rules(add_rules(b"", [b"a"]) + b"build/\n", [b"b"])
    assert text == b"# data that mlv tracks\n/a\n/b\nbuild/\n"


@pytest.mark.parametrize("name", [*_NAMES, b"new\nline", b"return\r", b"\xff\xfe", b"a\tb "])
def test_git_ignores_what_a_rule_is_for_and_nothing_like_it(tmp_path: Path, name: bytes) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_bytes(add_rules(b"*.pyc", [name]))
    asked = [name, name[:-1] + b"0", b"sub/" + name, b"x" + name]
    output = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", "-z", "--stdin"],
        input=b"\0".join(asked) + b"\0",
        capture_output=True,
        check=False,
    ).stdout
    wildcard = name.endswith(b"\r")  # a rule cannot hold one at its end
    assert output.split(b"\0")[:-1] == ([name, asked[1]] if wildcard else [name])


def test_edit_removes_a_file_that_has_nothing_left(tmp_path: Path) -> None:
    assert edit_ignore_file(tmp_path, lambda text: add_rules(text, [b"data"]))
    assert not edit_ignore_file(tmp_path, lambda text: add_rules(text, [b"data"]))
    assert edit_ignore_file(tmp_path, lambda text: remove_rules(text, [b"data"]))
    assert list(tmp_path.iterdir()) == []


def test_edit_keeps_the_mode_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".gitignore"
    path.write_bytes(b"x\n")
    path.chmod(0o600)
    edit_ignore_file(tmp_path, lambda text: text + b"y\n")
    assert path.stat().st_mode & 0o777 == 0o600


def test_edit_refuses_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").symlink_to("elsewhere")
    with pytest.raises(WorktreeError, match="which Git does not follow"):
        edit_ignore_file(tmp_path, lambda text: text + b"x\n")
