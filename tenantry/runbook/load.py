"""Reading a runbook: all that is wrong with it, each with ``file:line``, before anything runs.

What is refused besides wrong structure: unknown tasks, parameters, steps and fields; missing parameters; literals that
the task's parameters do not take; steps that need each other; steps that can never run; phases without steps; a
``for_each`` over effects that does not say how many it expects; an effect that loses data without an approval; an
approval or undo where there is nothing to approve or undo; messages without their template or its facts.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from tenantry import yamlpos
from tenantry.errors import InvalidInput, InvalidRunbook, NotFound
from tenantry.runbook._types import UNKNOWN, NoSuchField, kinds, walk
from tenantry.runbook.expressions import RUN_FIELDS, Expression, ExpressionFailed, Path, parse_value
from tenantry.runbook.model import NOTIFY_TASK, Param, Runbook, Step
from tenantry.task import BaseTask, HumanTask, Impact, ReadTask, Task

if TYPE_CHECKING:
    from tenantry.discovery import TaskRegistry
    from tenantry.runbook.templates import Templates

__all__ = ["load_runbook", "parse_runbook"]

_MOST: Final = 100  # problems shown; the rest are counted
_ITEM_FIELDS: Final = ("key", "item", "outcome", "output")


def load_runbook(path: FilePath, registry: TaskRegistry, templates: Templates | None = None) -> Runbook:
    """Read and check a runbook's file; its id is the file's stem.

    Raises:
        InvalidRunbook: see :func:`parse_runbook`; also when the file cannot be read or is called otherwise.
    """
    most = yamlpos.Limits().bytes
    try:
        with path.open("rb") as stream:
            raw = stream.read(most + 1)
    except OSError as error:
        raise InvalidRunbook(f"cannot be read ({error.strerror})", place=str(path)) from None
    if len(raw) > most:
        raise InvalidRunbook(f"longer than {most} bytes", place=f"{path}:1")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidRunbook("this is not UTF-8 text", place=f"{path}:{line}") from None
    return _Loader(text, str(path), registry, templates, expected_id=path.stem).load()


def parse_runbook(text: str, source: str, registry: TaskRegistry, templates: Templates | None = None) -> Runbook:
    """Check a runbook's text.

    Args:
        text: YAML.
        source: what stands for the file's name in complaints.
        registry: the tasks that steps may use.
        templates: where messages find their templates; without it they are not looked at.

    Raises:
        InvalidRunbook: with every problem, one line each: ``file:line: sentence``; ``detail["problems"]`` lists them.
    """
    return _Loader(text, source, registry, templates).load()


@dataclass(frozen=True, slots=True)
class _Placed:
    """A step, and where its parts stand in the file."""

    step: Step
    path: Path
    broken: frozenset[str] = frozenset()
    """Keys whose values are wrong by themselves: reported, and left out of the step."""

    def at(self, *parts: str | int) -> Path:
        if not self.step.is_message:
            return (*self.path, *parts)
        # Made from `message`: its template, to and facts stand there under other names.
        if parts[:2] == ("with", "facts"):
            return (*self.path, "message", "with", *parts[2:])
        if parts[:1] == ("with",):
            return (*self.path, "message", *parts[1:])
        return (*self.path, "message")


class _Loader:
    def __init__(
        self,
        text: str,
        source: str,
        registry: TaskRegistry,
        templates: Templates | None,
        *,
        expected_id: str | None = None,
    ) -> None:
        self._text = text
        self._registry = registry
        self._templates = templates
        self._expected_id = expected_id
        self._document = yamlpos.parse(text, file=source, error=InvalidRunbook)
        self._problems: dict[tuple[int, str], None] = {}
        self._params: dict[str, Param] = {}
        self._ids: set[str] = set()
        self._placed: dict[str, _Placed] = {}
        self._tasks: dict[str, type[BaseTask[Any]]] = {}
        self._items: dict[str, Any] = {}

    def load(self) -> Runbook:
        data = self._document.data
        if not isinstance(data, dict):
            raise InvalidRunbook("a runbook is a mapping with `id`, `steps` and so on", place=self._place(()))
        whole: Runbook | None = None
        try:
            whole = Runbook.model_validate(data)
        except ValidationError as error:
            for problem in yamlpos.problems(error, self._document.positions):
                self._problems[(problem.position.line, problem.text)] = None
        self._gather(data)
        self._check_header(data)
        for placed in self._placed.values():
            self._find_task(placed)
        for placed in self._placed.values():
            self._check_needs(placed)
            self._check_gates(placed)
            self._check_with(placed)
            self._check_expressions(placed)
            self._check_message(placed)
        self._check_cycles()
        if whole is None or self._problems:
            self._refuse()
        steps = tuple(placed.step for placed in self._placed.values())
        runbook = whole.model_copy(update={"steps": steps})
        runbook._text = self._text
        return runbook

    # --- complaints ---------------------------------------------------------------------------------------------------

    def _place(self, path: Path) -> str:
        return self._document.positions.place(path)

    def _complain(self, path: Path, sentence: str) -> None:
        self._problems[(self._document.positions.nearest(path).line, sentence)] = None

    def _refuse(self) -> NoReturn:
        file = self._document.positions.file
        lines = [f"{file}:{line}: {sentence}" for line, sentence in sorted(self._problems)]
        shown = lines if len(lines) <= _MOST else [*lines[:_MOST], f"{file}: {len(lines) - _MOST} more"]
        raise InvalidRunbook("\n".join(shown), problems=shown)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _gather(self, data: Mapping[str, Any]) -> None:
        """The parts that are well-formed by themselves, so that one mistake does not hide the others."""
        params = data.get("params")
        for name, given in params.items() if isinstance(params, dict) else ():
            try:
                self._params[name] = Param.model_validate(given)
            except ValidationError:
                self._params[name] = Param.model_construct(type="string")  # reported already; its name is known
        steps = data.get("steps")
        for index, given in enumerate(steps if isinstance(steps, list) else ()):
            path: Path = ("steps", index)
            name = given.get("id") if isinstance(given, dict) else None
            if isinstance(name, str):
                if name in self._ids:
                    self._complain((*path, "id"), f"there are two steps with the id {name!r}")
                    continue
                self._ids.add(name)
            placed = _place(given, path)
            if placed is None:
                continue
            self._placed[placed.step.id] = placed
            told = placed.step.message_step()
            if told is not None:
                self._placed[told.id] = _Placed(told, path)

    def _check_header(self, data: Mapping[str, Any]) -> None:
        if self._expected_id is not None and data.get("id") != self._expected_id:
            self._complain(("id",), f"the id is the file's name, {self._expected_id!r}")
        phases = data.get("phases")
        if isinstance(phases, list):
            given = data.get("steps")
            used = [step.get("phase") for step in (given if isinstance(given, list) else ()) if isinstance(step, dict)]
            for index, phase in enumerate(phases):
                if phase in phases[:index]:
                    self._complain(("phases", index), f"the phase {phase!r} is named twice")
                elif phase not in used and isinstance(phase, str):
                    self._complain(("phases", index), f"no step is in the phase {phase!r}")
            for placed in self._placed.values():
                if placed.step.phase not in phases and not placed.step.is_message:
                    self._complain(
                        placed.at("phase"),
                        f"unknown phase {placed.step.phase!r}{_near(placed.step.phase, phases)}",
                    )
        subject = data.get("subject")
        if isinstance(subject, str):
            try:
                parsed = parse_value(subject)
            except InvalidRunbook as error:
                self._complain(("subject",), error.message)
            else:
                if isinstance(parsed, Expression):
                    self._check_references(parsed, ("subject",), None, {"params", "tenant"})

    def _find_task(self, placed: _Placed) -> None:
        try:
            self._tasks[placed.step.id] = self._registry.get(placed.step.uses)
        except NotFound as error:
            self._complain(placed.at("uses"), error.message)

    # --- rules about one step -----------------------------------------------------------------------------------------

    def _check_needs(self, placed: _Placed) -> None:
        if placed.step.is_message:
            return
        for index, name in enumerate(placed.step.needs):
            if name == placed.step.id:
                self._complain(placed.at("needs", index), f"the step {name!r} needs itself")
            elif name not in self._ids:
                self._complain(placed.at("needs", index), f"there is no step {name!r}{_near(name, self._ids)}")

    def _check_gates(self, placed: _Placed) -> None:
        step, task = placed.step, self._tasks.get(placed.step.id)
        if step.key is not None and step.for_each is None and "for_each" not in placed.broken:
            self._complain(placed.at("key"), "`key` belongs to `for_each`")
        if task is None:
            return
        if issubclass(task, Task):
            if step.for_each is not None and step.expect_at_most is None and "expect_at_most" not in placed.broken:
                self._complain(
                    placed.at("for_each"),
                    f"{task.name} changes something for each item: say with `expect_at_most` how many are expected",
                )
            if task.impact is Impact.IRREVERSIBLE and step.approve is None and "approve" not in placed.broken:
                self._complain(placed.at("uses"), f"{task.name} loses data for good: it needs `approve`")
            if step.on_failure == "undo" and task.no_undo is not None:
                self._complain(placed.at("on_failure"), f"{task.name} cannot be undone: {task.no_undo}")
            return
        what = "asks a person" if issubclass(task, HumanTask) else "only reads"
        if step.approve is not None:
            self._complain(placed.at("approve"), f"{task.name} {what}: there is nothing to approve")
        if step.on_failure == "undo":
            self._complain(placed.at("on_failure"), f"{task.name} {what}: there is nothing to undo")
        if step.expect_at_most is not None:
            self._complain(placed.at("expect_at_most"), f"{task.name} {what}: `expect_at_most` belongs to effects")

    def _check_message(self, placed: _Placed) -> None:
        """The template exists and gets the facts it reads; for messages, and for steps that send by themselves."""
        if placed.step.uses != NOTIFY_TASK or self._templates is None:
            return
        name, facts = placed.step.with_.get("template"), placed.step.with_.get("facts", {})
        if not isinstance(name, str) or "${" in name:
            return
        try:
            needed = self._templates.facts_needed(name)
        except InvalidInput as error:
            near = _near(name, self._templates.names()) if isinstance(error, NotFound) else ""
            self._complain(placed.at("with", "template"), f"{error}{near}")
            return
        if isinstance(facts, dict):
            for missing in sorted(needed - set(facts)):
                self._complain(placed.at("with", "facts"), f"the template {name!r} needs the fact {missing!r}")

    # --- `with` -------------------------------------------------------------------------------------------------------

    def _check_with(self, placed: _Placed) -> None:
        task = self._tasks.get(placed.step.id)
        given = placed.step.with_
        clean = self._check_texts(given, placed, ("with",))
        if task is None:
            return
        accepted = _accepted(task.Params)
        for name in given:
            if name not in accepted and "${" not in name:
                self._complain(
                    placed.at("with", name),
                    f"{task.name} has no parameter {name!r}{_near(name, accepted) or _there_are(accepted)}",
                )
        for name, field in accepted.items():
            if field.is_required() and name not in given and "with" not in placed.broken:
                self._complain(placed.at("with"), f"{task.name} needs the parameter {name!r}")
        if not clean:
            return
        before = len(self._problems)
        for name, value in given.items():
            if name in accepted:
                self._check_value(_annotation(accepted[name]), value, placed, ("with", name))
        if len(self._problems) == before and set(given) <= set(accepted) and not _has_expression(given):
            missing = any(field.is_required() and name not in given for name, field in accepted.items())
            if not missing:  # rules of the model over several parameters
                self._validate(task.Params, given, placed, ("with",))

    def _check_texts(self, value: Any, placed: _Placed, path: Path) -> bool:
        """Whether every text in the block is a value or a valid expression."""
        if isinstance(value, str):
            try:
                parse_value(value)
            except InvalidRunbook as error:
                self._complain(placed.at(*path), error.message)
                return False
            return True
        clean = True
        for key, inner in _entries(value):
            if isinstance(key, str) and "${" in key:
                self._complain(placed.at(*path, key), "a key is no place for an expression")
                clean = False
            clean = self._check_texts(inner, placed, (*path, key)) and clean
        return clean

    def _check_value(self, annotation: Any, value: Any, placed: _Placed, path: Path) -> None:
        if isinstance(value, str):
            parsed = parse_value(value)
            if isinstance(parsed, Expression):
                self._check_kind(parsed, kinds(annotation), placed, path)
                return
        if not _has_expression(value):
            self._validate(annotation, value, placed, path)
            return
        for key, inner in _entries(value):
            try:
                below = walk(annotation, (key,))
            except NoSuchField as missing:
                self._complain(placed.at(*path, key), str(missing))
                continue
            self._check_value(below, inner, placed, (*path, key))

    def _validate(self, annotation: Any, value: Any, placed: _Placed, path: Path) -> None:
        """A literal against its type, strictly: a number in quotes is a text."""
        if annotation is UNKNOWN:
            return
        try:
            TypeAdapter(annotation).validate_json(json.dumps(_unescaped(value)), strict=True)
        except ValidationError as error:
            for item in error.errors(include_url=False, include_input=False)[:5]:
                inner = [part for part in item["loc"] if (*placed.at(*path), part) in self._document.positions]
                name = ".".join(str(part) for part in (*path[1:], *item["loc"]))
                message = str(item["msg"])
                self._complain(placed.at(*path, *inner[:1]), f"{name or 'with'}: {message[:1].lower()}{message[1:]}")
        except (PydanticSchemaGenerationError, PydanticUserError):
            return  # a type that stands only inside its model; the whole block is validated there
        except (RecursionError, ValueError):
            self._complain(placed.at(*path), "this value cannot be taken")

    # --- expressions --------------------------------------------------------------------------------------------------

    def _check_expressions(self, placed: _Placed) -> None:
        step = placed.step
        general = {"params", "tenant", "run", "steps"}
        wanted = {"when": frozenset({"boolean"}), "for_each": frozenset({"list"})}
        for name in ("when", "for_each", "key"):
            text = getattr(step, name)
            if text is None or step.is_message:
                continue
            expression = self._read(text, placed.at(name))
            if expression is None:
                continue
            allowed = general | {"item"} if name == "key" else general
            if self._check_references(expression, placed.at(name), step, allowed):
                self._check_kind(expression, wanted.get(name), placed, (name,))
            if name == "when":
                self._check_reachable(expression, placed)
        each = step.for_each is not None or "for_each" in placed.broken
        allowed = general | {"item"} if each else general
        for path, text in _texts(step.with_, ("with",)):
            try:
                parsed = parse_value(text)
            except InvalidRunbook:
                continue  # said already
            if isinstance(parsed, Expression):
                self._check_references(parsed, placed.at(*path), step, allowed)

    def _read(self, text: str, path: Path) -> Expression | None:
        try:
            if text.strip().startswith("${"):
                raise InvalidRunbook("this is an expression already: write it without `${ }`")
            return Expression(text)
        except InvalidRunbook as error:
            self._complain(path, error.message)
            return None

    def _check_reachable(self, expression: Expression, placed: _Placed) -> None:
        if expression.variables:
            return
        try:
            value = expression.evaluate({})
        except ExpressionFailed as error:
            self._complain(placed.at("when"), error.message)
            return
        if value is False:
            self._complain(placed.at("when"), f"the step {placed.step.id!r} can never run: `when` is false")
        elif value is not True:
            self._complain(placed.at("when"), "`when` is true or false")

    def _check_references(self, expression: Expression, path: Path, step: Step | None, allowed: Iterable[str]) -> bool:
        """Whether every path in the expression can have a value."""
        fine = True
        for reference in expression.references:
            try:
                self._type_of(reference.path, step, set(allowed))
            except NoSuchField as missing:
                fine = False
                self._complain(path, f"`{expression.text}`: {missing}")
        return fine

    def _check_kind(self, expression: Expression, wanted: frozenset[str] | None, placed: _Placed, path: Path) -> None:
        if wanted is None or expression.shape is None:
            return
        try:
            found = kinds(self._type_of(expression.shape, placed.step, None))
        except NoSuchField:
            return  # said elsewhere
        if found is not None and not found & wanted:
            self._complain(placed.at(*path), f"`{expression.text}` is a {_or(found)}, and this takes a {_or(wanted)}")

    def _type_of(self, path: Path, step: Step | None, allowed: set[str] | None) -> Any:
        """The type at a path in an expression of ``step``.

        Raises:
            NoSuchField: there can be no such value.
        """
        root, rest = str(path[0]), path[1:]
        if allowed is not None and root not in allowed:
            if root == "item":
                sent = step is not None and step.is_message
                raise NoSuchField(
                    "a message is sent once for the whole step, so there is no `item`"
                    if sent
                    else "`item` is there only in `with` and `key` of a step with `for_each`"
                )
            raise NoSuchField(f"`{root}` is not known here; there are {', '.join(sorted(allowed))}")
        if root == "params":
            return self._param_type(rest)
        if root == "run":
            if rest and rest[0] not in RUN_FIELDS:
                raise NoSuchField(f"`run` has no field {rest[0]!r}; there are {', '.join(RUN_FIELDS)}")
            return UNKNOWN
        if root == "steps":
            return self._step_type(str(rest[0]), rest[1:])
        if root == "item" and step is not None:
            return walk(self._item_type(step), rest)
        return UNKNOWN  # the tenant's facts are its file's, which is not this one

    def _param_type(self, rest: Path) -> Any:
        if not rest:
            return UNKNOWN
        name = str(rest[0])
        param = self._params.get(name)
        if param is None:
            raise NoSuchField(f"there is no parameter {name!r}{_near(name, self._params)}")
        return walk(param.annotation(), rest[1:])

    def _step_type(self, name: str, rest: Path) -> Any:
        if name not in self._ids:
            raise NoSuchField(f"there is no step {name!r}{_near(name, self._ids)}")
        if not rest:
            return UNKNOWN
        if rest[0] not in ("outcome", "output", "items"):
            raise NoSuchField(f"`steps.{name}` has outcome, output and items, not {rest[0]!r}")
        placed, task = self._placed.get(name), self._tasks.get(name)
        if rest[0] == "outcome":
            return walk(str, rest[1:])
        if placed is None or task is None or "for_each" in placed.broken:
            return UNKNOWN  # the step itself is reported
        if rest[0] == "output":
            if placed.step.for_each is not None:
                raise NoSuchField(f"{name!r} runs for each item: read `steps.{name}.items`")
            return self._output_type(name, task, rest[1:])
        if placed.step.for_each is None:
            raise NoSuchField(f"{name!r} does not run for each item: read `steps.{name}.output`")
        if len(rest) < 2:
            return list[Any]
        if isinstance(rest[1], str):
            raise NoSuchField(f"`steps.{name}.items` is a list; read an element of it, not {rest[1]!r}")
        if len(rest) < 3:
            return dict[str, Any]
        if rest[2] not in _ITEM_FIELDS:
            raise NoSuchField(f"an element of `steps.{name}.items` has {', '.join(_ITEM_FIELDS)}, not {rest[2]!r}")
        if rest[2] == "output":
            return self._output_type(name, task, rest[3:])
        return walk(self._item_type(placed.step) if rest[2] == "item" else str, rest[3:])

    def _output_type(self, name: str, task: type[BaseTask[Any]], rest: Path) -> Any:
        if not issubclass(task, (ReadTask, HumanTask)):
            raise NoSuchField(f"{name!r} changes something and has no output: read `steps.{name}.outcome`")
        try:
            return walk(task.Output, rest)
        except NoSuchField as missing:
            raise NoSuchField(f"the output of {name!r} ({task.name}): {missing}") from None

    def _item_type(self, step: Step) -> Any:
        """The type of ``item``, where the list of ``for_each`` tells it."""
        if step.id not in self._items:
            self._items[step.id] = UNKNOWN  # meanwhile, and for a list that is made from itself
            try:
                shape = Expression(step.for_each).shape if step.for_each is not None else None
                if shape is not None:
                    self._items[step.id] = walk(self._type_of(shape, None, None), (0,))
            except (InvalidRunbook, NoSuchField):
                pass  # said where the list stands
        return self._items[step.id]

    # --- the graph ----------------------------------------------------------------------------------------------------

    def _check_cycles(self) -> None:
        edges: dict[str, list[str]] = {}
        for name, placed in self._placed.items():
            read = [step for expression in _expressions(placed.step) for step in expression.steps_referenced]
            edges[name] = [n for n in dict.fromkeys((*placed.step.needs, *read)) if n in self._placed]
            if name in read:
                self._complain(placed.at(), f"the step {name!r} reads itself")
        for cycle in _cycles(edges):
            place = self._placed[cycle[0]].at("needs")
            self._complain(place, f"these steps need each other: {' → '.join([*cycle, cycle[0]])}")


# --- helpers ----------------------------------------------------------------------------------------------------------


def _place(given: Any, path: Path) -> _Placed | None:
    """The step, without what is wrong in it by itself; None when too little is left to say more."""
    broken: frozenset[str] = frozenset()
    while isinstance(given, dict):
        try:
            return _Placed(Step.model_validate(given), path, broken)
        except ValidationError as error:
            wrong = {str(item["loc"][0]) for item in error.errors(include_url=False) if item["loc"]} & set(given)
            if not wrong:
                return None
            given = {key: value for key, value in given.items() if key not in wrong}
            broken |= wrong
    return None


def _expressions(step: Step) -> Iterator[Expression]:
    """The valid expressions of a step; the others are reported where they stand."""
    for text in (step.when, step.for_each, step.key):
        if text is not None:
            try:
                yield Expression(text)
            except InvalidRunbook:
                continue
    for _, text in _texts(step.with_, ()):
        try:
            parsed = parse_value(text)
        except InvalidRunbook:
            continue
        if isinstance(parsed, Expression):
            yield parsed


def _cycles(edges: Mapping[str, list[str]]) -> list[list[str]]:
    """One cycle for each way back that a depth-first walk finds, in the order in which each needs the next. Own needs
    are left out. Without recursion: a chain may be as long as a runbook."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        trail = [start]
        pending = [iter(edges[start])]
        while trail:
            following = next(pending[-1], None)
            if following is None:
                done.add(trail.pop())
                pending.pop()
            elif following in trail:
                cycle = trail[trail.index(following) :]
                if len(cycle) > 1:
                    found.append(cycle)
            elif following not in done:
                trail.append(following)
                pending.append(iter(edges[following]))
    return found


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    for key, inner in _entries(value):
        yield from _texts(inner, (*path, key))


def _has_expression(value: Any) -> bool:
    return any("${" in text and isinstance(parse_value(text), Expression) for _, text in _texts(value, ()))


def _unescaped(value: Any) -> Any:
    """The literal as the task will get it: ``$${`` read as ``${``."""
    if isinstance(value, str):
        return parse_value(value)
    if isinstance(value, Mapping):
        return {key: _unescaped(inner) for key, inner in value.items()}
    return [_unescaped(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _accepted(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields by the name that a file writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _annotation(field: FieldInfo) -> Any:
    """The field's type with its limits, by itself."""
    annotation: Any = field.annotation
    return Annotated[(annotation, *field.metadata)] if field.metadata else annotation


def _near(name: Any, names: Iterable[Any]) -> str:
    near = difflib.get_close_matches(str(name), [str(known) for known in names], n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _there_are(names: Iterable[str]) -> str:
    return f"; there are {', '.join(sorted(names)) or 'none'}"


def _or(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))
