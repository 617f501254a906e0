from __future__ import annotations

import msgspec
import pytest

from mlv.core.digest import DigestField, digest_of, parse_digest

# The first bytes of the official test vectors: input is 0, 1, 2, ... 250, 0, 1, ...
# Source: https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json
VECTORS = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
}


@pytest.mark.parametrize("length", VECTORS)
def test_digest_is_blake3(length: int) -> None:
    data = bytes(index % 251 for index in range(length))
    assert digest_of(data) == VECTORS[length]


@pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n"])
def test_text_that_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a digest"):
        parse_digest(text)
    with pytest.raises(msgspec.ValidationError, match="regex"):
        msgspec.convert(text, DigestField)


def test_digest_is_parsed_to_itself() -> None:
    assert parse_digest(VECTORS[0]) == VECTORS[0]
