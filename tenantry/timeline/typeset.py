"""A report as PDF: data for the layout (``page/report.typ``), typeset offline with its own fonts.

PDF/A-2a (ISO 19005-2: kept and read for decades) and PDF/UA-1 (ISO 14289: tagged, read aloud). The same data gives the same bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Final

from tenantry.errors import RecordError
from tenantry.timeline.glyphs import printable
from tenantry.timeline.pdf_cells import Printable

__all__ = ["Untypeset", "answered", "ascii_only", "compiled", "layout", "plain", "typeset"]

_LAYOUT: Final = "report.typ"
_MADE: Final = b"+"
_PATIENCE: Final = 300.0


class Untypeset(Exception):
    """What the typesetter says."""

    @property
    def about_text(self) -> bool:
        # Its errors have no codes; the only thing that depends on this is whether a second, plainer try is made.
        return "could not be displayed" in str(self) or "codepoint" in str(self)


def typeset(inputs: Callable[[Printable], Mapping[str, str]], at: datetime) -> bytes:
    """The PDF.

    Args:
        inputs: makes ``data``, ``picture`` and ``legend`` for the layout, with the given way to make texts printable.
        at: the document's date.

    Raises:
        RecordError: typst could not typeset it.
    """
    try:
        return compiled(inputs(plain), at)
    except Untypeset as error:
        if not error.about_text:
            raise RecordError("the PDF could not be typeset", cause=str(error)[:500]) from error
        # A combination of characters that the fonts together cannot shape: all of them by their codes, then.
        return compiled(inputs(ascii_only), at)


def compiled(inputs: Mapping[str, str], at: datetime) -> bytes:
    """One try. Raises Untypeset."""
    if not _threads_are_here():
        return _elsewhere(inputs, at)
    import typst  # 30 MB of shared library, which only this format needs

    try:
        pdf = typst.compile(
            layout(_LAYOUT).encode(),
            sys_inputs=dict(inputs),
            format="pdf",
            pdf_standards=["a-2a", "ua-1"],
            ignore_system_fonts=True,
            timestamp=at.replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise Untypeset(str(error)) from error
    return bytes(pdf)


_typesets: int | None = None
"""The process that the typesetter's threads were started in."""


def _threads_are_here() -> bool:
    """The typesetter keeps threads of its own from its first use on. A process that was forked after that has none of them, and would wait for
    them for ever."""
    global _typesets  # one for a process, as the threads are
    _typesets = _typesets or os.getpid()
    return _typesets == os.getpid()


def _elsewhere(inputs: Mapping[str, str], at: datetime) -> bytes:
    """In a process of its own. Raises Untypeset."""
    asked = json.dumps({"inputs": dict(inputs), "at": at.isoformat()}).encode()
    program = "import sys; from tenantry.timeline import typeset; sys.stdout.buffer.write(typeset.answered(sys.stdin.buffer.read()))"
    try:
        done = subprocess.run(  # noqa: S603  # ourselves
            [sys.executable, "-c", program],
            input=asked,
            capture_output=True,
            timeout=_PATIENCE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except subprocess.TimeoutExpired as error:
        raise Untypeset(f"it was not through after {_PATIENCE:.0f} seconds") from error
    if done.returncode != 0 or done.stdout[:1] != _MADE:
        raise Untypeset(done.stdout[1:].decode("utf-8", "replace") or f"its process ended with {done.returncode}")
    return done.stdout[1:]


def answered(asked: bytes) -> bytes:
    """What the process of :func:`_elsewhere` answers: a byte that says whether it went well, then the PDF, or what the typesetter says."""
    given = json.loads(asked)
    try:
        return _MADE + compiled(given["inputs"], datetime.fromisoformat(given["at"]))
    except Untypeset as error:
        return b"-" + str(error).encode()


def plain(value: str, limit: int = 2_000) -> str:
    """The text with what the fonts lack by its code."""
    return printable(value, limit)


def ascii_only(value: str, limit: int = 2_000) -> str:
    """The text with everything beyond ASCII by its code."""
    return "".join(c if c.isascii() else f"<U+{ord(c):04X}>" for c in printable(value, limit))


@cache
def layout(name: str) -> str:
    """A file of the page's folder."""
    return resources.files("tenantry.timeline.page").joinpath(name).read_text("utf-8").strip()
