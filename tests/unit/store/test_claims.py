from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from blake3 import blake3

from mlv.store.claims import Claims
from mlv.store.workers import run_in_workers


def _digest(number: int) -> bytes:
    return blake3(b"%d" % number).digest()


def test_first_to_claim_gets_it() -> None:
    claims = Claims()
    assert [claims.claim(_digest(number)) for number in (1, 2, 1, 3, 2)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_digests_that_begin_alike_do_not_disturb_each_other() -> None:
    claims = Claims()
    digests = [bytes(8) + bytes([number]) * 24 for number in range(1, 8)]
    assert all(claims.claim(digest) for digest in digests)
    assert not any(claims.claim(digest) for digest in digests)


def test_full_table_refuses_nothing_that_nobody_has() -> None:
    claims = Claims(n_slots=16)
    assert all(claims.claim(_digest(number)) for number in range(200))


def test_claims_hold_in_forked_processes() -> None:
    claims = Claims()
    mine = [_digest(number) for number in range(100)]
    for digest in mine:
        claims.claim(digest)

    @contextmanager
    def work() -> Iterator[Callable[[int], int]]:
        yield lambda _: sum(claims.claim(digest) for digest in mine)

    granted: list[int] = []

    def take(result: int) -> list[int]:
        granted.append(result)
        return []

    run_in_workers(range(4), work, take, n_workers=2)
    assert granted == [0] * 4
