"""Signs that a command or script is an intruder's: pure functions over text that an intruder wrote.

Each sign is one that ordinary administration does not show: what is fetched goes straight into an interpreter, a shell is tied to a
network connection, something is decoded and run, a program starts out of a folder that everybody may write to. Tools' names prove nothing.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SHELLS", "TEMPORARY", "base", "commands", "hidden_place", "shown", "sign", "sign_of_command"]

TEMPORARY: Final = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/shm/", "/dev/mqueue/")  # noqa: S108  # looked for, not used
SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "csh", "tcsh", "fish", "busybox"})

_INTERPRETER: Final = r"(?:sudo\s+(?:-\S+\s+)*)?(?:/\S*/)?(?:(?:ba|da|z|k|a)?sh|python[\d.]*|perl|ruby|php|node)\b"
_FETCH: Final = r"(?:curl|wget|fetch|lwp-request|aria2c)\b"
_SIGNS: Final = tuple(
    (what, re.compile(pattern, re.IGNORECASE))
    for what, pattern in (
        ("runs what it fetches", rf"\b{_FETCH}[^\n;]*\|\s*{_INTERPRETER}"),
        ("runs what it fetches", rf"\b(?:eval|source|(?:ba|da|z|k)?sh\s+-c|python[\d.]*\s+-c|\.)\s*[\"']?\s*(?:\$\(|`|<\()\s*{_FETCH}"),
        ("runs what it fetches", rf"{_INTERPRETER}\s+<\(\s*{_FETCH}"),
        (
            "runs what it fetches",
            rf"\b{_FETCH}[^\n]*(?:-o|-O|--output|>)\s*(\S+)[^\n]*(?:&&|;|\|\|)[^\n]*(?:chmod\s+\S*[x75]\S*\s+\1|{_INTERPRETER}\s+\1|(?:&&|;)\s*\1\b)",
        ),
        ("runs what it decodes", rf"\b(?:base64|base32|openssl\s+(?:enc|base64))\b[^\n|]*\s(?:-d|-D|--decode)\b[^\n]*\|\s*(?:gunzip[^|\n]*\|\s*)?{_INTERPRETER}"),
        ("runs what it decodes", rf"\bxxd\s+-r[^\n]*\|\s*{_INTERPRETER}"),
        ("runs what it decodes", r"\beval\b[^\n]*\bbase64\b[^\n]*(?:-d|--decode)|\bexec\(\s*(?:base64|__import__\(.base64)"),
        ("opens a connection as a file of the shell", r"/dev/(?:tcp|udp)/"),
        ("ties a shell to a connection", r"\b(?:nc|ncat|netcat|nc\.\w+)\b[^\n|;]*\s-\w*[ec]\w*\s+\S*(?:sh|cmd)\b"),
        ("ties a shell to a connection", r"\bmkfifo\b[^\n]*\b(?:nc|ncat|netcat|telnet|openssl)\b"),
        ("ties a shell to a connection", r"\bsocat\b[^\n]*\b(?:exec|system):"),
        ("ties a shell to a connection", r"\b(?:ba|z|k|da)?sh\s+-i\b[^\n]*(?:[<>]&|\d>&)"),
        ("ties a shell to a connection", r"\bpython[\d.]*\s+-c\b[^\n]*\bsocket\b[^\n]*(?:dup2|subprocess|pty\b|exec|system)"),
        ("ties a shell to a connection", r"\bperl\b[^\n]*\s-\w*e\b[^\n]*\bsocket\b[^\n]*(?:exec|system|open)"),
        ("ties a shell to a connection", r"\bphp\b[^\n]*\s-r\b[^\n]*\bfsockopen\b"),
        ("ties a shell to a connection", r"\bruby\b[^\n]*-rsocket\b|\bawk\b[^\n]*/inet/tcp/|\blua\w*\b[^\n]*socket[^\n]*(?:execute|popen)"),
        ("lets somebody in", r">>?\s*\S*authorized_keys\b"),
        ("lets somebody in", r">>\s*/etc/(?:passwd|shadow|sudoers)\b|\buser(?:add|mod)\b[^\n]*\s-o\b[^\n]*\s-u\s*0\b"),
        ("makes a program run as its owner", r"\bchmod\s+(?:\S*[ugo]*\+\S*s\S*|0?[2467][0-7]{3})\s+\S*(?:/(?:ba|da|z)?sh\b|/tmp/|/dev/shm/)"),
        ("digs coins", r"\bstratum\+(?:tcp|ssl)://|\b(?:xmrig|minerd)\b"),
    )
)  # fmt: skip
_STARTED: Final = re.compile(
    r"(?:^|[;&|(]\s*|\b(?:sh|bash|nohup|exec|setsid|source|python[\d.]*|perl)\s+|^\s*\.\s+|\b(?:Exec\w*|RUN|command)\b\s*(?:\{\w+\})?\+?=\s*[\"']?[-@:+!|]*)"
    r"(?P<path>/[^\s;&|()\"']+)",
    re.MULTILINE,
)
_HIDDEN: Final = re.compile(r"/(?:usr|etc|lib\w*|var|opt|dev|s?bin|boot|srv)/(?:[^/]+/)*\.[^/]+")
_SECRET: Final = re.compile(
    r"(?i)((?:pass(?:word|wd)?|secret|token|api[_-]?key|authorization|bearer|pwd)\w*[\"']?\s*[=: ]\s*)\S+|(?<=://)[^/\s:@]+:[^@\s/]+(?=@)|(\s-p)\S+"
)


def shown(text: str, most: int = 160) -> str:
    """For people: one line, cut, and without what looks like a secret."""
    plain = _SECRET.sub(lambda found: f"{found[1] or found[2] or ''}***", " ".join(text.split()))
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


def sign_of_command(command: str) -> str | None:
    """What gives one command away; None: nothing does."""
    for what, pattern in _SIGNS:
        if pattern.search(command):
            return what
    for found in _STARTED.finditer(command):
        place = hidden_place(found["path"])
        if place is not None:
            return f"starts a program {place}"
    return None


def sign(content: str, comment: str = "#") -> tuple[str, str] | None:
    """What gives a script or setting away, and the line that does; None: nothing does."""
    for line in commands(content, comment):
        found = sign_of_command(line[:4000])
        if found is not None:
            return found, shown(line)
    return None
