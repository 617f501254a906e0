"""Values of the types of `mlv.core`."""

from __future__ import annotations

from hypothesis import strategies as st

from mlv.core.digest import digest_of
from mlv.core.paths import escape_name
from mlv.core.run import Metric, ParamSource, Series
from mlv.core.scalars import scalar_of
from mlv.core.tree import EntryKind, TreeEntry, check_name
from tests.unit.core.builders import make_run, output, read_input


def _is_allowed(raw: bytes) -> bool:
    try:
        check_name(raw)
    except ValueError:
        return False
    return True


KINDS: st.SearchStrategy[EntryKind] = st.sampled_from(["file", "exec", "link", "dir"])
RAW_NAMES = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.text(min_size=1, max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"a", b"A", b"a b", b"\n", b"\xff", b"-", b"...", "é".encode()]),
).filter(_is_allowed)
CONTENTS = st.binary(max_size=8)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)

ENTRIES = st.builds(
    lambda raw, kind, data: TreeEntry(
        name=escape_name(raw), kind=kind, digest=digest_of(data), size_bytes=len(data)
    ),
    RAW_NAMES,
    KINDS,
    CONTENTS,
)
DIRECTORIES = st.lists(ENTRIES, unique_by=lambda entry: entry.name, max_size=8)

NUMBERS = st.one_of(st.floats(), st.integers(-(2**70), 2**70))
SCALARS = NUMBERS.map(scalar_of)
JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        NAMES,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
METRICS = st.builds(
    Metric,
    value=SCALARS,
    source=NAMES,
    n_values=st.integers(1, 100),
    step=st.none() | st.integers(),
    first=st.none() | SCALARS,
)
SERIES = st.lists(st.tuples(st.integers(), SCALARS), max_size=4).map(
    lambda points: Series(
        steps=tuple(step for step, _ in points),
        values=tuple(value for _, value in points),
        times_s=(),
    )
)
PARAM_SOURCES = st.builds(
    ParamSource, name=NAMES, values=st.dictionaries(NAMES, JSON_VALUES, max_size=3)
)
RUNS = st.builds(
    make_run,
    st.integers(0, 1000),
    metrics=st.dictionaries(NAMES, METRICS, max_size=3),
    series=st.dictionaries(NAMES, SERIES, max_size=2),
    params=st.lists(PARAM_SOURCES, max_size=2).map(tuple),
    outputs=st.lists(st.builds(output, NAMES, CONTENTS), max_size=3).map(tuple),
    inputs=st.lists(st.builds(read_input, NAMES, CONTENTS), max_size=3).map(tuple),
    tags=st.lists(NAMES, max_size=2).map(tuple),
    note=NAMES,
)
