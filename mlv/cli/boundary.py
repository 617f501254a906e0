"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError, NoSuchOption
from typer.core import TyperGroup

from mlv.cli.loading import COMMANDS, is_command, load_command
from mlv.cli.standard_streams import discard_output, flush_output
from mlv.errors import MlvError, RecordingFailedError, UsageError

if TYPE_CHECKING:
    from typer._click import Command, Context

_RUN = "run"
_RUN_FAILED = 125
_RUN_CODES = (125, 126, 127)
_BUG = 70
_INTERRUPTED = 130
_CLOSED_PIPE = 141


class MlvGroup(TyperGroup):
    """The group of all commands, which turns errors into messages and exit codes."""

    def list_commands(self, _ctx: Context) -> list[str]:
        """Return the names of all commands, in the order in which help lists them."""
        return list(COMMANDS)

    def get_command(self, _ctx: Context, cmd_name: str) -> Command | None:
        """Return a command, None when there is none of that name."""
        if is_command(cmd_name) and cmd_name not in self.commands:
            self.commands[cmd_name] = load_command(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Find the command that `args` begins with.

        Raises:
            ClickException: There is none; the message names the nearest.
        """
        try:
            return super().resolve_command(ctx, args)
        except ClickException as error:
            import difflib

            nearest = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if nearest:
                error.message = f"{error.message.rstrip('.')}. Did you mean {nearest[0]!r}?"
            raise

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse global options.

        Raises:
            typer.Exit: They make no sense.
        """
        try:
            return super().parse_args(ctx, args)
        except ClickException as error:
            _report_usage(error, UsageError.exit_code, as_json="--json" in args)
            raise typer.Exit(UsageError.exit_code) from error
        except MlvError as error:  # help or version cannot be printed
            _report(error, error.exit_code, as_json=False)
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError as error:
            discard_output()
            raise typer.Exit(_CLOSED_PIPE) from error

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401 - as in Typer
        """Run a command.

        Raises:
            typer.Exit: With the exit code that docs/reference/exit-codes.md lists.
        """
        try:
            answer = super().invoke(ctx)
            flush_output()
        except MlvError as error:
            code = _exit_code(error, ctx)
            _report(error, code, as_json=_wants_json(ctx))
            raise typer.Exit(code) from error
        except ClickException as error:
            code = _RUN_FAILED if ctx.invoked_subcommand == _RUN else UsageError.exit_code
            _report_usage(error, code, as_json=_wants_json(ctx))
            raise typer.Exit(code) from error
        except (KeyboardInterrupt, typer.Abort) as error:
            raise typer.Exit(_INTERRUPTED) from error
        except BrokenPipeError as error:
            discard_output()
            raise typer.Exit(_CLOSED_PIPE) from error
        except typer.Exit:
            raise
        except Exception as error:
            _report_bug(error)
            raise typer.Exit(_BUG) from error
        return answer


def _report(error: MlvError, code: int, *, as_json: bool) -> None:
    if as_json:
        import json

        text = json.dumps({"error": error.message, "hint": error.hint, "exit_code": code})
    else:
        text = f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else "")
    typer.echo(text, err=True)


def _wants_json(ctx: Context) -> bool:
    """Tell whether `--json` was asked for; what follows `run` is the command's."""
    return "--json" in sys.argv and ctx.invoked_subcommand != _RUN


def _exit_code(error: MlvError, ctx: Context) -> int:
    """Return the exit code; before its command starts, `mlv run` has codes of its own."""
    before = ctx.invoked_subcommand == _RUN and not isinstance(error, RecordingFailedError)
    if before and error.exit_code not in _RUN_CODES:
        return _RUN_FAILED
    return error.exit_code


def _report_usage(error: ClickException, code: int, *, as_json: bool) -> None:
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return
    if isinstance(error, NoSuchOption):
        message = error.message
        nearest = " or ".join(sorted(error.possibilities or ()))
    else:
        message, _, nearest = error.format_message().partition(". Did you mean ")
    message = message.replace(": Value error, ", ": ")  # Typer's words for a choice
    hint = f"did you mean {nearest.rstrip('?')}?" if nearest else None
    context = getattr(error, "ctx", None)
    if hint is None and context is not None:
        hint = f"see `{context.command_path} --help`"
    usage = UsageError(message[:1].lower() + message[1:].rstrip("."), hint=hint)
    _report(usage, code, as_json=as_json)


def _report_bug(error: Exception) -> None:
    from mlv.app.bug_report import save_bug_report

    path = save_bug_report(error, command=sys.argv[1:2])
    typer.echo(f"error: a bug in mlv: {type(error).__name__}: {error}", err=True)
    typer.echo(f"hint: report it with the traceback in {path}", err=True)
