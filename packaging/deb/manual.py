"""Writes the manual page from the commands themselves; runs in the environment of the executable."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

import click

from vmsd import __version__
from vmsd.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = r""".TH VMSD 8 "{date}" "vmsd {version}" "System administration"
.SH NAME
vmsd \- video recorder of a site
.SH SYNOPSIS
.B vmsd
.I COMMAND
[\fIOPTIONS\fR] [\fIARGUMENTS\fR]
.SH DESCRIPTION
.B vmsd
turns this computer into the video recorder of a site: with the media server MediaMTX beside it, it records cameras to
its own disk, shows them in any browser, and says what is wrong. It is run by
.BR systemd (1)
as
.IR vmsd.service ;
the commands below are for whoever stands at the box. Those that open the database have to be typed by root, and give
up root's rights at once.
.SH COMMANDS
"""
NOTHING = r"\&"
TAIL = r""".SH FILES
.TP
.I /etc/vmsd/vmsd.toml
the settings
.TP
.I /var/lib/vmsd
database and keys; first\-login.txt holds the single\-use password of a new box
.TP
.I /srv/vmsd
where the recordings volume is mounted: a file system labelled VMSD\-DATA, or what
.BR fstab (5)
says
.TP
.I /run/vmsd
MediaMTX's configuration, which vmsd writes
.TP
.I /etc/credstore.encrypted/vmsd.vault.key
and
.I vmsd.signing.key
take the place of the keys in /var/lib/vmsd/keys, see
.BR systemd\-creds (1)
.SH EXIT STATUS
0 is success, 1 a failure that is told in one line on standard error, 2 a mistake in the words of the command, 77 that
only root may do this, and 78 a setting that cannot be used: systemd then does not start the daemon again.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR systemd\-creds (1),
.BR nft (8)
"""


def pages(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command people type, with its whole name."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from pages(command, (*words, name))
        elif not command.hidden:
            yield " ".join((*words, name)), command


def section(name: str, command: click.Command) -> str:
    arguments = [one.human_readable_name for one in command.params if isinstance(one, click.Argument)]
    title = rf".SS {escaped(' '.join((name, *arguments)))}"
    options = [option(one) for one in command.params if isinstance(one, click.Option)]
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    text = "\n.PP\n".join(escaped(" ".join(paragraph.split())) for paragraph in paragraphs)
    return "\n".join((title, text, *options)) + "\n"


def option(one: click.Option) -> str:
    names = ", ".join(one.opts) + (f" {one.make_metavar(click.Context(main)).lower()}" if not one.is_flag else "")
    return f".TP\n.B {escaped(names)}\n{escaped(one.help or '') or NOTHING}"


def escaped(text: str) -> str:
    safe = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return rf"\&{safe}" if safe.startswith(".") else safe


def page(date: str) -> str:
    head = HEAD.format(date=date, version=__version__)
    return head + "".join(section(name, command) for name, command in pages(main)) + TAIL


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1]))
