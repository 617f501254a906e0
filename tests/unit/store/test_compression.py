from __future__ import annotations

import pytest
import zstandard

from mlv.store.compression import Compressor
from tests.unit.store.pack_builders import noise


@pytest.fixture
def compressor() -> Compressor:
    return Compressor()


@pytest.mark.parametrize(
    "data",
    [b"", b"data", noise(1000), noise(200_000), noise(64_000) + bytes(2000)],
    ids=["empty", "short", "noise", "long noise", "saves 3 %"],
)
def test_what_does_not_save_a_twentieth_stays_raw(compressor: Compressor, data: bytes) -> None:
    assert compressor.compress(data) is None
    assert compressor.compress(memoryview(data)) is None


@pytest.mark.parametrize(
    "data",
    [b"a" * 100, noise(60_000) + bytes(5000), bytes(200_000), noise(1000) * 200],
    ids=["short", "saves 7 %", "long", "repeated"],
)
def test_what_saves_a_twentieth_is_a_frame_that_says_its_length(
    compressor: Compressor, data: bytes
) -> None:
    frame = compressor.compress(memoryview(data))
    assert frame is not None
    assert zstandard.frame_content_size(frame) == len(data)
    assert zstandard.ZstdDecompressor().decompress(frame) == data


def test_payloads_that_compress_are_noticed_after_many_that_do_not(compressor: Compressor) -> None:
    assert {compressor.compress(noise(1000, seed)) for seed in range(200)} == {None}
    found = [compressor.compress(b"text " * 100) is not None for _ in range(20)]
    assert found.count(False) < 8
    assert all(found[8:])
