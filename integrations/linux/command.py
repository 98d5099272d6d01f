"""Commands for a host's shell, made from argument lists and quoted here and nowhere else.

sshd hands what it is given to the account's login shell, so an argument that is not quoted is a program. Inside single
quotes a POSIX shell interprets nothing at all (POSIX.1-2017, Shell Command Language, 2.2.2); a single quote itself is put
between quoted parts. Arguments are bytes: file names on a host are, and need not be UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tenantry.errors import Rejected

__all__ = ["ACCOUNT", "UNIT", "Command", "Outcome", "account", "bre", "quote", "unit"]

_SAFE: Final = re.compile(rb"[A-Za-z0-9_./:,+@%-]+\Z")
_SPECIAL: Final = re.compile(rb"[\\.\[\]*^$%]")

ACCOUNT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}\$?\Z")
"""Names that useradd(8) and its relatives allow: none begins with a dash or is a number."""
UNIT: Final = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}\.(?:service|timer|socket|path)\Z")
"""systemd.unit(5), the kinds by which something is started; not beginning with a dash, and no slash."""


def quote(argument: bytes) -> bytes:
    """One argument as one word of a POSIX shell.

    Raises:
        Rejected: it has a NUL, which no argument can have.
    """
    if b"\0" in argument:
        raise Rejected("an argument of a command has a NUL in it, which none can have")
    if _SAFE.match(argument):
        return argument
    return b"'" + argument.replace(b"'", b"'\\''") + b"'"


def bre(line: bytes) -> bytes:
    """A basic regular expression that matches exactly these bytes, for ``sed`` with ``%`` as delimiter.

    Raises:
        Rejected: the line has an end of line or NUL in it: it is none.
    """
    if re.search(rb"[\n\0]", line):
        raise Rejected("what is to be matched is no single line")
    return _SPECIAL.sub(lambda found: b"\\" + found[0], line)


def account(name: str) -> bytes:
    """The name of an account as an argument. Raises Rejected when it can be none."""
    if not ACCOUNT.match(name):
        raise Rejected("this cannot be the name of an account", remedy="Take it as host.collect_persistence gives it.")
    return name.encode()


def unit(name: str) -> bytes:
    """The name of a unit as an argument. Raises Rejected when it can be none."""
    if not UNIT.match(name):
        raise Rejected("this cannot be the name of a unit", remedy="Take it as host.collect_persistence gives it.")
    return name.encode()


@dataclass(frozen=True, slots=True)
class Command:
    """One program with its arguments.

    Attributes:
        argv: program and arguments.
        root: run through sudo, unless we are root.
        stdin: what it reads.
        quiet: its messages are not wanted; they may be many.
        asks: it hands sudo its password itself, which is put before what it reads, where there is one.
    """

    argv: tuple[bytes, ...]
    root: bool = False
    stdin: bytes = b""
    quiet: bool = False
    asks: bool = False

    @classmethod
    def of(
        cls, *argv: str | bytes, root: bool = False, stdin: bytes = b"", quiet: bool = False, asks: bool = False
    ) -> Command:
        return cls(tuple(a.encode() if isinstance(a, str) else a for a in argv), root, stdin, quiet, asks)

    @property
    def program(self) -> str:
        """For messages: the program's name alone, since arguments may be anybody's."""
        return self.argv[0].decode("ascii", "replace")

    def line(self, *, sudo: bool, password: bool = False) -> bytes:
        """What sshd is asked to run.

        Args:
            sudo: prefix what needs root with ``sudo -n``.
            password: the first line of standard input is sudo's password. It is read by a shell's own ``read`` and handed on
                by its own ``printf``, so it is in no process's arguments; ``sudo -v`` takes it, and what follows finds the
                ticket, so the command's own input begins behind it whether sudo wanted a password or not.
        """
        words = b" ".join(quote(argument) for argument in self.argv)
        if self.root and sudo:
            words = b"sudo -n -- " + words
        if self.quiet:
            words += b" 2>/dev/null"
        # How much there is to read is told, and its end never sent: a channel's end-of-file that crosses the end of a quick
        # command is a protocol error to sshd, which hangs up.
        words = b"head -c %d | %s" % (len(self.stdin), words) if self.stdin else words + b" </dev/null"
        head = b"LC_ALL=C; export LC_ALL; "
        if not (self.root and sudo and password):
            return head + words
        # `; exit $?` keeps the shell as the parent of both: sudo's ticket is the parent's where there is no terminal.
        taken = b"IFS= read -r p && printf '%s\\n' \"$p\" | sudo -S -p '' -v 2>/dev/null; unset p; "
        return head + taken + words + b"; exit $?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. ``code`` is its exit status, 0 to 255; what it wrote, as far as the limit goes."""

    code: int
    out: bytes
    err: bytes

    def lines(self) -> Sequence[bytes]:
        """Standard output, by lines."""
        return self.out.split(b"\n")[:-1] if self.out.endswith(b"\n") else self.out.split(b"\n") if self.out else []
