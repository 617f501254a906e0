"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from mlv.errors import MlvError

if TYPE_CHECKING:
    from typer._click import Context

_RUN = "run"
_RUN_FAILED = 125
_RUN_CODES = (125, 126, 127)
_BUG = 70
_INTERRUPTED = 130
_CLOSED_PIPE = 141


class MlvGroup(TyperGroup):
    """The group of all commands, which turns errors into messages and exit codes."""

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401 - as in Typer
        """Run a command.

        Raises:
            typer.Exit: With the exit code that docs/reference/exit-codes.md lists.
        """
        try:
            return super().invoke(ctx)
        except MlvError as error:
            report(error)
            raise typer.Exit(_exit_code(error, ctx)) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(_INTERRUPTED) from error
        except BrokenPipeError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_CLOSED_PIPE) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if hasattr(error, "exit_code"):
                _leave_usage_error(error, ctx)
            _report_bug(error)
            raise typer.Exit(_BUG) from error


def report(error: MlvError) -> None:
    """Write an error to standard error, as JSON when `--json` was asked for."""
    if "--json" in sys.argv:
        import json

        text = json.dumps(
            {"error": error.message, "hint": error.hint, "exit_code": error.exit_code}
        )
    else:
        text = f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else "")
    typer.echo(text, err=True)


def _exit_code(error: MlvError, ctx: Context) -> int:
    if ctx.invoked_subcommand == _RUN and error.exit_code not in _RUN_CODES:
        return _RUN_FAILED
    return error.exit_code


def _leave_usage_error(error: Exception, ctx: Context) -> NoReturn:
    """Let Typer report a usage error; that of `mlv run` must not look like the command's."""
    if ctx.invoked_subcommand != _RUN:
        raise error
    error.show()  # type: ignore[attr-defined]  # Typer vendors the class and hides it
    raise typer.Exit(_RUN_FAILED) from error


def _report_bug(error: Exception) -> None:
    from mlv.app.bug_report import save_bug_report

    path = save_bug_report(error, command=sys.argv[1:2])
    typer.echo(f"error: a bug in mlv: {type(error).__name__}: {error}", err=True)
    typer.echo(f"hint: report it with the traceback in {path}", err=True)
