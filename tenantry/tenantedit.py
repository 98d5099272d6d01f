"""One entry of one section of a tenant's file, set in its text: everything else stays as it was written, comments too.

Only what can be seen to be right is changed: the caller parses the result and compares it with what it meant.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, Final

import yaml

__all__ = ["changes", "with_entry"]

_WIDTH: Final = 110


class _Dumper(yaml.SafeDumper):
    """Texts of digits alone stand in quotes always: ``034518971650`` is a text in YAML 1.1, where it is no octal number, and the number
    34518971650 in YAML 1.2 (10.3.2), which other programs read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if value.isdecimal() else None)


_Dumper.add_representer(str, _text)


def with_entry(text: str, section: str, key: str, value: Any) -> str | None:
    """The text with ``section: {key: value}``.

    Args:
        section: a key of the top level whose value is a mapping in block style, or is not there yet.
        key: set, in the place of what it had.
        value: what YAML can hold.

    Returns:
        None where the section is written in a way that this does not change (``section: {a: 1}``).
    """
    lines = _lines(text)
    head = re.compile(rf"{re.escape(section)}:\s*(?P<value>\{{\s*\}})?\s*(?:#.*)?")
    at = next((n for n, line in enumerate(lines) if head.fullmatch(line)), None)
    if at is None:
        if any(line.startswith(f"{section}:") for line in lines):
            return None
        return "\n".join([*lines, f"{section}:", *_rendered(key, value, 2)]) + "\n"
    if "{" in lines[at]:
        lines[at] = f"{section}:"
    end = next((n for n in range(at + 1, len(lines)) if _says(lines[n]) and not lines[n].startswith(" ")), len(lines))
    indent = next((_indent(lines[n]) for n in range(at + 1, end) if _says(lines[n])), 2)
    begin, until = _entry(lines, at + 1, end, key, indent)
    return "\n".join([*lines[:begin], *_rendered(key, value, indent), *lines[until:]]) + "\n"


def changes(before: str, after: str, name: str) -> str:
    """What differs, as `diff -u` shows it; empty when nothing does."""
    return "\n".join(
        difflib.unified_diff(_lines(before), _lines(after), f"{name} (before)", f"{name} (after)", lineterm="")
    )


def _entry(lines: list[str], begin: int, end: int, key: str, indent: int) -> tuple[int, int]:
    """Where the key's lines stand, or where they belong."""
    name = re.compile(rf"""{" " * indent}(["']?){re.escape(key)}\1:(?:\s|$)""")
    first = next((n for n in range(begin, end) if name.match(lines[n])), None)
    if first is None:
        while end > begin and not lines[end - 1].strip():
            end -= 1
        return end, end
    last = first + 1
    for n in range(first + 1, end):
        if _says(lines[n]):
            # A list may stand as far out as its key: its dashes are the entry's.
            item = _indent(lines[n]) == indent and re.match(r" *-(?: |$)", lines[n]) is not None
            if _indent(lines[n]) <= indent and not item:
                break
            last = n + 1
    return first, last


def _rendered(key: str, value: Any, indent: int) -> list[str]:
    text = yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    if text.splitlines() != _lines(text):  # characters that YAML takes for the end of a line as well: escaped
        text = yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, width=_WIDTH)
    return [f"{' ' * indent}{line}" for line in _lines(text)]


def _lines(text: str) -> list[str]:
    """By line feeds alone: what else `str.splitlines` ends a line at may stand in the middle of a value."""
    return text.removesuffix("\n").split("\n") if text else []


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
