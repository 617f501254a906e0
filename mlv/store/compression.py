"""Compress payloads where that saves space, without wasting time where it does not."""

from __future__ import annotations

import zstandard

_LEVEL = 3
_WORTH_IT = 0.95
_SAMPLED_BYTES = 128 << 10
_SAMPLE_BYTES = 8 << 10
_PATIENCE = 32
_RETRY_EVERY = 8


class Compressor:
    """Compresses one payload after the other, for one thread at a time.

    Neighbours are alike: after 32 small payloads in a row that did not compress, only
    every eighth is tried until one does.
    """

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL)
        self._n_in_vain = 0

    def compress(self, data: bytes | memoryview) -> bytes | None:
        """Return the zstd frame of `data`, None when it does not save 5 %."""
        if len(data) >= _SAMPLED_BYTES:
            return self._compress_large(data)
        n_in_vain = self._n_in_vain
        if n_in_vain >= _PATIENCE and n_in_vain % _RETRY_EVERY:
            self._n_in_vain = n_in_vain + 1
            return None
        frame = self._zstd.compress(data)
        if len(frame) <= len(data) * _WORTH_IT:
            self._n_in_vain = 0
            return frame
        self._n_in_vain = n_in_vain + 1
        return None

    def _compress_large(self, data: bytes | memoryview) -> bytes | None:
        """Judge by a few samples first, as most large files do not compress."""
        size = len(data)
        starts = range(0, size - _SAMPLE_BYTES, size // 4)
        sample = b"".join([data[start : start + _SAMPLE_BYTES] for start in starts])
        if len(self._zstd.compress(sample)) > len(sample) * _WORTH_IT:
            return None
        frame = self._zstd.compress(data)
        return frame if len(frame) <= size * _WORTH_IT else None
