"""What every command has in common: a mistake is one line, a bad setting ends with 78, settings come from a file."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from vmsd.errors import BadSetting, Invalid, VmsdError

EXIT_BAD_SETTING = 78
"""EX_CONFIG of sysexits.h: systemd is told not to restart a daemon that ended so."""
EXIT_STOPPED = 130
"""What a shell says of a command ended by Ctrl+C."""
CONFIG = click.Path(dir_okay=False, path_type=Path)
DEFAULT_CONFIG = Path("/etc/vmsd/vmsd.toml")

Answer = TypeVar("Answer")


class Commands(click.Group):
    """Says what went wrong in one line on standard error."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """As click's own, but a mistake in the words of a command is one line too."""
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except click.ClickException as error:
            click.echo(f"vmsd: {error.format_message()}", err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(EXIT_STOPPED)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadSetting as error:
            click.echo(f"vmsd: {error}", err=True)
            ctx.exit(EXIT_BAD_SETTING)
        except Invalid as error:
            fields = "; ".join(f"{one.pointer.strip('/')}: {one.detail}" for one in error.problems)
            raise click.ClickException(f"{error}: {fields}" if fields else str(error)) from error
        except sqlite3.Error as error:
            raise click.ClickException(f"the database cannot be used: {error}") from error
        except (VmsdError, OSError) as error:
            raise click.ClickException(str(error)) from error


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--config", "config_file", type=CONFIG, default=DEFAULT_CONFIG, show_default=True, help="the settings"
    )(command)


def wait_for(work: Awaitable[Answer]) -> Answer:
    async def run() -> Answer:
        return await work

    return asyncio.run(run())
