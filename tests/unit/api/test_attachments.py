from __future__ import annotations

from pathlib import Path

import pytest

from mlv.api.attachments import format_dict, format_text, safe_name, write_attachment
from mlv.capture.execution.run_directory import MAX_ATTACHMENT_BYTES


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("loss", "loss.png"),
        ("loss.png", "loss.png"),
        ("loss.SVG", "loss.SVG"),
        ("plots/loss", "plots/loss.png"),
        ("v1.2", "v1.2.png"),
        ("/etc/passwd", "etc/passwd.png"),
        ("../../x", "x.png"),
        ("a/../b", "a/b.png"),
        ("a\\..\\b", "a/b.png"),
        (".hidden", "hidden.png"),
        ("a\nb\x00", "a_b_.png"),
        ("  a  ", "a.png"),
        (5, "5.png"),
        ("\ud800", "/ud800.png"[1:]),
        ("é" * 300, "é" * 100 + ".png"),
    ],
)
def test_name_leads_nowhere_else(name: object, safe: str) -> None:
    assert safe_name(name, ".png", ".svg") == safe


@pytest.mark.parametrize("name", ["", "/", "..", "./.", " "])
def test_name_must_name_something(name: str) -> None:
    with pytest.raises(ValueError, match="names no attachment"):
        safe_name(name, ".png")


def test_text_keeps_its_suffix() -> None:
    assert [format_text(name, "x")[0] for name in ("a", "a.md")] == ["a.txt", "a.md"]


def test_mapping_becomes_json() -> None:
    name, data = format_dict("d", {"a": {1: object()}, "é": float})
    text = '{\n  "a": {\n    "1": "<object object>"\n  },\n  "é": "builtins.float"\n}\n'
    assert (name, data.decode()) == ("d.json", text)


def test_attachment_replaces_the_one_before(tmp_path: Path) -> None:
    write_attachment(str(tmp_path), "a/b.txt", b"old")
    write_attachment(str(tmp_path), "a/b.txt", b"new")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [(str(path.relative_to(tmp_path)), path.read_bytes()) for path in files] == [
        ("attachments/a/b.txt", b"new")
    ]


def test_attachment_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    write_attachment(str(tmp_path), "a/b.txt", b"old")
    with pytest.raises(OSError, match="a directory"):
        write_attachment(str(tmp_path), "a", b"new")
    assert [path.name for path in (tmp_path / "attachments").iterdir()] == ["a"]


def test_attachment_has_a_limit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an attachment at most"):
        write_attachment(str(tmp_path), "a.txt", bytes(MAX_ATTACHMENT_BYTES + 1))


def test_attachment_of_a_sealed_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="sealed"):
        write_attachment(str(tmp_path / "gone"), "a.txt", b"")
    assert list(tmp_path.iterdir()) == []
