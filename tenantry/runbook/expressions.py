"""Expressions of a runbook: CEL (https://github.com/google/cel-spec), compiled once, checked before anything runs.

In a ``with`` block a text that is exactly ``${ … }`` is an expression and yields a typed value; anything else is the value
itself. ``${`` elsewhere inside a text is refused, because glueing text from values that an attacker may choose belongs
into message templates, which are sandboxed. ``$${`` stands for a literal ``${``. ``when``, ``for_each`` and ``key`` are
bare expressions.

Variables: ``params``, ``tenant``, ``run``, ``steps``, ``item``. ``steps.<id>`` is a map of ``outcome``, ``output`` and
``items`` (see :func:`step_value`).

Values go in and come out as JSON types and aware datetimes. The library's own behaviour where that is not obvious:

- A missing key, an index out of range, a field of ``null`` and mixed arithmetic (``1 + 1.5``) are errors; ``has()`` asks
  for one missing key. Here they all become :class:`ExpressionFailed`.
- It silently turns integers beyond 64 bits into floats, and takes naive datetimes as UTC; both are refused here.
- ``size()`` of a text counts UTF-8 bytes, though the standard counts characters.
- ``map`` and ``filter`` copy their whole result for each element they add (3,000 rows of ten fields take over a minute),
  and nothing interrupts them. So a list that only goes through ``filter`` and ``map`` is given to the library in small
  parts, and what all other expressions may walk and copy is limited (``MAX_WALK``, ``MAX_COPIES``).

The library finds variables and functions itself; :mod:`tenantry.runbook._paths` finds the dotted paths, which it does
not tell, and an expression where the two disagree is refused.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import math
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final

from tenantry.errors import InvalidRunbook, StepError
from tenantry.runbook._paths import ROOTS, Path, Reference, cut, one_expression, read_paths

__all__ = [
    "ROOTS",
    "RUN_FIELDS",
    "SKIPPED",
    "Expression",
    "ExpressionFailed",
    "Path",
    "Reference",
    "condition",
    "expand",
    "expressions_in",
    "item_key",
    "parse_value",
    "resolve",
    "step_value",
]

RUN_FIELDS: Final = ("id", "mode", "started_at", "requested_by", "opened_by")
"""What ``run`` is a map of."""
FUNCTIONS: Final = frozenset(
    {
        *("size", "startsWith", "endsWith", "contains", "matches"),
        *("string", "int", "double", "bool", "type", "dyn", "timestamp", "duration"),
        *("getFullYear", "getMonth", "getDayOfMonth", "getDate", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
"""Functions of the CEL standard that an expression may call. Operators and macros (has, all, exists, exists_one, map,
filter) come on top."""

MAX_LENGTH: Final = 2_000
MAX_WALK: Final = {False: {0: 100_000, 1: 20_000, 2: 300}, True: {0: 100_000, 1: 20_000, 2: 100}}
"""Longest list by [builds a list: ``map`` or ``filter``][depth of macros]."""
MAX_COPIES: Final = 1_500_000
"""Values that ``map`` and ``filter`` may copy in one evaluation; about a second."""
MAX_VALUES: Final = 200_000
"""Values (scalars, lists, maps) that one evaluation may be given."""

_MAX_INTEGER: Final = 2**53 - 1  # RFC 8785 §3.2.2.3
_INT64: Final = range(-(2**63), 2**63)
_MAX_DEPTH: Final = 60
_CALL: Final = 30  # what one call of the library costs, in copied values
_NAME = re.compile(r"[A-Za-z]\w*\Z")


class ExpressionFailed(StepError):
    """An expression could not be evaluated with the values at hand, or gave a value of the wrong kind."""

    code = "expression_failed"
    remedy = "Look at the values that the named expression read; correct the runbook, or the step that gave them."


def step_value(outcome: str, output: Any = None, items: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """What ``steps.<id>`` is in expressions.

    Args:
        outcome: the step's outcome (the worst one, when it ran for several items).
        output: the output of a task that reads or of a person's answer, as JSON; None for effects and for ``for_each``.
        items: for ``for_each``: one map an item with ``key``, ``item``, ``outcome`` and ``output``.
    """
    return {"outcome": outcome, "output": output, "items": items or []}


SKIPPED: Final = step_value("skipped")
"""What a skipped step is in expressions."""


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Compiled:
    program: Any
    references: tuple[Reference, ...]
    shape: Path | None
    depth: int
    builds: bool
    pipeline: Path | None
    operands: tuple[str, ...]


class Expression:
    """One CEL expression, compiled once for each text. Equal when the texts are; may be pickled and shared by threads.

    Raises:
        InvalidRunbook: it is no CEL, too long, nested too deep, or uses an unknown variable or function. No place: the
            loader knows it.
    """

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled = _compile(text)

    @property
    def variables(self) -> frozenset[str]:
        """The variables it reads, names bound by macros left out: a subset of ``ROOTS``."""
        return frozenset(str(r.path[0]) for r in self._compiled.references)

    @property
    def references(self) -> tuple[Reference, ...]:
        """Every path it reads, in the order of the text."""
        return self._compiled.references

    @property
    def steps_referenced(self) -> tuple[str, ...]:
        """Ids of the steps that it reads, each once, in the order of the text."""
        return tuple(dict.fromkeys(str(r.path[1]) for r in self.references if r.path[0] == "steps"))

    @property
    def shape(self) -> Path | None:
        """The path whose value the whole expression is (``filter`` keeps a list's shape); None for anything computed."""
        return self._compiled.shape

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value: JSON types and aware datetimes.

        Args:
            variables: what each root is. Only what the expression reads is looked at.

        Raises:
            ExpressionFailed: naming the expression; values are not repeated.
        """
        if self._compiled.operands:
            parts = [Expression(text).evaluate(variables) for text in self._compiled.operands]
            if all(isinstance(part, list) for part in parts):
                return [value for part in parts for value in part]
        try:
            return self._evaluate(variables)
        except _Refusal as refusal:
            why = str(refusal)
        except KeyError as error:
            why = f"there is no {str(error.args[0] if error.args else '')[:80]!r}"
        except IndexError:
            why = "an index is beyond the end of its list"
        except TypeError:
            why = "an operation does not fit the types it was given (a field of null or of text, or 1 + 1.5)"
        except ArithmeticError:
            why = "a division by zero, or a number beyond 64 bits"
        except (ValueError, RuntimeError, RecursionError):
            why = "a function could not take its argument"
        # Raised outside the handlers: the library's own messages repeat values.
        raise ExpressionFailed(f"the expression `{cut(self.text)}` failed: {why}")

    def _evaluate(self, variables: Mapping[str, Any]) -> Any:
        compiled = self._compiled
        intake = _Intake(self)
        given = intake.take(variables)
        rows = _at(given, compiled.pipeline) if compiled.pipeline is not None else None
        if compiled.pipeline is None or not isinstance(rows, list) or not rows:
            intake.check_copies()
            return _outcome(compiled.program.execute(given))
        size = intake.part_of(rows)
        found: list[Any] = []
        for start in range(0, len(rows), size):
            part = _with(given, compiled.pipeline, rows[start : start + size])
            found += _outcome(compiled.program.execute(part))
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return (Expression, (self.text,))


def parse_value(text: str) -> Expression | str:
    """A text of a ``with`` block: the expression that it is, or the text itself with ``$${`` read as ``${``.

    Raises:
        InvalidRunbook: a bad expression, or ``${`` inside other text.
    """
    return _parse_value(text) if "${" in text else text


@lru_cache(maxsize=2048)
def _parse_value(text: str) -> Expression | str:
    inner = text.strip()
    if inner.startswith("${") and inner.endswith("}") and one_expression(inner[2:-1]):
        return Expression(inner[2:-1].strip())
    if re.search(r"(?<!\$)\$\{", text):
        raise InvalidRunbook(
            "`${` inside other text: a value is one whole `${ … }`; text with values in it belongs into a message "
            "template (a literal `${` is written `$${`)"
        )
    return text.replace("$${", "${")


def expressions_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Expression]]:
    """Every expression in a ``with`` block, with its path in it.

    Raises:
        InvalidRunbook: as :func:`parse_value`, at the first bad one.
    """
    if isinstance(value, str):
        parsed = parse_value(value)
        if isinstance(parsed, Expression):
            yield path, parsed
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from expressions_in(inner, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from expressions_in(inner, (*path, index))


# --- evaluating -------------------------------------------------------------------------------------------------------


def resolve(value: Any, variables: Mapping[str, Any]) -> Any:
    """A ``with`` block with every expression replaced by its value. Other values keep their type; lists and maps are new.

    Raises:
        ExpressionFailed: see :meth:`Expression.evaluate`.
        InvalidRunbook: only for a block that was never loaded.
    """
    if isinstance(value, str):
        parsed = parse_value(value)
        return parsed.evaluate(variables) if isinstance(parsed, Expression) else parsed
    if isinstance(value, Mapping):
        return {key: resolve(inner, variables) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(inner, variables) for inner in value]
    return value


def condition(text: str, variables: Mapping[str, Any]) -> bool:
    """The value of a ``when``.

    Raises:
        ExpressionFailed: also when it is not true or false: an absent answer is never taken for one.
    """
    value = Expression(text).evaluate(variables)
    if not isinstance(value, bool):
        raise ExpressionFailed(f"the condition `{cut(text)}` gave {_kind(value)}, not true or false")
    return value


def expand(text: str, variables: Mapping[str, Any]) -> list[Any]:
    """The items of a ``for_each``.

    Raises:
        ExpressionFailed: also when it is not a list.
    """
    value = Expression(text).evaluate(variables)
    if not isinstance(value, list):
        raise ExpressionFailed(f"`for_each: {cut(text)}` gave {_kind(value)}, not a list")
    return value


def item_key(text: str | None, item: Any, variables: Mapping[str, Any] | None = None) -> str:
    """The stable key of one item: ``key`` evaluated, or by default ``item.id`` of a map and a text itself.

    Raises:
        ExpressionFailed: the key is no text (or whole number), or empty.
    """
    if text is not None:
        value = Expression(text).evaluate({**(variables or {}), "item": item})
        said = f"the key `{cut(text)}` gave {_kind(value)}"
    else:
        value = item.get("id") if isinstance(item, Mapping) else item
        said = "an item has no text `id`, and the step names no `key`"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ExpressionFailed(f"{said}; a key is a text that is not empty, best the vendor's object id")
    return value


class _Refusal(Exception):
    """A value that cannot go into, or come out of, an expression."""


class _Intake:
    """The variables an expression is given: only what it reads, and only types that the library keeps as they are."""

    def __init__(self, expression: Expression) -> None:
        compiled = expression._compiled
        self._references = compiled.references
        self._longest = MAX_WALK[compiled.builds][compiled.depth]
        self._depth = compiled.depth
        self._builds = compiled.builds
        self._values = 0
        self._copies = 0

    def take(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name in dict.fromkeys(str(r.path[0]) for r in self._references):
            if name not in variables:
                raise _Refusal(f"`{name}` has no value here")
            value = self._steps(variables[name]) if name == "steps" else variables[name]
            given[name] = self._plain(value, 0)
        return given

    def check_copies(self) -> None:
        """Refuse what ``map`` and ``filter`` would copy for too long: for each element, half of the list on average."""
        if self._builds and self._copies > MAX_COPIES:
            raise _Refusal("`map` or `filter` would take too long on a list of this size: let the task filter")

    def part_of(self, rows: list[Any]) -> int:
        """How many rows to give to the library at once: what is read besides is copied for each part, and a part's rows
        for each of its rows."""
        row = max(1, _count(rows) // len(rows))
        besides = _CALL + max(0, self._values - row * len(rows))
        size = min(max(1, math.isqrt(2 * besides // row)), len(rows))
        if besides * len(rows) // size + len(rows) * size * row // 2 > MAX_COPIES:
            raise _Refusal("`map` or `filter` would take too long on a list of this size: let the task filter")
        return size

    def _steps(self, steps: Mapping[str, Any]) -> dict[str, Any]:
        """Only the steps, and of their outputs only the fields, that are read: outputs can be large, and the library
        copies all that it is given."""
        wanted: dict[str, set[str] | None] = {}  # step → fields of its output, or None for all of it
        for path in (r.path for r in self._references if r.path[0] == "steps"):
            step = str(path[1])
            if len(path) > 3 and path[2] == "output" and isinstance(path[3], str):
                fields = wanted.setdefault(step, set())
                if fields is not None:
                    fields.add(path[3])
            else:
                wanted[step] = None
        kept: dict[str, Any] = {}
        for step, fields in wanted.items():
            if step not in steps:
                raise _Refusal(f"the step {step!r} has not run")
            value = steps[step]
            if fields is not None and isinstance(value, Mapping) and isinstance(value.get("output"), Mapping):
                output = value["output"]
                value = {"output": {name: output[name] for name in fields if name in output}}
            kept[step] = value
        return kept

    def _plain(self, value: Any, depth: int) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or depth > _MAX_DEPTH:
            raise _Refusal(f"it reads more than {MAX_VALUES} values, or values nested deeper than {_MAX_DEPTH}")
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, int):
            if value not in _INT64:
                raise _Refusal("a number is beyond 64 bits; hold such ids as text")
            return value
        if isinstance(value, float):
            return value
        if isinstance(value, datetime):
            if value.utcoffset() is None:
                raise _Refusal("a time names no zone")
            return value
        if isinstance(value, (Mapping, list, tuple)):
            if len(value) > self._longest:
                raise _Refusal(
                    f"it reads a list of {len(value)}; with {self._depth} levels of map, filter, all or exists the limit "
                    f"is {self._longest}: let the task filter"
                )
            if isinstance(value, Mapping):
                if not all(isinstance(key, str) for key in value):
                    raise _Refusal("a map has a key that is no text")
                return {key: self._plain(inner, depth + 1) for key, inner in value.items()}
            before = self._values
            plain = [self._plain(inner, depth + 1) for inner in value]
            self._copies = max(self._copies, len(plain) * (self._values - before) // 2)
            return plain
        raise _Refusal(f"a {type(value).__name__} is not JSON")


def _count(value: Any) -> int:
    """Values in ``value``, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def _at(value: Any, path: Path) -> Any:
    """What lies at ``path``, or None: then the library says why not."""
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _with(value: Any, path: Path, new: Any) -> Any:
    """``value`` with ``new`` at ``path``; the rest is shared, not copied."""
    return {**value, path[0]: _with(value[path[0]], path[1:], new)} if path else new


def _outcome(value: Any) -> Any:
    """The result, if it is of a type that a parameter and the journal can hold."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise _Refusal("its result is a map with keys that are no text")
        return {key: _outcome(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_outcome(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise _Refusal("its result is not a finite number")
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        raise _Refusal("its result is beyond 2^53 - 1, where numbers lose digits in JSON")
    if value is None or isinstance(value, (bool, int, float, str, datetime)):
        return value
    raise _Refusal(f"its result is {_kind(value)}, which is not JSON; a time or a number is")


def _kind(value: Any) -> str:
    return {
        "NoneType": "null",
        "bool": "true or false",
        "int": "a number",
        "float": "a number",
        "str": "a text",
        "list": "a list",
        "dict": "a map",
        "datetime": "a time",
        "timedelta": "a duration",
    }.get(type(value).__name__, f"a {type(value).__name__}")


# --- compiling --------------------------------------------------------------------------------------------------------


_LOADING: Final = threading.Lock()


def _library() -> Any:
    """The compiler, loaded once: it cannot be loaded a second time, and threads ask for it at the same moment."""
    with _LOADING:
        return _loaded_library()


@cache
def _loaded_library() -> Any:
    """The library's compiled module alone. Its package imports a command line (prompt_toolkit: 0.5 s) beside it, which
    nobody here needs; loaded under its own name, it stays the one copy if somebody imports the package later."""
    name = "cel.cel"
    if name in sys.modules:
        return sys.modules[name]
    package = importlib.util.find_spec("cel")
    spec = importlib.machinery.PathFinder.find_spec(name, package.submodule_search_locations if package else None)
    if spec is None or spec.loader is None:
        return importlib.import_module("cel")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return sys.modules.setdefault(name, module)


@lru_cache(maxsize=2048)
def _compile(text: str) -> _Compiled:
    if len(text) > MAX_LENGTH:
        raise InvalidRunbook(f"an expression has at most {MAX_LENGTH} characters; this one has {len(text)}")
    if not text.strip():
        raise InvalidRunbook("the expression is empty")
    found = read_paths(text)
    try:
        program = _library().compile(text)
        names = program.references()
    except (ValueError, RuntimeError, RecursionError) as error:
        said = re.search(r"<input>:(\d+):(\d+): ([^\n{]{1,120})", str(error))
        why = f" (column {int(said[2])}: {said[3].strip().removesuffix(' expecting')})" if said else ""
    else:
        why = ""
        unknown = sorted(n for n in names["functions"] if _NAME.match(n) and n not in FUNCTIONS)
        if unknown:
            raise InvalidRunbook(
                f"unknown function {unknown[0]!r} in `{cut(text)}`; there are {', '.join(sorted(FUNCTIONS))}, has, all, "
                "exists, exists_one, map, filter"
            )
        strangers = sorted((set(names["variables"]) - found.bound - ROOTS) | (found.roots - ROOTS))
        if strangers:
            raise InvalidRunbook(
                f"unknown variable {strangers[0]!r} in `{cut(text)}`; there are {', '.join(sorted(ROOTS))} (text stands in "
                "quotes inside an expression)"
            )
        if not set(names["variables"]) <= found.roots | found.bound:
            raise InvalidRunbook(f"`{cut(text)}` uses a form of CEL that is not supported here")
        return _Compiled(
            program, found.references, found.shape, found.depth, found.builds, found.pipeline, found.operands
        )
    raise InvalidRunbook(f"`{cut(text)}` is not a valid CEL expression{why}")
