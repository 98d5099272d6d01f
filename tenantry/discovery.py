"""What there is: tasks found by walking their packages, runbooks found in their folders.

Nobody registers anything: one file is one contribution, and its place gives its name. Modules are imported by name, so
that this package depends on none of those that it walks.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel

from tenantry.capabilities import CAPABILITIES
from tenantry.errors import InvalidInput, InvalidRunbook, NotFound
from tenantry.runbook.load import load_runbook
from tenantry.runbook.model import Runbook
from tenantry.runbook.templates import Templates
from tenantry.task import BaseTask, HumanTask, Impact, ReadTask, Task

__all__ = [
    "DATA_FOLDERS",
    "ENTRY_POINTS",
    "RunbookCatalog",
    "TaskRegistry",
    "TaskType",
    "close_matches",
    "lint",
    "runbook_folders",
]

TaskType = type[BaseTask[Any]]

ENTRY_POINTS: Final = "tenantry.tasks"
"""Entry-point group through which an operator's own tasks join: each names a module or a task class."""

DATA_FOLDERS: Final = frozenset({"alerts", "baselines", "clocks", "detections", "messages", "plans"})
"""Folders below ``runbooks/`` whose YAML files are other data, not runbooks."""

_NO_TASKS: Final = frozenset({"tasks.checks", "tasks.measures"})
"""Packages below that hold something else: `tenantry.sweep.discover` finds the checks, `tenantry.baseline.discover` the measures."""

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")


def close_matches(name: str, names: Iterable[str]) -> str:
    """``; did you mean …?`` for the names like ``name``, or nothing."""
    near = difflib.get_close_matches(name, list(names), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


class TaskRegistry:
    """The tasks there are, by name. Holds classes: tasks have no state."""

    def __init__(self, tasks: Iterable[TaskType] = ()) -> None:
        self._tasks: dict[str, TaskType] = {}
        problems = [problem for task in tasks for problem in self._add(task)]
        _raise(problems)

    @classmethod
    def of(cls, *tasks: TaskType) -> TaskRegistry:
        """A registry of exactly these.

        Raises:
            InvalidInput: a task breaks the contract, or a name is there twice.
        """
        return cls(tasks)

    @classmethod
    def discover(cls, packages: Sequence[str] = ("tasks",), entry_points: bool = True) -> TaskRegistry:
        """Every task in ``packages``, and those that installed distributions offer as entry points.

        A module ``<package>.<area>.<stem>`` holds exactly one task, named ``<area>.<stem>``; modules and packages whose
        name begins with ``_`` are helpers. Entry points are free in their names.

        Raises:
            InvalidInput: with every module that cannot be imported and every task that breaks the contract.
        """
        registry = cls()
        problems: list[str] = []
        for package in packages:
            registry._walk(package, problems)
        if entry_points:
            registry._enter(problems)
        _raise(problems)
        return registry

    def get(self, name: str) -> TaskType:
        """The task of this name.

        Raises:
            NotFound: with names like it.
        """
        try:
            return self._tasks[name]
        except KeyError:
            raise NotFound(f"there is no task {name!r}{close_matches(name, self._tasks)}") from None

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._tasks)

    def __iter__(self) -> Iterator[TaskType]:
        """The tasks, by name."""
        return (self._tasks[name] for name in self.names())

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, name: object) -> bool:
        return name in self._tasks

    def _add(self, task: TaskType) -> list[str]:
        name = getattr(task, "name", None)
        other = self._tasks.get(name) if isinstance(name, str) else None
        if other is task:
            return []
        if other is not None:
            return [f"{_file(task)}: the task {name} is also in {_file(other)}"]
        problems = [f"{_file(task)}: {problem}" for problem in lint(task)]
        if isinstance(name, str):
            self._tasks[name] = task
        return problems

    def _walk(self, package: str, problems: list[str]) -> None:
        root = _import(package, problems)
        if root is None:
            return
        pending = [root]
        while pending:
            parent = pending.pop(0)
            problems += [
                f"{_file(task)}: a package holds no task; give {task.__name__} a module of its own"
                for task in _tasks_in(parent)
            ]
            for found in pkgutil.iter_modules(parent.__path__):
                if found.name.startswith("_") or f"{parent.__name__}.{found.name}" in _NO_TASKS:
                    continue
                module = _import(f"{parent.__name__}.{found.name}", problems)
                if module is None:
                    continue
                if found.ispkg:
                    pending.append(module)
                else:
                    self._take(module, module.__name__.removeprefix(f"{package}."), problems)

    def _take(self, module: ModuleType, expected: str, problems: list[str]) -> None:
        tasks = _tasks_in(module)
        if len(tasks) != 1:
            names = ", ".join(task.__name__ for task in tasks) or "none"
            problems.append(
                f"{module.__file__}: a module holds exactly one task, this one {names}; a helper's name begins with _"
            )
            return
        [task] = tasks
        if getattr(task, "name", None) != expected:
            problems.append(f"{_file(task)}: by its place the task is named {expected!r}, not {_name(task)!r}")
        problems += self._add(task)

    def _enter(self, problems: list[str]) -> None:
        for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
            where = f"entry point {point.name} ({point.value})"
            try:
                found = point.load()
            except Exception as error:  # noqa: BLE001 - somebody else's module may raise anything; it is reported
                problems.append(f"{where}: cannot be imported ({_said(error)})")
                continue
            offered = _tasks_in(found) if isinstance(found, ModuleType) else [found]
            tasks = [task for task in offered if _is_task(task)]
            if not tasks:
                problems.append(f"{where}: there is no task in it")
            for task in tasks:
                problems += self._add(task)


class RunbookCatalog:
    """The runbooks in some folders, read when they are asked for; the first folder that has an id wins, so an operator's
    own comes before ours. A file's stem is its runbook's id.

    Args:
        folders: each with YAML files at any depth; see `runbook_folders`. Those in `DATA_FOLDERS` are other data, names
            that begin with ``_`` or ``.`` are left out.
        registry: the tasks, or how to get them: listing ids needs none.
    """

    def __init__(self, folders: Iterable[Path], registry: TaskRegistry | Callable[[], TaskRegistry]) -> None:
        self.folders = tuple(folders)
        self.templates = Templates(folder / "messages" for folder in self.folders)
        self._source = registry
        self._registry: TaskRegistry | None = registry if isinstance(registry, TaskRegistry) else None
        self._files: dict[str, list[Path]] | None = None
        self._loaded: dict[str, Runbook | InvalidRunbook] = {}

    @property
    def registry(self) -> TaskRegistry:
        """The tasks that the runbooks use; discovered at first use."""
        if self._registry is None:
            self._registry = self._source if isinstance(self._source, TaskRegistry) else self._source()
        return self._registry

    def ids(self) -> list[str]:
        """All ids, sorted, also of files that turn out to be broken. Reads no file."""
        return sorted(self._found())

    def path(self, runbook_id: str) -> Path:
        """The file of a runbook.

        Raises:
            NotFound: with ids like it.
            InvalidRunbook: two files of one folder have this id.
        """
        files = self._found().get(runbook_id)
        if files is None:
            raise NotFound(f"there is no runbook {runbook_id!r}{close_matches(runbook_id, self._found())}")
        if len(files) > 1:
            raise InvalidRunbook(f"the runbook {runbook_id} is also in {files[1]}", place=str(files[0]))
        return files[0]

    def get(self, runbook_id: str) -> Runbook:
        """The runbook of this id.

        Raises:
            NotFound: with ids like it.
            InvalidRunbook: its file is broken; says where.
        """
        path = self.path(runbook_id)
        found = self._loaded.get(runbook_id)
        if found is None:
            try:
                found = load_runbook(path, self.registry, self.templates)
            except InvalidRunbook as error:
                found = error
            self._loaded[runbook_id] = found
        if isinstance(found, InvalidRunbook):
            raise found.with_traceback(None)
        return found

    def all(self) -> list[Runbook]:
        """Every runbook that loads, by id; `problems` has the others."""
        return [found for found, _ in self._each() if found is not None]

    def problems(self) -> dict[str, InvalidRunbook]:
        """Id → what is wrong with its file, for every broken one."""
        return {name: error for name, (_, error) in zip(self.ids(), self._each(), strict=True) if error is not None}

    def _each(self) -> Iterator[tuple[Runbook | None, InvalidRunbook | None]]:
        for name in self.ids():
            try:
                yield self.get(name), None
            except InvalidRunbook as error:
                yield None, error

    def _found(self) -> dict[str, list[Path]]:
        """Id → its files in the first folder that has one."""
        if self._files is None:
            found: dict[str, list[Path]] = {}
            for folder in self.folders:
                here: dict[str, list[Path]] = {}
                for path in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml"))):
                    parts = path.relative_to(folder).parts
                    if not DATA_FOLDERS.intersection(parts[:-1]) and not any(part[0] in "_." for part in parts):
                        here.setdefault(path.stem, []).append(path)
                found = {**here, **found}
            self._files = found
        return self._files


def runbook_folders(own: Path | None = None) -> tuple[Path, ...]:
    """Where runbooks are: the operator's own folder first, then the ones shipped beside these packages."""
    shipped = Path(__file__).resolve().parent.parent / "runbooks"
    return (own, shipped) if own is not None else (shipped,)


def lint(task: TaskType) -> list[str]:
    """How a task's declarations break the contract of :mod:`tenantry.task`; ``[]`` when they keep it."""
    problems: list[str] = []
    name = getattr(task, "name", None)
    if not isinstance(name, str) or not _NAME.match(name):
        problems.append(f"{task.__name__} needs a `name` like area.verb_noun")
    label = name if isinstance(name, str) else task.__name__
    if not (task.__doc__ or "").strip():
        problems.append(f"{label} needs a docstring: its first line is what people read")
    params = task.Params
    if not (isinstance(params, type) and issubclass(params, BaseModel)):
        problems.append(f"{label}: Params must be a pydantic model")
    elif params.model_config.get("extra") != "forbid":
        problems.append(f'{label}: Params must forbid unknown fields (extra="forbid")')
    problems += [
        f"{label}: needs {need!r}, which is no capability{close_matches(need, CAPABILITIES)}"
        for need in task.needs
        if need not in CAPABILITIES
    ]
    if not task.timeout > 0:
        problems.append(f"{label}: timeout must be more than 0 seconds")
    if issubclass(task, Task):
        if task.impact is Impact.READ:
            problems.append(f"{label}: a task that changes something sets its impact")
        overridden = task.undo is not Task.undo
        if overridden == bool(task.no_undo):
            problems.append(f"{label}: either undo is overridden, or no_undo says why there is none")
    else:
        if task.impact is not Impact.READ:
            problems.append(f"{label}: a task that changes nothing has the impact READ")
        output = getattr(task, "Output", None)
        if issubclass(task, (ReadTask, HumanTask)) and not (isinstance(output, type) and issubclass(output, BaseModel)):
            problems.append(f"{label}: Output must be a pydantic model")
    return problems


def _is_task(found: object) -> bool:
    return (
        isinstance(found, type)
        and issubclass(found, BaseTask)
        and not inspect.isabstract(found)
        and not found.__name__.startswith("_")
    )


def _tasks_in(module: ModuleType) -> list[TaskType]:
    """The concrete tasks that the module defines itself."""
    return [found for found in vars(module).values() if _is_task(found) and found.__module__ == module.__name__]


def _import(name: str, problems: list[str]) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a module may raise anything when imported; it is reported
        problems.append(f"{name}: cannot be imported ({_said(error)})")
        return None


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _name(task: TaskType) -> Any:
    return getattr(task, "name", None)


def _file(task: TaskType) -> str:
    try:
        lines, first = inspect.getsourcelines(task)
    except (OSError, TypeError):
        return f"{task.__module__}.{task.__qualname__}"
    return f"{inspect.getsourcefile(task)}:{first if lines else 1}"


def _raise(problems: list[str]) -> None:
    if problems:
        raise InvalidInput(
            "\n".join(problems),
            remedy="Correct the named tasks; what a task declares is described in tenantry/task.py.",
            problems=problems,
        )
