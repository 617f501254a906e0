"""`mlv export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from mlv.cli.options import RunArgument
from mlv.errors import NoSuchRunError, UsageError

_Format = Literal["json", "csv", "jsonl", "parquet"]


def export(
    run: RunArgument = "last",
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERIES]...", help="Only these series; `train/*` is a pattern."),
    ] = None,
    series: Annotated[
        bool, typer.Option("--series", help="Export metrics over steps, one point a row.")
    ] = False,
    form: Annotated[
        _Format | None,
        typer.Option("--format", help="As the name of FILE says without it; else json, or csv."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to, if not standard output."),
    ] = None,
    attachments: Annotated[
        Path | None,
        typer.Option("--attachments", metavar="DIR", help="Write figures and tables into DIR."),
    ] = None,
) -> None:
    """Export a run for other programs: params and metrics, series, or attachments.

    Runs that are going on, or were lost, are exported as far as they are known.

    Examples:
        mlv export last
        mlv export best:accuracy --series loss -o loss.csv
        mlv export last --series --format parquet -o series.parquet
        mlv export last --attachments figures/

    Exit codes:
        0  done
        2  the format does not fit
        3  no such run or series, or what is to be written exists already
        7  corrupt data
    """
    if names and not series:
        hint = f"mlv export {run} --series {' '.join(names)}"
        raise UsageError("names of series need --series", hint=hint)
    if attachments is None:
        _export(run, names or () if series else None, form, output)
    elif series or form is not None or output is not None:
        raise UsageError("--attachments goes with none of the other options")
    else:
        from mlv.app.look.exporting import export_attachments
        from mlv.cli.render.export import print_attachments
        from mlv.cli.session import open_here

        print_attachments(export_attachments(open_here(), run, attachments))


def _export(
    run: str, names: Sequence[str] | None, form: _Format | None, output: Path | None
) -> None:
    """Export series of a run, all of them when `names` is empty; or the run when it is None."""
    from mlv.app.look.exporting import export_run, find_series
    from mlv.app.look.formats import write_run_as_csv, write_run_as_json, write_series
    from mlv.cli.render.export import opened_output
    from mlv.cli.session import open_here

    form = form or _format_of(output) or ("json" if names is None else "csv")
    if names is None:
        if form not in ("json", "csv"):
            hint = f"for its series: mlv export {run} --series --format {form}"
            raise UsageError(f"a run is exported as json or csv, not as {form}", hint=hint)
        exported = export_run(open_here(), run)
        with opened_output(output, form) as sink:
            (write_run_as_json if form == "json" else write_run_as_csv)(exported, sink)
        return
    if form == "json":
        hint = f"mlv export {run} --series --format jsonl"
        raise UsageError("series are exported as csv, jsonl or parquet, not as json", hint=hint)
    try:
        points = find_series(open_here(), run, names)
    except NoSuchRunError as error:
        instead = f"if it is a series: mlv export last --series {run}"
        raise NoSuchRunError(error.message, hint=error.hint if names else instead) from error
    with opened_output(output, form) as sink:
        write_series(points, form, sink)


def _format_of(output: Path | None) -> _Format | None:
    """Return the format that the name of a file asks for."""
    suffixes: dict[str, _Format] = {
        ".json": "json",
        ".csv": "csv",
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".parquet": "parquet",
    }
    return None if output is None else suffixes.get(output.suffix.lower())
