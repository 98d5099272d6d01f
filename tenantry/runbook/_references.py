"""What an expression in a runbook can refer to, and of which type it is."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

from tenantry.errors import InvalidRunbook
from tenantry.runbook._parts import Placed, near
from tenantry.runbook._types import UNKNOWN, NoSuchField, walk
from tenantry.runbook.expressions import RUN_FIELDS, Expression, Path
from tenantry.runbook.model import Param, Step
from tenantry.task import BaseTask, HumanTask, ReadTask

_ITEM_FIELDS: Final = ("key", "item", "outcome", "output")


class Types:
    """Types of what is referred to, as far as the runbook tells them.

    Args:
        params: the runbook's parameters by name.
        ids: of all its steps, the ill-formed ones too.
        placed: its well-formed steps.
        tasks: what they use, where it is known.

    The four may still be filled after this was made; they are read when something is asked.
    """

    def __init__(
        self,
        params: Mapping[str, Param],
        ids: Set[str],
        placed: Mapping[str, Placed],
        tasks: Mapping[str, type[BaseTask[Any]]],
    ) -> None:
        self._params = params
        self._ids = ids
        self._placed = placed
        self._tasks = tasks
        self._items: dict[str, Any] = {}

    def at(self, path: Path, step: Step | None, allowed: set[str] | None) -> Any:
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
            raise NoSuchField(f"there is no parameter {name!r}{near(name, self._params)}")
        return walk(param.annotation(), rest[1:])

    def _step_type(self, name: str, rest: Path) -> Any:
        if name not in self._ids:
            raise NoSuchField(f"there is no step {name!r}{near(name, self._ids)}")
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
                    self._items[step.id] = walk(self.at(shape, None, None), (0,))
            except (InvalidRunbook, NoSuchField):
                pass  # said where the list stands
        return self._items[step.id]
