"""Which of several forked processes stores an object that all of them come across."""

from __future__ import annotations

import mmap

_N_SLOTS = 1 << 20
_MOST_STEPS = 8
_DIGEST_BYTES = 32
_FREE = bytes(_DIGEST_BYTES)


class Claims:
    """A table of digests in memory that a process shares with those that it forks.

    There are no locks: two that claim the same object at the same moment may both get
    it, and when the table is full everybody gets everything. Then an object is stored
    twice, which wastes space and does no harm. The other way round cannot happen:
    who is refused a claim can rely on another one who has it, as long as all of them
    succeed or none.
    """

    def __init__(self, n_slots: int = _N_SLOTS) -> None:
        self._n_slots = n_slots
        self._table = mmap.mmap(-1, n_slots * _DIGEST_BYTES)

    def claim(self, digest: bytes) -> bool:
        """Take on an object, and return True; return False when somebody else has.

        Args:
            digest: 32 bytes. Whoever claims one twice is refused the second time.
        """
        slot = int.from_bytes(digest[:8], "little")
        for step in range(_MOST_STEPS):
            at = (slot + step) % self._n_slots * _DIGEST_BYTES
            found = self._table[at : at + _DIGEST_BYTES]
            if found == digest:
                return False
            if found == _FREE:
                self._table[at : at + _DIGEST_BYTES] = digest
                return True
        return True
