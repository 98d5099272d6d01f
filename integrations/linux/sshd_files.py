"""Who is let in by sshd: the keys that it would take, wherever they lie, and what lets people in that no list of keys shows.

Sources: sshd_config(5) (Match, Include, AuthorizedKeysFile, TOKENS), sshd(8) (-f, -o), of OpenSSH 9.

``sshd -T`` gives what holds where no ``Match`` block does; with ``-C user=…,addr=…`` what holds for one of them. Who left a way in chooses the user, the
address or the host that opens it, and nobody can try all of those. So the files are read as well, those of every sshd that runs, with what they
include: a file of keys that any block names counts for every account. What a block makes dependent on something else than files of
keys (a command, an authority, other hosts) cannot be judged from here, and is told by :meth:`SshdFiles.other_ways_in`.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from integrations.linux import parse
from integrations.linux.asking import found_files
from integrations.linux.command import Command
from integrations.linux.evidence import Evidence
from tenantry.capabilities import AuthorizedKey, OtherWayIn, Process
from tenantry.capabilities.host import path_bytes, path_text

__all__ = ["Configured", "SshdFiles", "configured_by", "expanded_keys", "started_with"]

_FOLDER: Final = b"/etc/ssh"
_USUAL: Final = b"/etc/ssh/sshd_config"
_DEEPEST: Final = 16
"""As sshd: SERVCONF_MAX_DEPTH."""
_WILD: Final = re.compile(rb"[*?\[]")
_KEY_FILES: Final = "authorizedkeysfile"
_NOT_JUDGED: Final = {
    "authorizedkeyscommand": "AuthorizedKeysCommand",
    "trustedusercakeys": "TrustedUserCAKeys",
    "authorizedprincipalscommand": "AuthorizedPrincipalsCommand",
    "authorizedprincipalsfile": "AuthorizedPrincipalsFile",
    "hostbasedauthentication": "HostbasedAuthentication",
    "permitemptypasswords": "PermitEmptyPasswords",
    "gssapiauthentication": "GSSAPIAuthentication",
    "kerberosauthentication": "KerberosAuthentication",
}
_OFF: Final = frozenset({"none", "no"})


@dataclass(slots=True)
class Configured:
    """What configurations of sshd say, all of them and all of their blocks together."""

    key_files: list[bytes] = field(default_factory=list)
    ways: list[OtherWayIn] = field(default_factory=list)
    includes: list[bytes] = field(default_factory=list)
    """Patterns, absolute."""

    def take(self, path: str, lines: Iterable[bytes]) -> None:
        """One file, or one command line's options."""
        condition = ""
        for line in lines:
            words = _words(line)
            if len(words) < 2:
                continue
            name, values = words[0].lower(), words[1:]
            if name == "match":
                condition = " ".join(values)
                if condition.lower() == "all":
                    condition = ""
            elif name == "include":
                self.includes += [_absolute(path_bytes(value)) for value in values]
            elif name == _KEY_FILES:
                self.key_files += [path_bytes(value) for value in values if value != "none"]
            elif name in _NOT_JUDGED and values[0].lower() not in _OFF:
                self._way(_NOT_JUDGED[name], " ".join(values), condition, path)

    def _way(self, directive: str, value: str, condition: str, path: str) -> None:
        made = OtherWayIn(directive=directive, value=value[:500], condition=condition[:500], path=path)
        if made not in self.ways:
            self.ways.append(made)

    def not_followed(self, path: str) -> None:
        """What an Include names could not be read."""
        self._way("Include", path, "", path)


class SshdFiles(Evidence):
    """The part of :class:`integrations.linux.reads.Reads` that is about signing in."""

    if TYPE_CHECKING:

        async def processes(self, host: str) -> Sequence[Process]:
            """Of the other part."""
            ...

    async def authorized_keys(self, host: str) -> Sequence[AuthorizedKey]:
        """From the files that sshd itself says it looks into, and those that any block of its configuration names."""
        usual, accounts, configured = await asyncio.gather(
            self._ok(host, Command.of("sshd", "-T", root=True)),
            self._ok(host, Command.of("getent", "passwd")),
            self._configured(host),
        )
        people = parse.passwd(accounts.lines())
        more = [b"authorizedkeysfile " + name for name in configured.key_files]
        wanted = expanded_keys(usual.lines(), people)
        if more:
            wanted = {**expanded_keys(more, people), **wanted}
        there = await self._found(host, list(wanted), follow=True)
        paths = [path for path in wanted if (at := there.get(path_text(path))) is not None and at.kind == "file"]
        contents = await self._contents(host, paths)
        return [
            key
            for path in paths
            if path in contents
            for key in parse.authorized_keys(wanted[path], path, contents[path], there[path_text(path)].changed_at)
        ]

    async def other_ways_in(self, host: str) -> Sequence[OtherWayIn]:
        """Of every sshd that runs, and of the usual configuration."""
        return (await self._configured(host)).ways

    async def _configured(self, host: str) -> Configured:
        found, read = Configured(), set[bytes]()
        titles = [process.arguments[0] for process in await self.processes(host) if process.arguments]
        due = [_USUAL]
        for title in titles:
            file, options = started_with(title)
            due += [file] if file is not None else []
            found.take("sshd's own command line", options)
        for _ in range(_DEEPEST):
            due = [path for path in dict.fromkeys(due) if path not in read]
            if not due:
                break
            read.update(due)
            contents = await self._contents(host, due)
            for path in due:
                if path in contents:
                    found.take(path_text(path), contents[path].split(b"\n"))
                elif path != _USUAL:
                    found.not_followed(path_text(path))
            due, found.includes = await self._included(host, found), []
        for path in due:
            found.not_followed(path_text(path))
        return found

    async def _included(self, host: str, found: Configured) -> list[bytes]:
        """The files that patterns of includes stand for."""
        plain, folders = [], dict[bytes, list[bytes]]()
        for pattern in found.includes:
            folder, _, name = pattern.rpartition(b"/")
            if _WILD.search(folder):
                found.not_followed(path_text(pattern))
            elif _WILD.search(name):
                folders.setdefault(folder, []).append(name)
            else:
                plain.append(pattern)
        listed = []
        for folder, names in folders.items():
            either = [part for name in names for part in ("-o", "-name", name)][1:]
            answer = await self._ok(
                host,
                Command.of(
                    *("find", "-L", folder, "-maxdepth", "1", "-type", "f", "(", *either, ")", "-printf", parse.FIND),
                    root=True,
                    quiet=True,
                ),
                codes=(0, 1),
            )
            listed += [path for _, path in found_files(answer.out)]
        there = await self._found(host, plain, follow=True)  # one that is not there is no error of sshd's either
        return [*(path for path in plain if path_text(path) in there), *listed]


def configured_by(contents: Mapping[bytes, bytes], titles: Iterable[str]) -> tuple[Configured, list[bytes]]:
    """The same from files that were read before, for who reads a whole host at once.

    Args:
        contents: path → what a file says; of ``/etc/ssh`` and the folders in it every file but private keys.
        titles: of the processes that run.

    Returns:
        what is configured, and the paths and patterns that count as well and are not among the contents.
    """
    found, read, absent = Configured(), set[bytes](), dict[bytes, None]()
    due = [_USUAL]
    for title in titles:
        file, options = started_with(title)
        due += [file] if file is not None else []
        found.take("sshd's own command line", options)
    for _ in range(_DEEPEST):
        due = [path for path in dict.fromkeys(due) if path not in read]
        read.update(due)
        for path in due:
            if path in contents:
                found.take(path_text(path), contents[path].split(b"\n"))
            elif path != _USUAL:
                absent[path] = None
        due = []
        for pattern in found.includes:
            folder = pattern.rpartition(b"/")[0]
            if _WILD.search(pattern) and not _WILD.search(folder) and _FOLDER in (folder, folder.rpartition(b"/")[0]):
                due += [path for path in contents if path.rpartition(b"/")[0] == folder and fnmatchcase(path, pattern)]
            else:
                due.append(pattern)
        found.includes = []
    absent |= dict.fromkeys(path for path in due if path not in read)
    return found, list(absent)


def started_with(title: str) -> tuple[bytes | None, list[bytes]]:
    """Configuration file and options of a listening sshd, of its title: ``sshd: /usr/sbin/sshd -D -f FILE [listener] …``."""
    command, listener, _ = title.removeprefix("sshd: ").partition(" [listener]")
    if not title.startswith("sshd: ") or not listener:
        return None, []
    words, file, options = command.split(), None, []
    for at, word in enumerate(words[1:], 1):
        rest = word[2:] or (words[at + 1] if at + 1 < len(words) else "")
        if word.startswith("-f") and rest:
            file = _absolute(path_bytes(rest))
        elif word.startswith("-o") and rest:
            options.append(path_bytes(rest.replace("=", " ", 1)))
    return file, options


def _words(line: bytes) -> list[str]:
    text = path_text(line).strip()
    if not text or text.startswith("#"):
        return []
    name, _, rest = re.sub(r"^(\w+)\s*=\s*", r"\1 ", text).partition(" ")
    try:
        return [name.strip(), *shlex.split(rest, comments=True)]
    except ValueError:  # an open quote: sshd refuses the file then, and what stands there is taken as it is
        return [name.strip(), *rest.split()]


def _absolute(path: bytes) -> bytes:
    return path if path.startswith(b"/") else _FOLDER + b"/" + path


def expanded_keys(configured: Iterable[bytes], people: Iterable[tuple[str, int, int, str, str]]) -> dict[bytes, str]:
    """Where sshd looks for keys → whose they are, of ``sshd -T`` and the accounts."""
    patterns = [
        word
        for line in configured
        if line.lower().startswith(b"authorizedkeysfile ")
        for word in line.split()[1:]
        if word != b"none"
    ] or [b".ssh/authorized_keys", b".ssh/authorized_keys2"]
    wanted: dict[bytes, str] = {}
    for name, uid, _, home, _ in people:
        for pattern in patterns:
            path = _expanded(pattern, name, uid, path_bytes(home))
            if path is not None:
                wanted.setdefault(path, name)
    return wanted


def _expanded(pattern: bytes, name: str, uid: int, home: bytes) -> bytes | None:
    """AuthorizedKeysFile, sshd_config(5), "TOKENS"."""
    tokens = {b"%%": b"%", b"%h": home, b"%u": name.encode(), b"%U": str(uid).encode()}
    out, at = b"", 0
    while at < len(pattern):
        token = pattern[at : at + 2]
        out, at = (out + tokens[token], at + 2) if token in tokens else (out + pattern[at : at + 1], at + 1)
    path = out if out.startswith(b"/") else home.rstrip(b"/") + b"/" + out
    return path if path.startswith(b"/") else None
