"""The series of a run as a pandas data frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlv.app.look.exporting import find_series
from mlv.app.workspace import Workspace
from mlv.capture.journal.series_file import SeriesColumns, make_columns

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_MOST_EXACT = 1 << 53
"""Up to here a float64 holds every whole number."""


def series_frame(workspace: Workspace, reference: str, names: Sequence[str]) -> pd.DataFrame:
    """Return points of a run, sealed or not, one a row.

    Args:
        workspace: Where.
        reference: The run.
        names: Names of series; all without any.

    Returns:
        Columns `series` (text), `step` (int64), `time` (datetime64[ns, UTC], NaT where it is not
        known) and `value`: int64 when all are whole numbers, else float64; objects only where
        a whole number would lose digits beside floats.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        NotPossibleError: The run has no series of such a name.
        MissingObjectError, CorruptDataError: The object of long series is gone or damaged.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    columns = make_columns(list(find_series(workspace, reference, names)))
    times = (columns.times_us * 1_000).view("datetime64[ns]")
    times[~columns.timed] = np.datetime64("NaT")
    labels = pa.DictionaryArray.from_arrays(columns.codes, pa.array(columns.names, pa.string()))
    frame: pd.DataFrame = pd.DataFrame(
        {
            "series": labels.dictionary_decode().to_pandas(),
            "step": columns.steps,
            "time": pd.DatetimeIndex(times).tz_localize("UTC"),
            "value": _values(columns),
        },
        copy=False,
    )
    return frame


def _values(columns: SeriesColumns) -> NDArray[np.generic]:
    import numpy as np

    whole = columns.whole
    if len(whole) and whole.all():
        return columns.wholes
    if not (np.abs(columns.wholes[whole].astype(np.float64)) > _MOST_EXACT).any():
        return columns.floats
    exact = columns.floats.astype(object)
    exact[whole] = columns.wholes[whole].tolist()
    return exact
