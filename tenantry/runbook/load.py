"""Reading a runbook: all that is wrong with it, each with ``file:line``, before anything runs.

What is refused besides wrong structure: unknown tasks, parameters, steps and fields; missing parameters; literals that
the task's parameters do not take; steps that need each other; steps that can never run; phases without steps; a
``for_each`` over effects that does not say how many it expects; an effect that loses data without an approval; an
approval or undo where there is nothing to approve or undo; messages without their template or its facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from tenantry import yamlpos
from tenantry.errors import InvalidInput, InvalidRunbook, NotFound
from tenantry.runbook._parts import (
    Placed,
    accepted,
    annotation_of,
    any_of,
    cycles,
    entries,
    expressions_of,
    has_expression,
    near,
    texts,
    there_are,
    unescaped,
    well_formed,
)
from tenantry.runbook._references import Types
from tenantry.runbook._types import UNKNOWN, NoSuchField, kinds, walk
from tenantry.runbook.expressions import Expression, ExpressionFailed, Path, parse_value
from tenantry.runbook.model import NOTIFY_TASK, Param, Runbook, Step
from tenantry.task import BaseTask, HumanTask, Impact, Task

if TYPE_CHECKING:
    from tenantry.discovery import TaskRegistry
    from tenantry.runbook.templates import Templates

__all__ = ["keep_checked", "load_runbook", "parse_runbook", "pinned_runbook"]

_MOST: Final = 100  # problems shown; the rest are counted


def load_runbook(path: FilePath, registry: TaskRegistry, templates: Templates | None = None) -> Runbook:
    """Read and check a runbook's file; its id is the file's stem. A text that this process has checked beside the same templates is not
    checked again.

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
    key = (text, path, registry, templates.state() if templates is not None else ())
    found = _loaded.get(key)
    if found is None:
        found = _Loader(text, str(path), registry, templates, expected_id=path.stem).load()
        while len(_loaded) >= _CHECKED:
            _loaded.pop(next(iter(_loaded)), None)
        _loaded[key] = found
    return found


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


def pinned_runbook(text: str, source: str, registry: TaskRegistry) -> Runbook:
    """The runbook that a run is pinned to, as `parse_runbook` without templates; a text that this process has checked is not checked again."""
    found = _checked.get((text, registry))
    if found is None:
        found = parse_runbook(text, source, registry)
        keep_checked(found, registry)
    return found


def keep_checked(runbook: Runbook, registry: TaskRegistry) -> None:
    """Have the runs of a runbook that was loaded not check its text again."""
    while len(_checked) >= _CHECKED:
        _checked.pop(next(iter(_checked)), None)
    _checked[runbook.text, registry] = runbook


_CHECKED: Final = 128
_checked: dict[tuple[str, TaskRegistry], Runbook] = {}
_loaded: dict[tuple[str, FilePath, TaskRegistry, tuple[tuple[str, int, int], ...]], Runbook] = {}


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
        self._placed: dict[str, Placed] = {}
        self._tasks: dict[str, type[BaseTask[Any]]] = {}
        self._types = Types(self._params, self._ids, self._placed, self._tasks)

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
            placed = well_formed(given, path)
            if placed is None:
                continue
            self._placed[placed.step.id] = placed
            told = placed.step.message_step()
            if told is not None:
                self._placed[told.id] = Placed(told, path)

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
                        f"unknown phase {placed.step.phase!r}{near(placed.step.phase, phases)}",
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

    def _find_task(self, placed: Placed) -> None:
        try:
            self._tasks[placed.step.id] = self._registry.get(placed.step.uses)
        except NotFound as error:
            self._complain(placed.at("uses"), error.message)

    # --- rules about one step -----------------------------------------------------------------------------------------

    def _check_needs(self, placed: Placed) -> None:
        if placed.step.is_message:
            return
        for index, name in enumerate(placed.step.needs):
            if name == placed.step.id:
                self._complain(placed.at("needs", index), f"the step {name!r} needs itself")
            elif name not in self._ids:
                self._complain(placed.at("needs", index), f"there is no step {name!r}{near(name, self._ids)}")

    def _check_gates(self, placed: Placed) -> None:
        step, task = placed.step, self._tasks.get(placed.step.id)
        if step.by_hand and step.on_failure != "ask" and "on_failure" not in placed.broken:
            self._complain(placed.at("by_hand"), "`by_hand` belongs to `on_failure: ask`")
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
        if step.on_failure == "ask" and issubclass(task, HumanTask):
            self._complain(placed.at("on_failure"), f"{task.name} {what} already")
        if step.by_hand:
            self._complain(placed.at("by_hand"), f"{task.name} {what}: nobody can do that in its place")
        if step.expect_at_most is not None:
            self._complain(placed.at("expect_at_most"), f"{task.name} {what}: `expect_at_most` belongs to effects")

    def _check_message(self, placed: Placed) -> None:
        """The template exists and gets the facts it reads; for messages, and for steps that send by themselves."""
        if placed.step.uses != NOTIFY_TASK or self._templates is None:
            return
        name, facts = placed.step.with_.get("template"), placed.step.with_.get("facts", {})
        if not isinstance(name, str) or "${" in name:
            return
        try:
            needed = self._templates.facts_needed(name)
        except InvalidInput as error:
            meant = near(name, self._templates.names()) if isinstance(error, NotFound) else ""
            self._complain(placed.at("with", "template"), f"{error}{meant}")
            return
        if isinstance(facts, dict):
            for missing in sorted(needed - set(facts)):
                self._complain(placed.at("with", "facts"), f"the template {name!r} needs the fact {missing!r}")

    # --- `with` -------------------------------------------------------------------------------------------------------

    def _check_with(self, placed: Placed) -> None:
        task = self._tasks.get(placed.step.id)
        given = placed.step.with_
        clean = self._check_texts(given, placed, ("with",))
        if task is None:
            return
        fields = accepted(task.Params)
        for name in given:
            if name not in fields and "${" not in name:
                self._complain(
                    placed.at("with", name),
                    f"{task.name} has no parameter {name!r}{near(name, fields) or there_are(fields)}",
                )
        for name, field in fields.items():
            if field.is_required() and name not in given and "with" not in placed.broken:
                self._complain(placed.at("with"), f"{task.name} needs the parameter {name!r}")
        if not clean:
            return
        before = len(self._problems)
        for name, value in given.items():
            if name in fields:
                self._check_value(annotation_of(fields[name]), value, placed, ("with", name))
        if len(self._problems) == before and set(given) <= set(fields) and not has_expression(given):
            missing = any(field.is_required() and name not in given for name, field in fields.items())
            if not missing:  # rules of the model over several parameters
                self._validate(task.Params, given, placed, ("with",))

    def _check_texts(self, value: Any, placed: Placed, path: Path) -> bool:
        """Whether every text in the block is a value or a valid expression."""
        if isinstance(value, str):
            try:
                parse_value(value)
            except InvalidRunbook as error:
                self._complain(placed.at(*path), error.message)
                return False
            return True
        clean = True
        for key, inner in entries(value):
            if isinstance(key, str) and "${" in key:
                self._complain(placed.at(*path, key), "a key is no place for an expression")
                clean = False
            clean = self._check_texts(inner, placed, (*path, key)) and clean
        return clean

    def _check_value(self, annotation: Any, value: Any, placed: Placed, path: Path) -> None:
        if isinstance(value, str):
            parsed = parse_value(value)
            if isinstance(parsed, Expression):
                self._check_kind(parsed, kinds(annotation), placed, path)
                return
        if not has_expression(value):
            self._validate(annotation, value, placed, path)
            return
        for key, inner in entries(value):
            try:
                below = walk(annotation, (key,))
            except NoSuchField as missing:
                self._complain(placed.at(*path, key), str(missing))
                continue
            self._check_value(below, inner, placed, (*path, key))

    def _validate(self, annotation: Any, value: Any, placed: Placed, path: Path) -> None:
        """A literal against its type, strictly: a number in quotes is a text."""
        if annotation is UNKNOWN:
            return
        try:
            TypeAdapter(annotation).validate_json(json.dumps(unescaped(value)), strict=True)
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

    def _check_expressions(self, placed: Placed) -> None:
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
        for path, text in texts(step.with_, ("with",)):
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

    def _check_reachable(self, expression: Expression, placed: Placed) -> None:
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
                self._types.at(reference.path, step, set(allowed))
            except NoSuchField as missing:
                fine = False
                self._complain(path, f"`{expression.text}`: {missing}")
        return fine

    def _check_kind(self, expression: Expression, wanted: frozenset[str] | None, placed: Placed, path: Path) -> None:
        if wanted is None or expression.shape is None:
            return
        try:
            found = kinds(self._types.at(expression.shape, placed.step, None))
        except NoSuchField:
            return  # said elsewhere
        if found is not None and not found & wanted:
            self._complain(
                placed.at(*path), f"`{expression.text}` is a {any_of(found)}, and this takes a {any_of(wanted)}"
            )

    # --- the graph ----------------------------------------------------------------------------------------------------

    def _check_cycles(self) -> None:
        edges: dict[str, list[str]] = {}
        for name, placed in self._placed.items():
            read = [step for expression in expressions_of(placed.step) for step in expression.steps_referenced]
            edges[name] = [n for n in dict.fromkeys((*placed.step.needs, *read)) if n in self._placed]
            if name in read:
                self._complain(placed.at(), f"the step {name!r} reads itself")
        for cycle in cycles(edges):
            where = self._placed[cycle[0]].at("needs")
            self._complain(where, f"these steps need each other: {' → '.join([*cycle, cycle[0]])}")
