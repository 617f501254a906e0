from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlv.store.layout import Layout
from mlv.store.lock import shared_store_lock
from mlv.store.objects import ObjectStore
from mlv.store.owner import give_to_owner

ADA = 12345


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int]]:
    """Whom files were given to, by path, instead of really giving them away."""
    given = {}

    def note(file: Path | int, user: int, group: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink() if isinstance(file, int) else file
        given[str(path)] = (user, group)

    monkeypatch.setattr(os, "chown", note)
    return given


@pytest.fixture
def stores_of_ada(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """The store of an ordinary user, seen by root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    layout.__dict__["foreign_owner"] = (ADA, ADA + 1)
    return layout


@pytest.mark.parametrize(
    ("user", "owner", "expected"),
    [(0, ADA, (ADA, ADA + 1)), (0, 0, None), (ADA, ADA, None), (ADA + 7, ADA, None)],
)
def test_only_root_gives_away(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    user: int,
    owner: int,
    expected: tuple[int, int] | None,
) -> None:
    fields = list(layout.root.stat())
    fields[4:6] = [owner, owner + 1]
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(Path, "stat", lambda _self: os.stat_result(fields))
    assert Layout(layout.root).foreign_owner == expected


@pytest.mark.parametrize("opened", [True, False])
def test_file_is_given_to_the_owner_of_the_store(
    stores_of_ada: Layout, owners: dict[str, tuple[int, int]], *, opened: bool
) -> None:
    path = stores_of_ada.root / "clone"
    with path.open("rb") as file:
        give_to_owner(stores_of_ada, file.fileno() if opened else path)
    assert owners == {str(path): (ADA, ADA + 1)}


def test_file_stays_with_who_made_it(layout: Layout, owners: dict[str, tuple[int, int]]) -> None:
    layout.__dict__["foreign_owner"] = None
    give_to_owner(layout, layout.root / "clone")
    assert owners == {}


def test_everything_that_root_adds_belongs_to_the_owner(
    stores_of_ada: Layout, owners: dict[str, tuple[int, int]]
) -> None:
    objects = ObjectStore(stores_of_ada)
    with objects.transaction() as writer:
        added = writer.add_bytes(b"data")
    assert objects.read(added) == b"data"
    names = {Path(path).relative_to(stores_of_ada.root).parts[0] for path in owners}
    assert names == {"packs", "tmp", "lock", "turnstile"}
    assert set(owners.values()) == {(ADA, ADA + 1)}


def test_locks_that_root_made_belong_to_the_owner(
    stores_of_ada: Layout, owners: dict[str, tuple[int, int]]
) -> None:
    with shared_store_lock(stores_of_ada):
        pass
    assert set(owners) == {str(stores_of_ada.lock), str(stores_of_ada.turnstile)}
