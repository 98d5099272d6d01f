"""Signs that a command or script is an intruder's: pure functions over text that an intruder wrote.

Each sign is one that ordinary administration does not show: what is fetched goes straight into an interpreter, a shell is tied to a
network connection, something is decoded and run, a program starts out of a folder that everybody may write to. Tools' names prove nothing.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "SHELLS",
    "TEMPORARY",
    "base",
    "commands",
    "hidden_place",
    "shown",
    "sign",
    "sign_of_command",
    "sign_of_words",
]

TEMPORARY: Final = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/shm/", "/dev/mqueue/")  # noqa: S108  # looked for, not used
SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "csh", "tcsh", "fish", "busybox"})

_INTERPRETER: Final = r"(?:sudo\s{1,4}(?:-\S{1,20}\s{1,4}){0,4})?(?:/\S{0,60}/)?(?:(?:ba|da|z|k|a)?sh|python[\d.]{0,5}|perl|ruby|php|node)\b"
_FETCH: Final = r"\b(?:curl|wget|fetch|lwp-request|aria2c)\b"
_NETCAT: Final = r"\b(?:nc|ncat|netcat|nc\.\w{1,12})\b"
_SIGNS: Final = tuple(
    (what, tuple(re.compile(part, re.IGNORECASE) for part in parts))
    for what, *parts in (
        ("runs what it fetches", _FETCH, rf"\|\s{{0,9}}{_INTERPRETER}"),
        ("runs what it fetches", rf"\b(?:eval|source|sh\s{{1,4}}-c|python[\d.]{{0,5}}\s{{1,4}}-c|\.)\s{{0,4}}[\"']?\s{{0,4}}(?:\$\(|`|<\()\s{{0,4}}{_FETCH}"),
        ("runs what it fetches", rf"(?:sh|python[\d.]{{0,5}}|perl|source)\s{{1,4}}<\(\s{{0,4}}{_FETCH}"),
        ("runs what it decodes", r"\b(?:base64|base32|openssl)\b", r"\s(?:-d|--decode)\b", rf"\|\s{{0,9}}{_INTERPRETER}"),
        ("runs what it decodes", r"\bxxd\s{1,4}-r", rf"\|\s{{0,9}}{_INTERPRETER}"),
        ("runs what it decodes", r"\beval\b", r"\bbase64\b", r"-d\b|--decode"),
        ("runs what it decodes", r"\bexec\(\s{0,4}(?:base64|__import__\(.base64)"),
        ("opens a connection as a file of the shell", r"/dev/(?:tcp|udp)/"),
        ("ties a shell to a connection", _NETCAT, r"\s-\w{0,6}[ec]\w{0,6}\s{1,4}\S{0,40}(?:sh|cmd)\b|\s--(?:sh-)?exec\b"),
        ("ties a shell to a connection", r"\bsocat\b", r"\b(?:exec|system):"),
        ("ties a shell to a connection", r"\b(?:ba|z|k|da)?sh\s{1,4}-i\b", r"[<>]&|\d>&"),
        ("lets somebody in", r">\s{0,4}\S{0,200}authorized_keys\b"),
        ("lets somebody in", r">>\s{0,4}/etc/(?:passwd|shadow|sudoers)\b"),
        ("lets somebody in", r"\buser(?:add|mod)\b", r"\s-o\b", r"\s-u\s{0,4}0\b"),
        ("makes a program run as its owner", r"\bchmod\s{1,4}(?:[ugo]{0,3}\+[rwx]{0,3}s\S{0,3}|0?[2467][0-7]{3})\s{1,4}\S{0,80}(?:/(?:ba|da|z)?sh\b|/tmp/|/dev/shm/)"),
        ("digs coins", r"\bstratum\+(?:tcp|ssl)://|\b(?:xmrig|minerd)\b"),
    )
)  # fmt: skip
"""What is seen, and what is looked for one after the other in one command. Each part is found by a look over what is left, so a line that was
made to be slow to read is not."""
_PROGRAMS: Final = tuple(
    (what, tuple(re.compile(part, re.IGNORECASE) for part in parts))
    for what, *parts in (
        ("ties a shell to a connection", r"\bmkfifo\b", rf"{_NETCAT}|\btelnet\b|\bopenssl\b"),
        ("ties a shell to a connection", r"\bpython[\d.]{0,5}\s{1,4}-c\b", r"\bsocket\b", r"dup2|subprocess|pty\b|exec|system"),
        ("ties a shell to a connection", r"\bperl\b", r"\s-\w{0,6}e\b", r"\bsocket\b", r"exec|system|open"),
        ("ties a shell to a connection", r"\bphp\b", r"\s-r\b", r"\bfsockopen\b"),
        ("ties a shell to a connection", r"\bruby\b", r"-rsocket\b"),
        ("ties a shell to a connection", r"\bawk\b", r"/inet/tcp/"),
    )
)  # fmt: skip
"""The same, of programs of one line, in which a semicolon ends no command."""
_KEPT_AS: Final = re.compile(r"(?:\s-(?:o|O)|--output(?:-document)?|>)[\s=]{0,4}([^\s;&|<>\"']{2,200})")
_STARTED: Final = re.compile(
    r"(?:^|[;&|(]\s*|\b(?:sh|bash|nohup|exec|setsid|source|python[\d.]*|perl)\s+|^\s{0,20}\.\s+|^\s{0,20}(?:pre-|post-)?(?:up|down)\s+|\b(?:Exec\w{0,20}|RUN|command)\b\s{0,4}(?:\{\w{1,20}\})?\+?=\s*[\"']?[-@:+!|]*)"
    r"(?P<path>/[^\s;&|()\"']+)",
    re.MULTILINE,
)
_ORDINARY: Final = "venv|env|local|nvm|cargo|rustup|build-id|pyenv|rbenv|asdf|sdkman|dotnet|npm|yarn|m2|gradle|cache|config|git|node|bin|vscode[^/]*"
_LONGEST: Final = 4000
"""Characters of a line that are looked at together."""
_HIDDEN: Final = re.compile(
    rf"/(?:usr|etc|lib\w*|var|opt|dev|s?bin|boot|srv)/(?:[^/]+/)*\.(?!(?:{_ORDINARY})(?:/|\Z))[^/.][^/]*(?:/.*)?",
    re.DOTALL,
)
"""Folders and files with a dot, outside of homes; environments of languages and what builders keep are called so too."""
_SECRET: Final = re.compile(
    r"(?i)((?:pass(?:word|wd)?|secret|token|api[_-]?key|authorization|bearer|pwd)\w*[\"']?\s*[=: ]\s*)\S+|(?<=://)[^/\s:@]+:[^@\s/]+(?=@)|(\s-p)\S+"
)


def shown(text: str, most: int = 160) -> str:
    """For people: one line, cut, and without what looks like a secret."""
    plain = _SECRET.sub(lambda found: f"{found[1] or found[2] or ''}***", " ".join(text[:1000].split()))
    plain = "".join(letter if letter.isprintable() else "?" for letter in plain)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def base(path: str) -> str:
    """The name of a program."""
    return path.rsplit("/", 1)[-1]


def commands(content: str, comment: str = "#") -> list[str]:
    """Lines that do something; those that end in a backslash go on."""
    joined = re.sub(r"\\\n", " ", content)
    return [line for line in joined.split("\n") if line.strip() and not line.lstrip().startswith(comment)]


def hidden_place(path: str) -> str | None:
    """Why nothing that belongs here is started from there; None where it may be."""
    if path.startswith(TEMPORARY):
        return "out of a folder that everybody may write to"
    if _HIDDEN.fullmatch(path):
        return "out of a hidden place"
    return None


def sign_of_words(command: str) -> str | None:
    """What gives a command away by what it does; None: nothing does."""
    line = command[:_LONGEST]
    for what, parts in _SIGNS:
        if any(_one_after_the_other(parts, one) for one in re.split(r";(?=\s)", line)):
            return what
    for what, parts in _PROGRAMS:
        if _one_after_the_other(parts, line):
            return what
    return "runs what it fetches" if _fetched_and_run(line) else None


def _one_after_the_other(parts: tuple[re.Pattern[str], ...], command: str) -> bool:
    at = 0
    for part in parts:
        found = part.search(command, at)
        if found is None:
            return False
        at = found.end()
    return True


def _fetched_and_run(line: str) -> bool:
    """Fetches a file, and then makes it a program or starts it."""
    fetch = re.search(_FETCH, line, re.IGNORECASE)
    kept = _KEPT_AS.search(line, fetch.end()) if fetch is not None else None
    if kept is None or kept[1].startswith("/dev/"):
        return False
    after, path = line[kept.end() :], re.escape(kept[1])
    return (
        re.search(
            rf"(?:[;&|]\s{{0,4}}|{_INTERPRETER}\s{{1,4}}|\bchmod\s{{1,4}}\S{{1,12}}\s{{1,4}}){path}(?:\s|$|;|&)", after
        )
        is not None
    )


def sign_of_command(command: str) -> str | None:
    """What gives one command away, by what it does or from where it starts something; None: nothing does."""
    words = sign_of_words(command)
    if words is not None:
        return words
    for found in _STARTED.finditer(command):
        place = hidden_place(found["path"])
        if place is not None:
            return f"starts a program {place}"
    return None


def sign(content: str, comment: str = "#") -> tuple[str, str] | None:
    """What gives a script or setting away, and the line that does; None: nothing does."""
    for line in commands(content, comment):
        for at in range(0, max(1, len(line)), _LONGEST // 2):  # of a long line, pieces that overlap
            found = sign_of_command(line[at : at + _LONGEST])
            if found is not None:
                return found, shown(line[at:])
    return None
