from __future__ import annotations

from pathlib import Path

import pytest

from mlv.git.merge_driver import add_attribute, ensure_attribute


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"*.mlv merge=mlv\n"),
        (b"*.csv text\n", b"*.csv text\n*.mlv merge=mlv\n"),
        (b"*.csv text", b"*.csv text\n*.mlv merge=mlv"),
        (b"*.csv text\r\n", b"*.csv text\r\n*.mlv merge=mlv\r\n"),
        (b"*.mlv text\n", b"*.mlv text\n*.mlv merge=mlv\n"),
        (b"# *.mlv merge=mlv\n", b"# *.mlv merge=mlv\n*.mlv merge=mlv\n"),
    ],
)
def test_attribute_is_added_and_the_rest_stays(before: bytes, after: bytes) -> None:
    assert add_attribute(before) == after
    assert add_attribute(after) == after


@pytest.mark.parametrize("line", [b"*.mlv -merge", b"*.mlv text merge=union", b"*.mlv\tmerge"])
def test_attribute_that_somebody_chose_wins(line: bytes) -> None:
    assert add_attribute(line + b"\n") == line + b"\n"


def test_attributes_file_that_is_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").symlink_to("elsewhere")
    assert not ensure_attribute(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
