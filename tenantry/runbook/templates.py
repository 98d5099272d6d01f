"""Message templates: the one place where values are put into text. Jinja2's sandbox, and less than that.

A template is ``runbooks/messages/<name>.md``: the first line is ``Subject: …``, then an empty line, then the text. Facts
are what a step's ``message.with`` gives.

Attackers choose names that get rendered (display names, inbox rules, file names), so:

- Every text among the facts is cleaned before the template sees it: control characters, bidirectional overrides
  (Unicode TR #36 §2.5.2) and invisible characters are dropped, line breaks become spaces, more than ``MAX_FACT``
  characters are cut with ``…``. Only ``{{ note | quoted }}`` keeps line breaks, each line behind ``> ``: nobody can forge
  a paragraph of ours.
- Facts are data: they are never compiled, and hold plain JSON, so no method is within reach.
- A template has tests, a few filters, ``if`` and ``for``; no calls, no assignments, no macros, no includes, no
  multiplication, so its cost is bounded by its length, the facts, ``MAX_LOOPS`` and ``MAX_OUTPUT``.
- An unknown fact is an error, not an empty place. None reads "not known", true and false read "yes" and "no".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenantry.errors import InvalidRunbook, NotFound, StepError

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["Rendered", "TemplateFailed", "Templates", "render"]

MAX_TEMPLATE: Final = 32_768  # bytes
MAX_OUTPUT: Final = 65_536  # bytes
MAX_SUBJECT: Final = 200  # characters
MAX_FACT: Final = 4_000  # characters
MAX_FACTS: Final = 20_000  # values
MAX_LOOPS: Final = 20_000  # turns of all loops together

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_SUBJECT = re.compile(r"Subject:[ \t]*(\S[^\r\n]*)(?:\r?\n|\Z)")
_BREAKS = re.compile(r"\r\n|[\n\r\t\v\f\x1c-\x1e\x85\u2028\u2029]")

# Invisible, or change the direction of what follows: bidirectional marks, embeddings, overrides and isolates, zero-width
# characters, soft hyphen, byte order mark, interlinear annotations, tags. Joiners stay: scripts and emoji need them.
_HIDDEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


class TemplateFailed(StepError):
    """A message could not be written with the facts at hand."""

    code = "template_failed"
    remedy = "Give the template the fact it names, in the step's `message.with`, then resume the run."


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message, ready to send: one line of subject, and plain text with a final newline."""

    subject: str
    text: str


class Templates:
    """The templates in some folders; the first folder that has a name wins."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted({p.stem for folder in self.folders for p in folder.glob("*.md") if _NAME.match(p.stem)})

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """Path, size and time of every template: as long as it stays the same, so does what they need."""
        found = ((path, path.stat()) for folder in self.folders for path in sorted(folder.glob("*.md")))
        return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found)

    def facts_needed(self, name: str) -> frozenset[str]:
        """Names of the facts that the template cannot do without: all that it reads, except those that it asks about
        (``is defined``, ``default``).

        Raises:
            NotFound: there is no such template.
            InvalidRunbook: it is not valid; names ``file:line``.
        """
        text, file = self._source(name)
        return _parts(text, file).facts

    def render(self, name: str, facts: Mapping[str, Any]) -> Rendered:
        """The message that the template makes of ``facts``.

        Raises:
            NotFound: there is no such template.
            InvalidRunbook: it is not valid; names ``file:line``.
            TemplateFailed: a fact is missing or not JSON, or a limit is exceeded.
        """
        text, file = self._source(name)
        return _render(text, file, facts)

    def _source(self, name: str) -> tuple[str, str]:
        if _NAME.match(name):
            for folder in self.folders:
                path = folder / f"{name}.md"
                try:
                    with path.open("rb") as stream:
                        raw = stream.read(MAX_TEMPLATE + 1)
                    return raw.decode("utf-8-sig"), str(path)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise InvalidRunbook(f"cannot be read ({error.strerror})", place=str(path)) from None
                except UnicodeDecodeError:
                    raise InvalidRunbook("this is not UTF-8 text", place=f"{path}:1") from None
        raise NotFound(f"there is no message template {name[:80]!r}")


def render(template: str, facts: Mapping[str, Any], templates: Templates | None = None) -> Rendered:
    """Render a template by name from ``templates``, or a template's own text (anything that is no name).

    Raises:
        NotFound: there is no such template.
        InvalidRunbook: the template is not valid.
        TemplateFailed: a fact is missing or not JSON, or a limit is exceeded.
    """
    if _NAME.match(template):
        return (templates or Templates(())).render(template, facts)
    return _render(template, "template", facts)


# --- rendering --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parts:
    subject: Any
    text: Any
    facts: frozenset[str]


class _Limit(Exception):
    """A template or its facts cost more than a message may."""


class _Text(str):
    """A cleaned fact, one line; ``lines`` are the original's, cleaned too."""

    __slots__ = ("lines",)
    lines: tuple[str, ...]

    def __new__(cls, raw: str) -> _Text:
        cut = raw if len(raw) <= MAX_FACT else f"{raw[: MAX_FACT - 1]}…"
        lines = [_clean(line) for line in _BREAKS.split(cut)]
        made = super().__new__(cls, " ".join(line for line in lines if line))
        made.lines = tuple(lines)
        return made


def _clean(line: str) -> str:
    shown = _HIDDEN.sub("", line)
    return "".join(c for c in shown if unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"}).strip()


def _render(text: str, file: str, facts: Mapping[str, Any]) -> Rendered:
    from jinja2 import TemplateError

    parts = _parts(text, file)
    try:
        given = {str(name): value for name, value in _facts(facts, _Budget(MAX_FACTS, "facts")).items()}
        budget = _Budget(MAX_LOOPS, "turns of its loops")
        subject = _Text(_written(parts.subject, {**given, _BUDGET: budget}))
        body = _written(parts.text, {**given, _BUDGET: budget})
    except _Limit as limit:
        why = str(limit)
    except TemplateError as error:
        name = re.search(r"'([A-Za-z_]\w*)' is undefined|no attribute '(\w+)'", str(error))
        missing = next((group for group in name.groups() if group), None) if name else None
        why = f"there is no fact {missing!r}" if missing else "a fact is missing, or does not fit its use"
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError):
        why = "a fact does not fit its use"
    else:
        if not subject:
            raise TemplateFailed(f"the message template {file} makes an empty subject")
        return Rendered(str(subject)[:MAX_SUBJECT], f"{_tidy(body)}\n")
    # Raised outside the handlers: the library's own messages repeat values.
    raise TemplateFailed(f"the message template {file} cannot be written: {why}")


def _written(template: Any, facts: dict[str, Any]) -> str:
    pieces: list[str] = []
    size = 0
    for piece in template.generate(facts):
        size += len(piece.encode("utf-8", "replace"))
        if size > MAX_OUTPUT:
            raise _Limit(f"it makes more than {MAX_OUTPUT} bytes")
        pieces.append(piece)
    return "".join(pieces)


def _tidy(text: str) -> str:
    """No trailing spaces, no more than one empty line in a row: what loops and conditions leave behind."""
    lines = [line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class _Budget:
    def __init__(self, left: int, what: str) -> None:
        self._limit = self._left = left
        self._what = what

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Limit(f"it takes more than {self._limit} {self._what}")


def _facts(value: Any, budget: _Budget) -> Any:
    """Facts as the template sees them: new, cleaned, JSON and aware datetimes only."""
    budget.spend()
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return _Text(value)
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value
    if isinstance(value, Mapping):
        return {_Text(str(key)): _facts(inner, budget) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_facts(inner, budget) for inner in value]
    raise _Limit(f"a {type(value).__name__} is among its facts, which is not JSON")


# --- the template language --------------------------------------------------------------------------------------------

_BUDGET: Final = "_budget"
_ALLOWED: Final = frozenset(
    {
        *("Template", "Output", "TemplateData", "Name", "Const", "List", "Tuple", "Getattr", "Getitem", "If", "For"),
        *("CondExpr", "Filter", "Test", "Compare", "Operand", "And", "Or", "Not", "Concat", "Add", "Sub", "Neg"),
    }
)
_LOOP: Final = frozenset({"first", "index", "index0", "last", "length"})
_FILTERS: Final = frozenset({"default", "first", "last", "length", "lower", "sort", "title", "unique", "upper"})
_TESTS: Final = frozenset(
    {*("defined", "undefined", "none", "string", "number", "mapping", "sequence", "true", "false"), "eq", "ne", "in"}
)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined, pass_context
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class DataOnly(ImmutableSandboxedEnvironment):
        """Dots and brackets read keys of maps and items of lists, never attributes: no method is within reach, and a
        fact may be called ``items``."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, LoopContext) and attribute in _LOOP:
                return super().getattr(obj, attribute)
            return self.getitem(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            if isinstance(obj, (dict, list)):
                try:
                    return obj[argument]
                except (LookupError, TypeError):
                    pass  # as a missing attribute: the strict undefined says which
            return self.undefined(obj=obj, name=argument)

    @pass_context
    def counted(context: Any, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            context[_BUDGET].spend()
            yield item

    environment = DataOnly(
        undefined=StrictUndefined,
        autoescape=False,  # plain text; markup has no meaning in it
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        finalize=_shown,
        loader=None,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters = {
        **{name: environment.filters[name] for name in _FILTERS},
        "join": _join,
        "quoted": _quoted,
        "utc": _utc,
        "date": _date,
        _BUDGET: counted,
    }
    environment.tests = {name: environment.tests[name] for name in (*_TESTS, "==", "!=") if name in environment.tests}
    return environment


def _shown(value: Any) -> Any:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _utc(value) if isinstance(value, datetime) else value


def _join(values: Sequence[Any], separator: str = ", ") -> str:
    if isinstance(values, (str, Mapping)) or len(separator) > 20:
        raise _Limit("`join` takes a list, and a separator of at most 20 characters")
    texts = [str(_shown(value)) for value in values]
    if sum(map(len, texts)) + len(separator) * len(texts) > MAX_OUTPUT:
        raise _Limit(f"it makes more than {MAX_OUTPUT} bytes")
    return separator.join(texts)


def _quoted(value: Any) -> str:
    """Several lines of somebody else's text, each behind ``> ``."""
    lines = value.lines if isinstance(value, _Text) else (str(_shown(value)),)
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _time(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _Limit("`utc` and `date` take a time with a zone")
    return value.astimezone(UTC)


def _utc(value: Any) -> str:
    """``21 November 2026, 08:05 UTC``."""
    at = _time(value)
    return f"{_date(at)}, {at:%H:%M} UTC"


def _date(value: Any) -> str:
    """``21 November 2026`` (in UTC)."""
    at = _time(value)
    month = (
        *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
        *("November", "December"),
    )[at.month - 1]  # not strftime: its names follow the process's locale
    return f"{at.day} {month} {at.year}"


_CACHE: dict[tuple[str, str], _Parts] = {}
_CACHED: Final = 100


def _parts(text: str, file: str) -> _Parts:
    """The compiled subject and text of a template.

    Raises:
        InvalidRunbook: it is not valid; names ``file:line``.
    """
    known = _CACHE.get((text, file))
    if known is not None:
        return known
    if len(text.encode("utf-8", "replace")) > MAX_TEMPLATE:
        raise InvalidRunbook(f"a template has at most {MAX_TEMPLATE} bytes", place=f"{file}:1")
    head = _SUBJECT.match(text)
    if head is None:
        raise InvalidRunbook("the first line of a template is `Subject: …`", place=f"{file}:1")
    subject, subject_facts = _compile(head[1], file, 0)
    body, body_facts = _compile(text[head.end() :], file, 1)
    parts = _Parts(subject, body, subject_facts | body_facts)
    if len(_CACHE) >= _CACHED:
        _CACHE.clear()
    _CACHE[(text, file)] = parts
    return parts


def _compile(text: str, file: str, above: int) -> tuple[Any, frozenset[str]]:
    from jinja2 import TemplateSyntaxError, meta

    environment = _environment()
    try:
        tree = environment.parse(text)
        _check(tree, file, above)  # first: what follows computes constant parts, such as 'x' * 1000000000
        facts = meta.find_undeclared_variables(tree) - _optional(tree)
        return environment.from_string(tree), frozenset(facts)
    except TemplateSyntaxError as error:
        said = (error.message or "syntax error")[:200]
        raise InvalidRunbook(f"not a valid template: {said}", place=f"{file}:{error.lineno + above}") from None
    except (RecursionError, MemoryError, OverflowError, ValueError, SyntaxError):
        raise InvalidRunbook("not a valid template: nested too deep", place=f"{file}:{1 + above}") from None


def _optional(tree: nodes.Template) -> set[str]:
    """Names that the template asks about before it uses them."""
    from jinja2 import nodes

    asking = (node for node in tree.find_all((nodes.Filter, nodes.Test)) if node.name in _ASKING)
    return {node.node.name for node in asking if isinstance(node.node, nodes.Name)}


def _check(tree: nodes.Template, file: str, above: int) -> None:
    """Refuse what the module's docstring excludes, and count the turns of every loop."""
    from jinja2 import nodes

    for node in tree.find_all(nodes.Node):
        place = f"{file}:{(node.lineno or 1) + above}"
        kind = type(node).__name__
        if kind not in _ALLOWED:
            raise InvalidRunbook(f"a message template has no {_WORDS.get(kind, kind.lower())}", place=place)
        if isinstance(node, nodes.Name) and (node.name.startswith("_") or node.name == "self"):
            raise InvalidRunbook("a fact's name begins with a letter, and is not `self`", place=place)
        if isinstance(node, nodes.Filter) and (node.name not in {*_FILTERS, "join", "quoted", "utc", "date"}):
            known = ", ".join(sorted({*_FILTERS, "join", "quoted", "utc", "date"}))
            raise InvalidRunbook(f"unknown filter {node.name!r}; there are {known}", place=place)
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            raise InvalidRunbook(f"unknown test {node.name!r}; there are {', '.join(sorted(_TESTS))}", place=place)
    for loop in list(tree.find_all(nodes.For)):
        if loop.recursive:
            raise InvalidRunbook("a message template has no recursive loops", place=f"{file}:{loop.lineno + above}")
        loop.iter = nodes.Filter(loop.iter, _BUDGET, [], [], None, None, lineno=loop.lineno)


_ASKING: Final = frozenset({"default", "defined", "undefined"})
_WORDS: Final = {
    "Call": "calls",
    "Assign": "assignments",
    "AssignBlock": "assignments",
    "Mul": "multiplication",
    "Pow": "powers",
    "Mod": "formatting with %",
    "Macro": "macros",
    "Include": "includes",
    "Import": "imports",
    "FromImport": "imports",
    "Extends": "inheritance",
    "Block": "blocks",
}
