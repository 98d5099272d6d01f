"""YAML with positions: plain data, and the line of every value, so that each complaint names ``file:line``.

Deliberately less than YAML:

- Scalars follow the YAML 1.2 core schema (https://yaml.org/spec/1.2.2/#103-core-schema), not 1.1: ``no`` is text and
  not false, ``12:30`` is text and not 750, dates stay text (models parse them). Numbers with a leading zero or a plus
  sign stay text, because phone numbers and customer numbers are written so.
- Values are JSON's: mappings with text keys, lists, text, finite numbers, true, false, null. Integers stay within
  ±(2^53 - 1), the range that survives canonical JSON (RFC 8785).
- Duplicate keys, several documents, and every tag except ``!!str`` are refused.
- Size, depth, number of values and number of aliases are limited, so that no file can exhaust the process.

``parse`` and ``load`` give a `Document`; ``build`` validates it with a pydantic model; ``explain`` turns a
`pydantic.ValidationError` into lines. No message ever repeats a value: it may be a secret that was put in the wrong
place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from tenantry.errors import InvalidInput

__all__ = [
    "Document",
    "Limits",
    "Position",
    "Positions",
    "Problem",
    "build",
    "explain",
    "load",
    "misplaced",
    "parse",
    "problems",
]

DataPath = tuple[str | int, ...]
"""Where a value stands in the data: ``("steps", 0, "uses")``."""

_M = TypeVar("_M", bound=BaseModel)

# libyaml's parser is some ten times faster; both emit the same events and both only tokenise here.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STR_TAG = "tag:yaml.org,2002:str"
_MAX_SAFE_INTEGER = 2**53 - 1
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_BASED_INT = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+|(?:\.[0-9]*)?[eE][-+]?[0-9]+)\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. ``values`` counts every scalar, list and mapping after aliases are expanded."""

    bytes: int = 1_048_576
    depth: int = 40
    values: int = 50_000
    aliases: int = 200


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column both count from 1."""

    line: int
    column: int


class Positions(Mapping[DataPath, Position]):
    """The position of every value by its path; for a mapping's entry, that of its key."""

    def __init__(self, file: str, places: Mapping[DataPath, Position]) -> None:
        self.file = file
        self._places = dict(places)

    def __getitem__(self, path: DataPath) -> Position:
        return self._places[path]

    def __iter__(self) -> Iterator[DataPath]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def nearest(self, path: DataPath) -> Position:
        """The position of ``path``, or of the closest value around it (for a value that is missing)."""
        for end in range(len(path), -1, -1):
            found = self._places.get(path[:end])
            if found is not None:
                return found
        return Position(1, 1)

    def place(self, path: DataPath = ()) -> str:
        """``file:line`` of ``path`` or of the closest value around it."""
        return f"{self.file}:{self.nearest(path).line}"


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says (``data``, JSON types only) and where it says so (``positions``)."""

    data: Any = field(repr=False)  # a file with a misplaced secret must not reach a log through a repr
    positions: Positions = field(repr=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint: the path it is about, its position, and what is wrong (never the value)."""

    path: DataPath
    position: Position
    message: str

    @property
    def text(self) -> str:
        """``steps[0].uses: unknown field``."""
        return f"{_dotted(self.path)}: {self.message}" if self.path else self.message


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """A value as written. ``content``: a scalar, a list of nodes, or a list of (key, key's position, node)."""

    kind: str
    position: Position
    content: Any
    finished: bool = True
    seen: set[str] = field(default_factory=set)


def load(path: Path, *, error: type[InvalidInput] = InvalidInput, limits: Limits = Limits()) -> Document:
    """Read and parse a UTF-8 file.

    Raises:
        InvalidInput: or the given subclass, naming ``file:line``.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(limits.bytes + 1)
    except OSError as exc:
        raise error(f"cannot be read ({exc.strerror})", place=str(path)) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        if len(raw) <= limits.bytes:
            line = raw.count(b"\n", 0, exc.start) + 1
            raise error("this is not UTF-8 text", place=f"{path}:{line}") from None
        text = " " * len(raw)  # cut inside a character because it is too long: parse says which limit
    return parse(text, file=str(path), error=error, limits=limits)


def parse(
    text: str,
    *,
    file: str,
    error: type[InvalidInput] = InvalidInput,
    limits: Limits = Limits(),
) -> Document:
    """Parse one YAML document; ``file`` is the name that complaints carry.

    Raises:
        InvalidInput: or the given subclass, naming ``file:line``.
    """
    if len(text.encode("utf-8", "surrogatepass")) > limits.bytes:
        raise error(f"longer than {limits.bytes} bytes", place=f"{file}:1")
    root = _Reader(file, error, limits).read(text)
    places: dict[DataPath, Position] = {}
    expander = _Expander(file, error, limits, places)
    data = expander.expand(root, (), root.position, 0)
    return Document(data, Positions(file, places))


class _Complains:
    def __init__(self, file: str, error: type[InvalidInput], limits: Limits) -> None:
        self._file, self._error, self._limits = file, error, limits

    def fail(self, message: str, position: Position) -> NoReturn:
        raise self._error(message, place=f"{self._file}:{position.line}")


class _Reader(_Complains):
    """Events → nodes, without recursion: the nesting of a hostile file never becomes our stack."""

    def read(self, text: str) -> _Node:
        try:
            return self._read(text)
        except yaml.MarkedYAMLError as exc:
            said = exc.problem or exc.context or "syntax error"
            at = _position(exc.problem_mark or exc.context_mark)
        except yaml.YAMLError:
            said, at = "a character that YAML does not allow", _bad_character(text)
        return self.fail(f"not valid YAML: {said}", at)

    def _read(self, text: str) -> _Node:
        anchors: dict[str, _Node] = {}
        stack: list[_Node] = []
        keys: list[tuple[str, Position] | None] = []  # the pending key of each open mapping
        root: _Node | None = None
        documents = aliases = values = 0
        loader = _Loader(text)
        try:
            while loader.check_event():
                event = loader.get_event()
                at = _position(event.start_mark)
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self.fail("one document only; found a second", at)
                elif isinstance(event, yaml.CollectionEndEvent):
                    stack.pop().finished = True
                    keys.pop()
                elif isinstance(event, yaml.NodeEvent):
                    values += 1
                    if values > self._limits.values:
                        self.fail(f"more than {self._limits.values} values", at)
                    if isinstance(event, yaml.AliasEvent):
                        aliases += 1
                        if aliases > self._limits.aliases:
                            self.fail(f"more than {self._limits.aliases} aliases", at)
                        node = self._aliased(anchors.get(str(event.anchor)), at)
                    else:
                        node = self._node(event, at)
                        if event.anchor is not None:
                            anchors[event.anchor] = node
                    if stack:
                        self._attach(stack[-1], keys, node, at)
                    else:
                        root = node
                    if isinstance(event, yaml.CollectionStartEvent):
                        stack.append(node)
                        keys.append(None)
                        if len(stack) > self._limits.depth:
                            self.fail(f"nested deeper than {self._limits.depth} levels", at)
        finally:
            loader.dispose()
        return root or _Node("scalar", Position(1, 1), None)

    def _aliased(self, node: _Node | None, at: Position) -> _Node:
        if node is None:
            self.fail("an alias without an anchor before it", at)
        if not node.finished:
            self.fail("an alias inside the value that it names", at)
        return node

    def _node(self, event: Any, at: Position) -> _Node:
        tag = event.tag
        if tag is not None and not (tag == "!" or (tag == _STR_TAG and isinstance(event, yaml.ScalarEvent))):
            self.fail("tags are not allowed here", at)
        if isinstance(event, yaml.ScalarEvent):
            plain = tag is None and event.style in (None, "")
            return _Node("scalar", at, self._resolve(event.value, at) if plain else event.value)
        kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
        return _Node(kind, at, [], finished=False)

    def _resolve(self, text: str, at: Position) -> Any:
        """A plain scalar's value under the core schema, as the module says."""
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.match(text) or _BASED_INT.match(text):
            if len(text) > 20 or abs(number := int(text, 0)) > _MAX_SAFE_INTEGER:
                self.fail("a number beyond 2^53 - 1 loses digits in JSON; put it in quotes", at)
            return number
        if _FLOAT.match(text):
            real = float(text)
            if not math.isfinite(real):
                self.fail("a number too large for JSON; put it in quotes", at)
            return real
        if _NOT_FINITE.match(text):
            self.fail("infinity and not-a-number have no JSON form", at)
        return text

    def _attach(self, parent: _Node, keys: list[tuple[str, Position] | None], node: _Node, at: Position) -> None:
        if parent.kind == "list":
            parent.content.append(node)
            return
        pending = keys[-1]
        if pending is None:
            if node.kind != "scalar" or not isinstance(node.content, str):
                self.fail("a key must be text; put numbers, true, false and null in quotes", at)
            if node.content in parent.seen:
                self.fail(f"the key '{node.content[:80]}' stands here twice", at)
            parent.seen.add(node.content)
            keys[-1] = (node.content, at)
        else:
            parent.content.append((*pending, node))
            keys[-1] = None


class _Expander(_Complains):
    """Nodes → data and positions. Aliases are copied, so the limits count what the copy costs."""

    def __init__(self, file: str, error: type[InvalidInput], limits: Limits, places: dict[DataPath, Position]) -> None:
        super().__init__(file, error, limits)
        self._places = places
        self._values = 0

    def expand(self, node: _Node, path: DataPath, at: Position, depth: int) -> Any:
        self._values += 1
        if self._values > self._limits.values:
            self.fail(f"more than {self._limits.values} values once aliases are expanded", at)
        if depth > self._limits.depth:
            self.fail(f"nested deeper than {self._limits.depth} levels once aliases are expanded", at)
        self._places[path] = at
        if node.kind == "mapping":
            return {key: self.expand(child, (*path, key), where, depth + 1) for key, where, child in node.content}
        if node.kind == "list":
            return [
                self.expand(child, (*path, index), child.position, depth + 1)
                for index, child in enumerate(node.content)
            ]
        return node.content


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1) if mark is not None else Position(1, 1)


def _bad_character(text: str) -> Position:
    """Where the first character stands that YAML forbids (the C and Python readers report it differently)."""
    for number, line in enumerate(text.split("\n"), start=1):
        for column, char in enumerate(line, start=1):
            if not (
                char in "\t\r\x85" or ((char.isprintable() or ord(char) >= 0xA0) and not 0xD800 <= ord(char) <= 0xDFFF)
            ):
                return Position(number, column)
    return Position(1, 1)


# --- validating -------------------------------------------------------------------------------------------------------


def build(model: type[_M], document: Document, *, error: type[InvalidInput] = InvalidInput, context: Any = None) -> _M:
    """Validate a document with a pydantic model.

    Raises:
        InvalidInput: or the given subclass; its place is the first problem's ``file:line``, its message names every
            problem, and ``detail["problems"]`` lists them as `explain` does.
    """
    try:
        return model.model_validate(document.data, context=context)
    except ValidationError as exc:
        found = problems(exc, document.positions)
    # Raised outside the handler: a chained ValidationError would print the offending value, maybe a secret.
    first, *others = found
    message = "; ".join([first.text, *(f"line {other.position.line}: {other.text}" for other in others)])
    lines = [f"{document.positions.file}:{problem.position.line}: {problem.text}" for problem in found]
    raise error(message, place=f"{document.positions.file}:{first.position.line}", problems=lines)


def misplaced(message: str, *path: str | int) -> PydanticCustomError:
    """For a validator that looks at a whole model: a complaint about the value at ``path`` below that model, so that the
    line named is that value's. ``message`` must not repeat what may be a secret."""
    return PydanticCustomError("misplaced", "{message}", {"message": message, "path": path})


def explain(exc: ValidationError, positions: Positions) -> list[str]:
    """One ``file:line: path: what is wrong`` for each problem, in the order of the file."""
    return [f"{positions.file}:{problem.position.line}: {problem.text}" for problem in problems(exc, positions)]


def problems(exc: ValidationError, positions: Positions) -> list[Problem]:
    """The problems of a validation with their positions, in the order of the file."""
    found = []
    for item in exc.errors(include_url=False, include_context=True, include_input=True):
        below = item["ctx"]["path"] if item["type"] == "misplaced" else ()
        path, missing = _data_path((*item["loc"], *below), positions)
        found.append(Problem((*path, *missing), positions.nearest(path), _message(item)))
    return sorted(found, key=lambda problem: problem.position)


def _data_path(loc: tuple[str | int, ...], positions: Positions) -> tuple[DataPath, DataPath]:
    """The part of a pydantic location that is in the file, and the missing last name, if any.

    Pydantic mixes union tags and the names of validators into its locations; those are in no file and are left out.
    """
    path: DataPath = ()
    last: DataPath = ()
    for part in loc:
        if (*path, part) in positions:
            path, last = (*path, part), ()
        else:
            last = (part,) if isinstance(part, str) and re.match(r"\w+\Z", part) else ()
    return path, last


def _message(item: Any) -> str:
    kind = item["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "unknown field"
    if kind == "union_tag_invalid":  # pydantic's own words repeat the value
        return f"{item['ctx']['discriminator']} should be one of {item['ctx']['expected_tags']}"
    if kind == "string_type" and isinstance(item["input"], (bool, int, float)):
        return "should be text; put it in quotes"
    message = str(item["msg"])
    if kind in {"value_error", "assertion_error"}:
        message = message.partition(", ")[2] or message
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _dotted(path: DataPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
