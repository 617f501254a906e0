"""A store of a few hundred bytes that has one of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from blake3 import blake3

from mlv.core.canonical import encode_record
from mlv.core.digest import Digest
from mlv.core.operation import LoggedOperation, Operation, PublishRun
from mlv.core.paths import RepoPath
from mlv.core.run import Content, Output
from mlv.core.tree import Fingerprint, encode_tree
from mlv.store.layout import Layout, create_store
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog
from mlv.store.pack_writer import PackWriter
from mlv.store.recipes import Chunk, encode_recipe
from mlv.store.whole import WholeObjects
from tests.unit.core.builders import CLONE, content, entry, make_operation, make_run, run_id

CHUNKS = (b"first chunk, ", b"second chunk, " * 9, b"third")
JOINED = b"".join(CHUNKS)
WHOLE = b"shared with the worktree"
TREE = encode_tree([entry("a"), entry("b", b"x", "exec")])
OBJECTS = {content(data): data for data in (b"", b"x", b"x,y\n" * 30, TREE, JOINED, WHOLE)}
MASKS = (0x01, 0x20, 0x80)


def create_small_store(root: Path) -> Layout:
    """Return a store with `OBJECTS`, in packs and in files of their own, all of them published."""
    layout = create_store(root, clone_id=CLONE)
    _pack_in_chunks(layout)
    whole = WholeObjects(layout)
    whole.write(BytesIO(WHOLE))
    whole.sync()
    objects = ObjectStore(layout)
    with objects.hold():
        with objects.transaction() as writer:
            for data in OBJECTS.values():
                writer.add_bytes(data)
            record = writer.add_record(RUN)
        OperationLog(layout.log, CLONE).append(_publish(record))
    return layout


def flip_each_byte(path: Path, *, step: int = 1) -> Iterator[int]:
    """Yield with one byte of a file changed after the other; put the file right at the end."""
    data = path.read_bytes()
    path.chmod(0o644)
    with path.open("r+b", buffering=0) as file:
        for position in range(0, len(data), step):
            file.seek(position)
            file.write(bytes((data[position] ^ MASKS[position % len(MASKS)],)))
            yield position
            file.seek(position)
            file.write(data[position : position + 1])
    assert path.read_bytes() == data


def _pack_in_chunks(layout: Layout) -> None:
    packs = PackWriter(layout)
    chunks = [Chunk(blake3(data).digest(), len(data)) for data in CHUNKS]
    for chunk, data in zip(chunks, CHUNKS, strict=True):
        packs.add(chunk.digest, data)
    packs.add_recipe(blake3(JOINED).digest(), len(JOINED), encode_recipe(chunks))
    packs.publish()


def _publish(record: Content) -> Callable[[LoggedOperation | None], Operation]:
    def build(last: LoggedOperation | None) -> Operation:
        change = PublishRun(run=run_id(1), record=record)
        return make_operation(change, 1, previous=last.id if last else None)

    return build


def _output(number: int, held: Content) -> Output:
    found = Fingerprint(
        kind="dir" if held == content(TREE) else "file",
        digest=held.digest,
        size_bytes=held.size_bytes,
    )
    return Output(path=RepoPath(f"{number}"), source="observed", fingerprint=found)


RUN = make_run(1, outputs=tuple(_output(*each) for each in enumerate(OBJECTS)))
RECORD = encode_record(RUN)
OBJECTS[Content(digest=Digest(blake3(RECORD).hexdigest()), size_bytes=len(RECORD))] = RECORD
