from __future__ import annotations

import pytest

from mlv.core.paths import escape_name, unescape_name


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"train.csv", "train.csv"),
        (b"a/b c/d", "a/b c/d"),
        ("grün/数据".encode(), "grün/数据"),
        (b"new\nline", r"new\nline"),
        (b"back\\slash", r"back\\slash"),
        (b"\\n", r"\\n"),
        (b"tab\tnul\0esc\x1b", r"tab\x09nul\x00esc\x1b"),
        (b"del\x7f", r"del\x7f"),
        (b"latin-\xe9", r"latin-\xe9"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("\u0085".encode(), r"\xc2\x85"),
        ("\u2028\u2029".encode(), r"\xe2\x80\xa8\xe2\x80\xa9"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        (b"\xc3", r"\xc3"),
    ],
)
def test_name_is_escaped_and_comes_back(raw: bytes, text: str) -> None:
    assert (escape_name(raw), unescape_name(text)) == (text, raw)


@pytest.mark.parametrize("text", ["\\", "a\\", r"\q", r"\x", r"\x0", r"\xG0", r"\xFF", r"\\\t"])
def test_backslash_that_begins_no_escape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="backslash that begins no escape"):
        unescape_name(text)


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        unescape_name("\udcff")
