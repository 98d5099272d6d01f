"""What every command shares: lazy loading, examples in the help, `--json`, exit codes, one sentence for an error.

Only click and :mod:`tenantry.errors` are imported here, so that `tenantry --help` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar

import click

from tenantry.errors import InvalidInput, TenantryError

__all__ = ["Command", "Group", "Lazy", "Root", "command", "group", "json_option", "wants_json"]

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""
_JSON: Final = "tenantry.json"
_DEBUG: Final = "tenantry.debug"

F = TypeVar("F", bound=Callable[..., Any])


class _Documented(click.Command):
    """A command whose help ends with examples, printed as they are typed."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        self.examples = tuple(examples)
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"], "max_content_width": 110})
        super().__init__(*args, **kwargs)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


class Command(_Documented):
    """One command. ``--debug`` is taken behind it as well as before it: people add it to a line that failed.

    Arguments that nobody asked for are refused without being repeated: they may be secrets.
    """

    allow_extra_args = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, hidden=True, is_eager=True, callback=_remember(_DEBUG)
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        left = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:
            raise click.UsageError(f"{len(left)} more argument{'s' if len(left) > 1 else ''} than it takes", ctx)
        return left


class Group(_Documented, click.Group):
    """A family of commands."""

    command_class = Command

    def command(  # type: ignore[override]  # narrower on purpose: every command has a name and examples
        self, name: str, *, examples: Sequence[str]
    ) -> Callable[[Callable[..., Any]], Command]:
        """A command of this family."""

        def decorate(function: Callable[..., Any]) -> Command:
            made: Command = click.command(name, cls=Command, examples=examples)(function)
            self.add_command(made)
            return made

        return decorate


class Lazy:
    """Where a command stands, and its line in the list of commands, which can be printed without importing it."""

    def __init__(self, target: str, summary: str) -> None:
        self.module, self.attribute = target.split(":")
        self.summary = summary

    def load(self) -> click.Command:
        loaded: click.Command = getattr(importlib.import_module(self.module), self.attribute)
        return loaded


class Root(_Documented, click.Group):
    """The `tenantry` command: loads a family when one of its commands is called, and turns every error into one sentence
    and an exit code.

    Args:
        sections: heading → name → where the command stands.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, Lazy]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        self._lazy = {name: lazy for section in sections.values() for name, lazy in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        lazy = self._lazy.get(cmd_name)
        return lazy.load() if lazy else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # click's own message for a wrong name loads every command to look for similar ones.
        if args and args[0] not in self._lazy and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], self._lazy, n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        width = max(map(len, self._lazy))
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), lazy.summary) for name, lazy in commands.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit with the contract's code; with ``standalone_mode=False`` errors are raised."""
        given = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
        except (KeyboardInterrupt, click.Abort):
            click.echo("tenantry: interrupted", err=True)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has gone; Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:  # noqa: BLE001 - the outermost place: anything becomes one sentence and a code
            _report(error, given)
        sys.exit(code if isinstance(code, int) else 0)


def _report(error: Exception, given: Sequence[str]) -> NoReturn:
    """One sentence on stderr, its remedy below, and the exit code. With ``--json`` also the error as the document."""
    options = given[: given.index("--")] if "--" in given else given
    if "--debug" in options:
        traceback.print_exception(error)
    shown = _as_ours(error)
    click.echo(f"tenantry: {_line(shown.message if shown.message else shown.code)}", err=True)
    click.echo(f"  {_line(shown.remedy)}", err=True)
    if "--json" in options:
        echo_json({"error": shown.as_dict()})
    sys.exit(shown.exit_code)


class _Unexpected(TenantryError):
    """Something outside the tree reached the top: a defect of ours. Its text is not repeated, it may hold anything."""

    code = "defect"
    remedy = "A defect; run the same with --debug and report what it prints."


class _Busy(TenantryError):
    code = "busy"
    remedy = "Follow it with `tenantry runs show RUN`, or try again in a quarter of a minute."


def _as_ours(error: Exception) -> TenantryError:
    if isinstance(error, InvalidInput):
        # ``place`` leads the text already; detail may repeat a whole list of problems.
        return error
    if isinstance(error, TenantryError):
        return error
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "tenantry"
        return InvalidInput(
            error.format_message().rstrip(".").replace("\n", " "), remedy=f"`{command} --help` shows how it is used."
        )
    if isinstance(error, click.ClickException):
        return InvalidInput(error.format_message(), remedy="Correct the named value and try again.")
    from tenantry.journal.lease import LeaseHeld  # cheap, but not needed for --help

    if isinstance(error, LeaseHeld):
        return _Busy("another process owns this run now")
    return _Unexpected(f"unexpected {type(error).__name__}")


def _line(text: str) -> str:
    """Printable text: names in it may have been chosen by an attacker, and terminals obey control characters."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def echo_json(document: Any) -> None:
    """The one JSON document, in ASCII: hostile names cannot act on a terminal, and any encoding carries it."""
    import json

    click.echo(json.dumps(document, indent=2 if sys.stdout.isatty() else None))


def _remember(key: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    def callback(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
        del param
        if value:
            ctx.find_root().meta[key] = True
        return value

    return callback


def wants_json() -> bool:
    """Whether the command that is running was given ``--json``."""
    return bool(click.get_current_context().find_root().meta.get(_JSON))


def json_option(function: F) -> F:
    """``--json``: exactly one JSON document on stdout."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_remember(_JSON),
        help="Print exactly one JSON document on stdout; progress goes to stderr.",
    )(function)


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Any]], Command]:
    """A top-level command. Its function returns the exit code, or None for 0."""
    return click.command(name, cls=Command, examples=examples)


def group(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Any]], Group]:
    """A family of commands."""
    return click.group(name, cls=Group, examples=examples)
