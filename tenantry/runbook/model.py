"""What a runbook is: parameters, phases, steps. Data only; :mod:`tenantry.runbook.load` reads and checks it.

The models accept exactly the published JSON Schema's structure (:mod:`tenantry.runbook.schema`); what needs the tasks or
other steps to decide is checked by the loader.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Union

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError, SchemaError

from tenantry.errors import InvalidInput, InvalidRunbook, NotFound
from tenantry.names import Role
from tenantry.runbook.expressions import Expression, expressions_in, parse_value
from tenantry.task import AccountRef

__all__ = [
    "NOTIFY_TASK",
    "Approve",
    "Message",
    "Param",
    "Runbook",
    "Step",
    "parse_duration",
    "validate_params",
]

NOTIFY_TASK: Final = "messenger.notify"
"""The task behind a step's ``message``; its parameters are ``template``, ``to`` and ``facts``."""

MESSAGE_SUFFIX: Final = ".message"

# Names that CEL's grammar reserves (https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax): a step or
# parameter so called could not be read in an expression.
_RESERVED: Final = frozenset(
    {
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"),
        *("namespace", "null", "package", "return", "true", "var", "void", "while"),
    }
)
_MAX_INTEGER: Final = 2**53 - 1  # RFC 8785 §3.2.2.3: beyond it a number does not survive canonical JSON
_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?", re.ASCII)
_MAX_DURATION: Final = timedelta(days=366)

_IDENTIFIER: Final = r"^[a-z][a-z0-9_]{0,62}$"


def parse_duration(text: str) -> timedelta:
    """``4h``, ``90m``, ``1d12h``, ``45s``: days, hours, minutes, seconds in this order; more than 0, at most 366 days.

    Raises:
        InvalidInput: for anything else.
    """
    match = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(0) < length <= _MAX_DURATION:
        raise InvalidInput("a duration is written like 45s, 30m, 4h or 1d12h, and is at most 366d")
    return length


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        try:
            parse_duration(value)
        except InvalidInput as error:
            raise PydanticCustomError("duration", "{why}", {"why": error.message}) from None
    return value


def _identifier(value: Any) -> Any:
    if isinstance(value, str) and value in _RESERVED:
        raise PydanticCustomError("reserved", "is a word that expressions reserve; choose another name")
    return value


def _version(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _condition(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


_Id = Annotated[str, Field(pattern=_IDENTIFIER), BeforeValidator(_identifier)]
_Duration = Annotated[
    str,
    BeforeValidator(_duration),
    # The pattern stands in the schema alone: pydantic's regular expressions have no look-ahead.
    Field(json_schema_extra={"pattern": r"^(?=\d)(\d{1,4}d)?(\d{1,4}h)?(\d{1,5}m)?(\d{1,6}s)?$"}),
]
_Version = Annotated[str, BeforeValidator(_version), Field(json_schema_extra={"type": ["string", "integer"]})]
_Cel = Annotated[str, Field(min_length=1, max_length=2_000)]
_Condition = Annotated[_Cel, BeforeValidator(_condition), Field(json_schema_extra={"type": ["string", "boolean"]})]

_Frozen = BeforeValidator(_tuple)  # strict models take no list where a tuple stands

Kind = Literal["incident", "onboarding", "offboarding", "disaster", "compliance", "service_request"]
ParamType = Literal["string", "integer", "number", "boolean", "account", "datetime", "choice", "list"]
ItemType = Literal["string", "integer", "number", "boolean", "account", "datetime", "choice"]

_PYTHON: Final[dict[str, Any]] = {
    "string": Annotated[str, Field(max_length=10_000)],
    "integer": Annotated[int, Field(ge=-_MAX_INTEGER, le=_MAX_INTEGER)],
    "number": Annotated[float, Field(allow_inf_nan=False)],
    "boolean": bool,
    "account": AccountRef,
    "datetime": AwareDatetime,
}


class _Model(BaseModel):
    # strict: what the schema refuses is refused here too, such as a number in quotes.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Param(_Model):
    """One parameter of a runbook: what the form asks for and ``-p name=value`` sets."""

    type: ParamType = Field(description="Kind of value; `account` is a user principal name or object id")
    title: str | None = Field(default=None, max_length=200, description="Label in forms; the name when absent")
    description: str = Field(default="", max_length=2_000, description="Help text in forms")
    required: bool = Field(default=True, description="Whether a value must be given; true unless there is a default")
    default: Any = Field(default=None, description="Value when none is given")
    choices: Annotated[tuple[str, ...], Field(min_length=1), _Frozen] | None = Field(
        default=None, description="The values to choose from; for `choice`, or a list of `choice`"
    )
    min: int | float | None = Field(
        default=None, description="Least number; for texts the least number of characters, for lists of items"
    )
    max: int | float | None = Field(
        default=None, description="Greatest number; for texts the most characters, for lists the most items"
    )
    pattern: str | None = Field(
        default=None, max_length=500, description="Regular expression that a text must match (anchor it with ^ and $)"
    )
    items: ItemType | None = Field(default=None, description="Kind of the values in a list; `string` when absent")

    @model_validator(mode="before")
    @classmethod
    def _required_unless_default(cls, data: Any) -> Any:
        if isinstance(data, dict) and "required" not in data:
            return {**data, "required": data.get("default") is None}
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Param:
        inner = self.items or "string" if self.type == "list" else self.type
        complaint: str | None = None
        if self.items is not None and self.type != "list":
            complaint = "`items` belongs to the type `list`"
        elif (self.choices is None) == (inner == "choice"):
            complaint = "`choices` belongs to the type `choice`, and that needs it"
        elif self.choices is not None and len(set(self.choices)) != len(self.choices):
            complaint = "`choices` names a value twice"
        elif self.pattern is not None and self.type not in {"string", "account"}:
            complaint = "`pattern` belongs to texts"
        elif (self.min is not None or self.max is not None) and self.type in {"boolean", "datetime", "choice"}:
            complaint = "`min` and `max` belong to numbers, texts and lists"
        elif self.min is not None and self.max is not None and self.min > self.max:
            complaint = "`min` is above `max`"
        elif self.required and self.default is not None:
            complaint = "what has a default is not required"
        if complaint is None:
            try:
                TypeAdapter(self.annotation())
            except (SchemaError, TypeError):
                complaint = "`pattern`, `min` or `max` does not fit the type, or the pattern is not valid"
        if complaint is not None:
            raise PydanticCustomError("param", "{why}", {"why": complaint})
        if self.default is not None:
            try:
                self.coerce(self.default)
            except InvalidInput as error:
                raise PydanticCustomError("default", "the default {why}", {"why": error.message}) from None
        return self

    def annotation(self) -> Any:
        """The Python type of the value, with title, description and limits: for signatures from which forms are made.
        A value that may be absent is ``… | None``."""
        base = self._base()
        length = self.type in {"string", "account", "list"}
        limits: dict[str, Any] = {}
        if self.min is not None:
            limits["min_length" if length else "ge"] = int(self.min) if length else self.min
        if self.max is not None:
            limits["max_length" if length else "le"] = int(self.max) if length else self.max
        if self.pattern is not None:
            limits["pattern"] = self.pattern
        if limits:
            base = Annotated[base, Field(**limits)]
        if not self.required and self.default is None:
            base = Union[base, None]  # noqa: UP007 - `|` does not take what Annotated[...] makes of a value
        return Annotated[base, Field(title=self.title, description=self.description or None)]

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """What checks values; made once, for making it takes ten times as long as a check."""
        return TypeAdapter(self.annotation())

    def _base(self) -> Any:
        if self.type == "list":
            inner = Literal[self.choices] if self.items == "choice" else _PYTHON[self.items or "string"]
            return list[inner]  # type: ignore[valid-type]  # made at run time, for forms
        return Literal[self.choices] if self.type == "choice" else _PYTHON[self.type]

    def coerce(self, value: Any) -> Any:
        """``value`` checked, as JSON or an aware datetime in UTC. Texts are read by type, as a command line gives them:
        ``true``/``false``/``yes``/``no``, numbers, ISO 8601 times with a zone, lists as JSON or with commas.

        Raises:
            InvalidInput: saying what it should be; the value is not repeated.
        """
        if value is None and not self.required and self.default is None:
            return None
        try:
            read = self._read(value, self.type)
            return _normal(self.adapter.validate_python(read, strict=True))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = "".join(f"item {part + 1}: " for part in first["loc"] if isinstance(part, int))
            why = f"{where}{first['msg'][:1].lower()}{first['msg'][1:]}"
        except ValueError:
            why = f"is not a valid {self.type}"
        raise InvalidInput(why)

    def _read(self, value: Any, kind: str) -> Any:
        if kind == "list":
            if isinstance(value, str):
                text = value.strip()
                value = json.loads(text) if text.startswith("[") else [p.strip() for p in text.split(",") if p.strip()]
            if isinstance(value, (list, tuple)):
                return [self._read(inner, self.items or "string") for inner in value]
            return value
        if not isinstance(value, str):
            # 3 is a number too, also where the strict check would ask for 3.0
            return float(value) if kind == "number" and type(value) is int else value
        if kind == "integer" and re.fullmatch(r"-?\d{1,17}", value.strip(), re.ASCII):
            return int(value)
        if kind == "number":
            return float(value)
        if kind == "boolean":
            return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower(), value)
        if kind == "datetime":
            read = datetime.fromisoformat(value.strip())
            if read.utcoffset() is None:
                raise InvalidInput("names no zone; write it like 2026-01-31T08:00:00Z or …+01:00")
            return read
        return value


def _normal(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    return value


class Approve(_Model):
    """Who must say yes before the step acts."""

    role: Role = Field(default="approver", description="Role of the person who decides")
    expires_in: _Duration = Field(default="4h", description="How long the request stays open, like 30m, 4h, 1d")
    four_eyes: bool = Field(default=False, description="Whether the requester may not be the one who approves")
    reason: str = Field(default="", max_length=1_000, description="What the approver is told")

    @property
    def expires(self) -> timedelta:
        """How long the request stays open."""
        return parse_duration(self.expires_in)


class Message(_Model):
    """Who is told once the step has succeeded. Becomes a step of its own, ``<id>.message``."""

    to: Annotated[list[Annotated[str, Field(min_length=1, max_length=320)]], Field(min_length=1, max_length=50)] = (
        Field(description="Contact roles or ids from the tenant's file")
    )
    template: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = Field(
        description="Name of the template, runbooks/messages/<name>.md"
    )
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Facts for the template")


class Step(_Model):
    """One step: a task, what it is given, and when."""

    id: _Id = Field(description="Name of the step; expressions read it as steps.<id>")
    title: str = Field(default="", max_length=200, description="What people read; the task's summary when absent")
    phase: str = Field(description="One of the runbook's phases")
    uses: str = Field(description="Name of the task, <area>.<verb_noun>")
    with_: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="The task's parameters; `${ … }` is an expression"
    )
    needs: Annotated[tuple[str, ...], _Frozen] = Field(
        default=(), description="Steps that must succeed first; steps that an expression reads are needed anyway"
    )
    when: _Condition | None = Field(
        default=None, description="Expression: whether the step runs at all (decided once, before `for_each`)"
    )
    for_each: _Cel | None = Field(default=None, description="Expression: a list; the step runs once for each `item`")
    key: _Cel | None = Field(
        default=None,
        description="Expression over `item`: its stable key, best the vendor's object id; `item.id` or the text itself",
    )
    approve: Approve | None = Field(default=None, description="Approval before the step acts")
    expect_at_most: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Blast radius: with more items than this the step stops and asks"
    )
    on_failure: Literal["stop", "continue", "undo", "ask"] = Field(
        default="stop",
        description="When it fails: stop what needs it, continue as if it had not, undo the run, or ask an engineer, who has it tried again, "
        "says that it was done by hand, or leaves it out with a reason",
    )
    by_hand: str = Field(
        default="",
        max_length=2_000,
        description="What an engineer does instead where it fails; belongs to `on_failure: ask`",
    )
    timeout: _Duration | None = Field(default=None, description="Longest time for the step; the task's own when absent")
    message: Message | None = Field(default=None, description="Who is told once the step has succeeded")

    @property
    def is_message(self) -> bool:
        """Whether this step was made from another step's ``message``."""
        return self.id.endswith(MESSAGE_SUFFIX)

    @property
    def timeout_seconds(self) -> float | None:
        """The step's own timeout in seconds, or None for the task's."""
        return parse_duration(self.timeout).total_seconds() if self.timeout else None

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Expression]]:
        """Every expression of the step, with its path in it: ``("when",)``, ``("with", "user")``.

        Raises:
            InvalidRunbook: at the first bad one; never for a step of a loaded runbook.
        """
        for name in ("when", "for_each", "key"):
            text = getattr(self, name)
            if text is not None:
                yield (name,), Expression(text)
        yield from expressions_in(self.with_, ("with",))

    def message_step(self) -> Step | None:
        """The step that sends ``message``: it needs this one, in the same phase, under the same ``when``, and its failure
        never stops the run."""
        if self.message is None:
            return None
        return Step.model_construct(
            id=f"{self.id}{MESSAGE_SUFFIX}",
            title=f"Tell {', '.join(self.message.to)}",
            phase=self.phase,
            uses=NOTIFY_TASK,
            with_={"template": self.message.template, "to": list(self.message.to), "facts": self.message.with_},
            needs=(self.id,),
            when=self.when,
            on_failure="continue",
        )


class Runbook(_Model):
    """A runbook as loaded: ``steps`` include the ones that send messages, right after the step they belong to."""

    id: _Id = Field(description="Name of the runbook, the same as its file's")
    version: _Version = Field(description="Raised with every change of meaning")
    title: str = Field(min_length=1, max_length=200, description="What people call it")
    description: str = Field(default="", max_length=5_000, description="When to use it and what it does")
    kind: Kind = Field(description="What it is for")
    subject: str = Field(
        default="", max_length=500, description="What a run's name says: a text, or one `${ … }` over params and tenant"
    )
    attack: Annotated[tuple[Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")], ...], _Frozen] = Field(
        default=(), description="MITRE ATT&CK techniques it answers"
    )
    params: dict[_Id, Param] = Field(
        default_factory=dict, description="What a run is given", json_schema_extra={"additionalProperties": False}
    )
    phases: Annotated[tuple[_Id, ...], _Frozen] = Field(min_length=1, description="Phases, in order")
    steps: Annotated[tuple[Step, ...], _Frozen] = Field(min_length=1, max_length=500, description="Steps")

    _text: str = PrivateAttr(default="")

    @property
    def text(self) -> str:
        """The file's text as it was read; parsing it again gives the same runbook."""
        return self._text

    @property
    def digest(self) -> str:
        """SHA-256 of the text's bytes (UTF-8), in hexadecimal."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def step(self, step_id: str) -> Step:
        """The step with this id.

        Raises:
            NotFound: there is none.
        """
        try:
            return self._by_id[step_id]
        except KeyError:
            raise NotFound(f"the runbook {self.id} has no step {step_id!r}") from None

    def upstream(self, step_id: str) -> tuple[str, ...]:
        """Ids of the steps that must have ended before this one: its ``needs``, then those that its expressions read.

        Raises:
            NotFound: there is no such step.
        """
        self.step(step_id)
        return self._upstream[step_id]

    def order(self) -> tuple[Step, ...]:
        """The steps so that each comes after its upstream; apart from that as in the file."""
        place = {step.id: number for number, step in enumerate(self.steps)}
        waiting = {step.id: len(self._upstream[step.id]) for step in self.steps}
        downstream: dict[str, list[str]] = {step.id: [] for step in self.steps}
        for step in self.steps:
            for needed in self._upstream[step.id]:
                downstream[needed].append(step.id)
        ready = [place[name] for name, count in waiting.items() if not count]
        heapq.heapify(ready)
        ordered: list[Step] = []
        while ready:
            step = self.steps[heapq.heappop(ready)]
            ordered.append(step)
            for name in downstream[step.id]:
                waiting[name] -= 1
                if not waiting[name]:
                    heapq.heappush(ready, place[name])
        if len(ordered) != len(self.steps):
            raise InvalidRunbook(f"the runbook {self.id} has steps that need each other")
        return tuple(ordered)

    def subject_for(self, variables: Mapping[str, Any]) -> str:
        """What a run's name says, for the given ``params`` and ``tenant``; the title when there is no subject.

        Raises:
            ExpressionFailed: the expression fails.
        """
        parsed = parse_value(self.subject) if self.subject else self.title
        return str(parsed.evaluate(variables)) if isinstance(parsed, Expression) else parsed

    @cached_property
    def _by_id(self) -> dict[str, Step]:
        return {step.id: step for step in self.steps}

    @cached_property
    def _upstream(self) -> dict[str, tuple[str, ...]]:
        return {
            step.id: tuple(
                dict.fromkeys((*step.needs, *(name for _, e in step.expressions() for name in e.steps_referenced)))
            )
            for step in self.steps
        }


def validate_params(runbook: Runbook, given: Mapping[str, Any]) -> dict[str, Any]:
    """The run's parameters: every one of the runbook's, in its order; absent ones have their default, or None.

    Values are JSON and aware datetimes in UTC; texts are read by type (see :meth:`Param.coerce`), so what this returns,
    stored as JSON, validates to the same again.

    Raises:
        InvalidInput: naming each ``-p name`` that is unknown, missing or of the wrong type.
    """
    wrong = [
        f"-p {name}: the runbook {runbook.id} has no such parameter; it has {', '.join(runbook.params) or 'none'}"
        for name in given
        if name not in runbook.params
    ]
    values: dict[str, Any] = {}
    for name, param in runbook.params.items():
        value = given.get(name)
        if value is None:
            if param.required:
                wrong.append(f"-p {name}: is required ({param.title or param.description or param.type})")
                continue
            value = param.default
        try:
            values[name] = None if value is None else param.coerce(value)
        except InvalidInput as error:
            wrong.append(f"-p {name}: {error.message}")
    if wrong:
        raise InvalidInput("\n".join(wrong), problems=wrong)
    return values
