"""Dotted paths in a CEL expression, which the library does not tell: ``steps.find.output.accounts[0].id``.

Only a reader of tokens: whether the text is CEL at all, and what it computes, the library decides. Reads more than CEL
allows rather than less, so that no path is missed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tenantry.errors import InvalidRunbook

__all__ = ["MAX_MACROS", "MAX_NESTING", "ROOTS", "Path", "Paths", "Reference", "cut", "one_expression", "read_paths"]

Path = tuple[str | int, ...]
"""``("steps", "find", "output", "accounts", 0, "id")``; an integer means "an element", whichever."""

ROOTS: Final = frozenset({"params", "tenant", "run", "steps", "item"})
MAX_NESTING: Final = 32
MAX_MACROS: Final = 2
"""How deep ``all``, ``exists``, ``exists_one``, ``map`` and ``filter`` may stand inside one another."""

_BUILDS = frozenset({"map", "filter"})
_MACROS = _BUILDS | {"all", "exists", "exists_one"}


@dataclass(frozen=True, slots=True)
class Reference:
    """A dotted path in an expression, and the offset in the text where it begins. ``direct``: written from its root, not
    through a name that a macro binds."""

    path: Path
    offset: int
    direct: bool = True


@dataclass(frozen=True, slots=True)
class Paths:
    """What an expression reads.

    Attributes:
        references: every path, in the order of the text.
        roots: names that are bound by no macro.
        bound: names that macros bind.
        shape: the one path that the whole expression is; ``filter`` keeps it.
        depth: how deep macros stand inside one another.
        builds: whether ``map`` or ``filter`` is among them.
        pipeline: the list, when the whole is that list through ``filter`` and ``map`` and nothing else: then its value is
            the concatenation of the values for parts of the list.
        operands: the texts between the ``+`` of a sum at least one of whose operands is such a pipeline.
    """

    references: tuple[Reference, ...]
    roots: frozenset[str]
    bound: frozenset[str]
    shape: Path | None
    depth: int
    builds: bool
    pipeline: Path | None
    operands: tuple[str, ...]


_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|//[^\n]*)
    | (?P<text>[rRbB]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    | (?P<number>0[xX][0-9a-fA-F]+u?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?u?)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_RAW = re.compile(
    r"""(?P<text>(?:[rR][bB]?|[bB][rR])(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*'))""", re.DOTALL | re.ASCII
)
_WORDS = frozenset({"true", "false", "null", "in"})
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        match = _RAW.match(text, at) or _TOKEN.match(text, at)
        if match is None:
            raise InvalidRunbook(f"`{cut(text)}` is not a valid CEL expression (column {at + 1})")
        if match.lastgroup != "skip":
            tokens.append(_Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return tokens


def _closing(tokens: list[_Token], text: str) -> dict[int, int]:
    """Index of each opening bracket → index of the one that closes it."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in _PAIRS:
            stack.append(index)
            if len(stack) > MAX_NESTING:
                raise InvalidRunbook(f"an expression is nested at most {MAX_NESTING} brackets deep")
        elif token.text in _PAIRS.values():
            if not stack or _PAIRS[tokens[stack[-1]].text] != token.text:
                raise InvalidRunbook(
                    f"`{cut(text)}` is not a valid CEL expression (column {token.offset + 1}: bracket)"
                )
            pairs[stack.pop()] = index
    if stack:
        raise InvalidRunbook(f"`{cut(text)}` is not a valid CEL expression (a bracket is not closed)")
    return pairs


class _PathReader:
    """Finds dotted paths from their roots, through macros: in ``steps.a.output.rows.exists(r, r.ok)`` the ``r.ok`` is
    ``steps.a.output.rows[…].ok``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._closing = _closing(self._tokens, text)
        self._references: list[Reference] = []
        self._roots: set[str] = set()
        self._bound: set[str] = set()
        self._depth = 0
        self._builds = False

    def read(self) -> Paths:
        shape = self._span(0, len(self._tokens), {}, 0)
        return Paths(
            tuple(sorted(self._references, key=lambda r: r.offset)),
            frozenset(self._roots),
            frozenset(self._bound),
            shape,
            self._depth,
            self._builds,
            self._pipeline(0, len(self._tokens)),
            self._operands(),
        )

    def _operands(self) -> tuple[str, ...]:
        spans: list[tuple[int, int]] = []
        start = index = 0
        while index < len(self._tokens):
            token = self._tokens[index]
            if self._is(index, *_PAIRS):
                index = self._closing[index]
            elif self._is(index, "+"):
                spans.append((start, index))
                start = index + 1
            elif (token.kind == "sign" and token.text != ".") or (token.kind == "name" and token.text == "in"):
                return ()
            index += 1
        spans.append((start, index))
        if len(spans) < 2 or not any(self._pipeline(*span) for span in spans):
            return ()
        last = [self._tokens[end - 1] for _, end in spans]
        return tuple(
            self._text[self._tokens[start].offset : end.offset + len(end.text)]
            for (start, _), end in zip(spans, last, strict=True)
        )

    def _pipeline(self, start: int, end: int) -> Path | None:
        """The path at ``start``, when nothing but fields and then ``filter`` and ``map`` follow it up to ``end``."""
        if start >= end or self._tokens[start].kind != "name" or self._tokens[start].text not in ROOTS:
            return None
        path: list[str] = [self._tokens[start].text]
        index, macros = start + 1, 0
        while index + 1 < end and self._is(index, "."):
            name = self._tokens[index + 1]
            if name.kind == "name" and self._is(index + 2, "(") and name.text in _BUILDS:
                macros += 1
                index = self._closing[index + 2] + 1
            elif name.kind == "name" and not self._is(index + 2, "(") and not macros:
                path.append(name.text)
                index += 2
            else:
                return None
        if index != end or not macros:
            return None
        first, last = self._tokens[start].offset, self._tokens[end - 1].offset
        others = (r.path for r in self._references if r.direct and first < r.offset <= last)
        if any(other[: len(path)] == tuple(path[: len(other)]) for other in others):
            return None  # a macro looks at the list as a whole
        return tuple(path)

    def _is(self, index: int, *signs: str) -> bool:
        return index < len(self._tokens) and self._tokens[index].kind == "sign" and self._tokens[index].text in signs

    def _span(self, start: int, end: int, scope: Mapping[str, Path | None], depth: int) -> Path | None:
        """Read the tokens from ``start`` to ``end``; the path that they are as a whole, if they are one."""
        whole: Path | None = None
        index = start
        while index < end:
            token = self._tokens[index]
            if token.kind == "name" and token.text not in _WORDS:
                path, after = self._chain(index, end, scope, depth)
                whole = path if index == start and after == end else None
                index = after
            elif self._is(index, ".") and index + 1 < end and self._tokens[index + 1].kind == "name":
                # A field or method of something computed, such as `(a + b).size()` or `f(x).map(i, i)`.
                if not index or not (self._is(index - 1, ")", "]", "}") or self._tokens[index - 1].kind == "text"):
                    self._refuse(token, "a name begins with a letter")
                _, index = self._tail(None, index, end, scope, depth)
            else:
                index += 1
        return whole

    def _chain(self, index: int, end: int, scope: Mapping[str, Path | None], depth: int) -> tuple[Path | None, int]:
        """A path that begins with the name at ``index``, and the index after it."""
        token = self._tokens[index]
        if self._is(index + 1, "("):
            return self._tail(None, index + 1, end, scope, depth)  # a function; its arguments are read as they come
        if self._is(index + 1, "{"):
            self._refuse(token, "message types are not supported")
        path: Path | None
        if token.text in scope:
            path = scope[token.text]
        else:
            self._roots.add(token.text)
            path = (token.text,)
        return self._tail(path, index + 1, end, scope, depth, token)

    def _tail(
        self,
        path: Path | None,
        index: int,
        end: int,
        scope: Mapping[str, Path | None],
        depth: int,
        first: _Token | None = None,
    ) -> tuple[Path | None, int]:
        """Fields, indexes and calls that follow. The longest path is noted as one reference."""
        noted = path
        while index < end:
            token = self._tokens[index]
            following = self._tokens[index + 1] if index + 1 < end else None
            if self._is(index, ".") and following is not None and following.kind == "name":
                if self._is(index + 2, "("):
                    close = self._closing[index + 2]
                    if following.text in _MACROS:
                        self._macro(path, index + 2, close, scope, depth, builds=following.text in _BUILDS)
                        if following.text != "filter":
                            path = None
                    else:
                        self._span(index + 3, close, scope, depth)
                        path = None
                    index = close + 1
                    continue
                if path is not None:
                    path = (*path, following.text)
                    noted = path
                index += 2
            elif self._is(index, "["):
                close = self._closing[index]
                segment = self._segment(index + 1, close)
                if segment is None:
                    if path == ("steps",):
                        self._refuse(token, "a step is named in the expression itself, not computed")
                    self._span(index + 1, close, scope, depth)
                    path = None
                elif path is not None:
                    path = (*path, segment)
                    noted = path
                index = close + 1
            elif self._is(index, "(") and first is None and path is None:
                self._span(index + 1, self._closing[index], scope, depth)
                index = self._closing[index] + 1
            else:
                break
        if noted is not None and first is not None:
            if noted == ("steps",):
                self._refuse(first, "`steps` is read one step at a time, `steps.<id>`")
            self._references.append(Reference(noted, first.offset, first.text not in scope))
        return path, index

    def _segment(self, start: int, end: int) -> str | int | None:
        """The content of ``[…]`` when it is one plain literal."""
        if end - start != 1:
            return None
        token = self._tokens[start]
        if token.kind == "number" and token.text.isdigit():
            return 0
        if token.kind == "text" and token.text[0] in "\"'" and "\\" not in token.text and token.text[:3] not in _TRIPLE:
            return token.text[1:-1]
        return None

    def _macro(
        self,
        path: Path | None,
        opening: int,
        close: int,
        scope: Mapping[str, Path | None],
        depth: int,
        *,
        builds: bool,
    ) -> None:
        name = self._tokens[opening + 1]
        if name.kind != "name" or not self._is(opening + 2, ","):
            self._refuse(name, "the first argument of a macro is a new name, followed by a comma")
        if name.text in ROOTS:
            self._refuse(name, "a macro's name may not hide a variable")
        if depth + 1 > MAX_MACROS:
            self._refuse(name, f"macros stand at most {MAX_MACROS} deep inside one another")
        self._depth = max(self._depth, depth + 1)
        self._builds = self._builds or builds
        self._bound.add(name.text)
        inner = {**scope, name.text: None if path is None else (*path, 0)}
        self._span(opening + 3, close, inner, depth + 1)

    def _refuse(self, token: _Token, why: str) -> None:
        raise InvalidRunbook(f"`{cut(self._text)}` (column {token.offset + 1}): {why}")


_TRIPLE = frozenset({'"""', "'''"})


def read_paths(text: str) -> Paths:
    """The paths in an expression.

    Raises:
        InvalidRunbook: it cannot be CEL, is nested too deep, or computes which step it reads.
    """
    return _PathReader(text).read()


def one_expression(text: str) -> bool:
    """Whether ``text`` can stand between ``${`` and the last ``}``: no ``}`` in it closes anything from outside."""
    depth = 0
    try:
        tokens = _tokens(text)
    except InvalidRunbook:
        return "${" not in text  # then the complaint is about the expression, not about text around it
    for token in tokens:
        if token.kind == "sign":
            depth += {"{": 1, "}": -1}.get(token.text, 0)
            if depth < 0:
                return False
    return True


def cut(text: str) -> str:
    """``text`` as a message shows it."""
    return text if len(text) <= 200 else f"{text[:199]}…"
