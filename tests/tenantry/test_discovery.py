"""Discovery: what is found by its place, what breaks the contract, and which runbook wins."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.discovery import ENTRY_POINTS, RunbookCatalog, TaskRegistry, lint, runbook_folders
from tenantry.errors import InvalidInput, InvalidRunbook, NotFound
from tenantry.task import Change, Context, Impact, NoParams, Output, ReadTask, Task
from tests.tenantry.runbook.fakes import DEMO, REGISTRY, Block, Find, Notify

READ = '''
from pydantic import BaseModel, ConfigDict
from tenantry.task import Context, NoParams, Output, ReadTask

class Seen(Output):
    n: int = 0

class {name}(ReadTask[NoParams, Seen]):
    """Look at something."""
    name = "{task}"
    Output = Seen

    async def read(self, ctx: Context, p: NoParams) -> Seen:
        return Seen()
'''

Package = Callable[[dict[str, str]], str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Write a package of tasks and give its name; forgotten afterwards."""
    name = f"pkg_{tmp_path.name.replace('-', '_')}"

    def write(files: dict[str, str]) -> str:
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for folder in {path.parent for path in (tmp_path / name).rglob("*.py")} | {tmp_path / name}:
            for each in [folder, *folder.parents]:
                if each == tmp_path:
                    break
                (each / "__init__.py").touch()
        importlib.invalidate_caches()
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    yield write
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]


def discover(name: str) -> TaskRegistry:
    return TaskRegistry.discover((name,), entry_points=False)


def problems(name: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        discover(name)
    return str(caught.value).splitlines()


# --- by place ---------------------------------------------------------------------------------------------------------


def test_tasks_are_found_at_any_depth_and_helpers_are_not(package: Package) -> None:
    name = package(
        {
            "mail/look.py": READ.format(name="Look", task="mail.look"),
            "checks/identity/admins.py": READ.format(name="Admins", task="checks.identity.admins"),
            "mail/_helper.py": "raise RuntimeError('not imported by discovery')",
            "_private/other.py": "raise RuntimeError('not imported by discovery')",
        }
    )
    registry = discover(name)
    assert registry.names() == ["checks.identity.admins", "mail.look"]
    assert [task.name for task in registry] == registry.names()
    assert len(registry) == 2
    assert "mail.look" in registry
    assert registry.get("mail.look").summary() == "Look at something."


def test_an_imported_or_private_or_abstract_task_is_not_the_modules_own(package: Package) -> None:
    name = package(
        {
            "a/base.py": READ.format(name="Base", task="a.base"),
            "a/own.py": "from {pkg}.a.base import Base\nfrom tenantry.task import ReadTask\nclass _Helper(Base): pass\nclass Half(ReadTask): pass\n".replace(
                "{pkg}", "PKG"
            )
            + READ.format(name="Own", task="a.own"),
        }
    )
    path = Path(importlib.import_module(name).__file__ or "").parent / "a/own.py"
    path.write_text(path.read_text().replace("PKG", name))
    assert discover(name).names() == ["a.base", "a.own"]


def test_a_task_is_named_after_its_place(package: Package) -> None:
    name = package({"mail/look.py": READ.format(name="Look", task="mail.see")})
    [line] = problems(name)
    assert "by its place the task is named 'mail.look', not 'mail.see'" in line
    assert "look.py:8: " in line


def test_a_module_holds_exactly_one_task(package: Package) -> None:
    name = package(
        {
            "a/none.py": "x = 1\n",
            "a/two.py": READ.format(name="One", task="a.two") + READ.format(name="Two", task="a.three"),
            "b/__init__.py": READ.format(name="Inside", task="b.inside"),
        }
    )
    lines = problems(name)
    assert len(lines) == 3
    assert any("none.py: a module holds exactly one task, this one none" in line for line in lines)
    assert any("two.py: a module holds exactly one task, this one One, Two" in line for line in lines)
    assert any("a package holds no task" in line for line in lines)


def test_a_task_needs_an_area(package: Package) -> None:
    [line] = problems(package({"look.py": READ.format(name="Look", task="look")}))
    assert "area.verb_noun" in line


def test_a_module_that_cannot_be_imported_is_told_with_the_others(package: Package) -> None:
    name = package(
        {"a/bad.py": "import nothing_like_this\n", "a/worse.py": "def (\n", "a/exits.py": "1 / 0\n", "a/none.py": ""}
    )
    lines = problems(name)
    assert len(lines) == 4
    assert sum("cannot be imported" in line for line in lines) == 3


def test_a_name_that_is_there_twice_names_both_files(package: Package) -> None:
    first = package({"a/look.py": READ.format(name="Look", task="a.look")})
    module = importlib.import_module(f"{first}.a.look")

    class Other(module.Look):  # type: ignore[misc,name-defined]  # made by this test
        """Another of that name."""

    with pytest.raises(InvalidInput) as caught:
        TaskRegistry.of(module.Look, Other)
    assert "a/look.py:" in str(caught.value)
    assert "test_discovery.py:" in str(caught.value)


def test_an_unknown_task_is_not_found_with_names_like_it() -> None:
    with pytest.raises(NotFound, match=r"no task 'fake\.blok'; did you mean fake\.block"):
        REGISTRY.get("fake.blok")
    with pytest.raises(NotFound, match=r"no task 'xyz'$"):
        REGISTRY.get("xyz")


def test_a_package_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidInput, match="no_such_package: cannot be imported"):
        discover("no_such_package")


# --- entry points -----------------------------------------------------------------------------------------------------


def offer(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    points = [importlib.metadata.EntryPoint(f"p{i}", value, ENTRY_POINTS) for i, value in enumerate(values)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: points if group == ENTRY_POINTS else [])


def test_an_operators_tasks_join_through_entry_points(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    name = package(
        {"anything.py": READ.format(name="Mine", task="mine.own") + READ.format(name="Other", task="mine.other")}
    )
    offer(monkeypatch, f"{name}.anything")
    assert TaskRegistry.discover((), entry_points=True).names() == ["mine.other", "mine.own"]
    offer(monkeypatch, f"{name}.anything:Mine")
    assert TaskRegistry.discover((), entry_points=True).names() == ["mine.own"]
    assert TaskRegistry.discover((), entry_points=False).names() == []


def test_a_bad_entry_point_is_told(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    name = package(
        {
            "empty.py": "X = 1\n",
            "twin.py": READ.format(name="Look", task="a.look"),
            "a/look.py": READ.format(name="Look", task="a.look"),
        }
    )
    for value, says in {
        f"{name}.absent": "cannot be imported",
        f"{name}.empty": "there is no task in it",
        f"{name}.empty:X": "there is no task in it",
    }.items():
        offer(monkeypatch, value)
        with pytest.raises(InvalidInput, match=says):
            TaskRegistry.discover((), entry_points=True)
    offer(monkeypatch, f"{name}.twin", f"{name}.a.look")
    with pytest.raises(InvalidInput, match=r"the task a\.look is also in"):
        TaskRegistry.discover((), entry_points=True)


# --- the contract -----------------------------------------------------------------------------------------------------


class _Good(Task[NoParams]):
    """Do something."""

    name = "good.task"
    impact = Impact.REVERSIBLE
    no_undo = "nothing to put back"

    async def check(self, ctx: Context, p: NoParams) -> list[Change]:
        return []

    async def apply(self, ctx: Context, p: NoParams, changes: list[Change]) -> None: ...


async def _undo(self: Any, ctx: Context, p: NoParams, changes: list[Change]) -> None: ...


class Loose(NoParams):
    model_config = {"extra": "ignore"}  # noqa: RUF012  # what is under test


def test_the_fakes_keep_the_contract() -> None:
    assert [lint(task) for task in (_Good, Find, Block, Notify)] == [[], [], [], []]


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"name": "good"}, "area.verb_noun"),
        ({"name": "Good.Task"}, "area.verb_noun"),
        ({"__doc__": None}, "docstring"),
        ({"__doc__": "  "}, "docstring"),
        ({"impact": Impact.READ}, "sets its impact"),
        ({"no_undo": None}, "either undo is overridden"),
        ({"no_undo": ""}, "either undo is overridden"),
        ({"undo": _undo}, "either undo is overridden"),  # and no_undo says there is none
        ({"needs": ("identitty",)}, "no capability; did you mean identity"),
        ({"Params": Loose}, "forbid unknown fields"),
        ({"Params": dict}, "pydantic model"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_a_breach_of_the_contract_is_told(declared: dict[str, Any], says: str) -> None:
    task = type("Bad", (_Good,), {"__doc__": "Do it badly.", "__module__": __name__, **declared})
    [problem] = lint(task)
    assert says in problem
    with pytest.raises(InvalidInput, match=r"test_discovery\.Bad: "):
        TaskRegistry.of(task)


def test_a_read_has_an_output_and_no_impact() -> None:
    class Bare(ReadTask[NoParams, Output]):
        """Look."""

        name = "bare.read"
        impact = Impact.DISRUPTIVE

        async def read(self, ctx: Context, p: NoParams) -> Output:
            return Output()

    assert [problem.partition(": ")[2] for problem in lint(Bare)] == [
        "a task that changes nothing has the impact READ",
        "Output must be a pydantic model",
    ]


# --- runbooks ---------------------------------------------------------------------------------------------------------


def put(folder: Path, file: str, text: str) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def demo(name: str, title: str = "Demo") -> str:
    return DEMO.replace("id: demo", f"id: {name}").replace("title: Demo", f"title: {title}")


def test_an_operators_runbook_comes_before_ours(tmp_path: Path) -> None:
    own, shipped = tmp_path / "own", tmp_path / "shipped"
    put(shipped, "incidents/one.yaml", demo("one", "ours"))
    put(shipped, "incidents/two.yaml", demo("two", "ours"))
    put(own, "one.yml", demo("one", "theirs"))
    catalog = RunbookCatalog([own, tmp_path / "absent", shipped], REGISTRY)
    assert catalog.ids() == ["one", "two"]
    assert catalog.get("one").title == "theirs"
    assert catalog.path("one") == own / "one.yml"
    assert [r.title for r in catalog.all()] == ["theirs", "ours"]
    assert catalog.problems() == {}


def test_other_data_is_no_runbook(tmp_path: Path) -> None:
    put(tmp_path, "incidents/one.yaml", demo("one"))
    for other in (
        "clocks/gdpr.yaml",
        "detections/aws/x.yml",
        "baselines/b.yaml",
        "plans/dr.yaml",
        "messages/m.yaml",
        "_x.yaml",
        ".git/y.yaml",
        "one.md",
    ):
        put(tmp_path, other, "x: 1\n")
    assert RunbookCatalog([tmp_path], REGISTRY).ids() == ["one"]


def test_a_broken_file_is_told_for_itself_alone(tmp_path: Path) -> None:
    put(tmp_path, "good.yaml", demo("good"))
    put(tmp_path, "bad.yaml", demo("bad").replace("fake.find", "fake.gone"))
    put(tmp_path, "named.yaml", demo("other"))
    catalog = RunbookCatalog([tmp_path], REGISTRY)
    assert catalog.ids() == ["bad", "good", "named"]
    assert [r.id for r in catalog.all()] == ["good"]
    assert sorted(catalog.problems()) == ["bad", "named"]
    for _ in range(2):
        with pytest.raises(InvalidRunbook, match=r"bad\.yaml:\d+: there is no task 'fake\.gone'"):
            catalog.get("bad")


def test_two_files_of_one_id_are_told_with_both_places(tmp_path: Path) -> None:
    put(tmp_path, "a/one.yaml", demo("one"))
    put(tmp_path, "b/one.yaml", demo("one"))
    with pytest.raises(InvalidRunbook, match=r"a/one\.yaml: the runbook one is also in .*b/one\.yaml"):
        RunbookCatalog([tmp_path], REGISTRY).get("one")


def test_an_unknown_runbook_is_not_found_with_ids_like_it(tmp_path: Path) -> None:
    put(tmp_path, "client_onboarding.yaml", demo("client_onboarding"))
    with pytest.raises(NotFound, match="did you mean client_onboarding"):
        RunbookCatalog([tmp_path], REGISTRY).get("client_onbording")


def test_listing_reads_no_task_and_no_file(tmp_path: Path) -> None:
    put(tmp_path, "one.yaml", demo("one"))
    asked: list[int] = []

    def registry() -> TaskRegistry:
        asked.append(1)
        return REGISTRY

    catalog = RunbookCatalog([tmp_path], registry)
    assert catalog.ids() == ["one"]
    assert asked == []
    assert catalog.get("one") is catalog.get("one")
    assert asked == [1]


def test_messages_find_their_templates_in_the_same_folders(tmp_path: Path) -> None:
    told = "    message: {to: [primary], template: hello, with: {}}\n"
    put(tmp_path, "one.yaml", demo("one") + told)
    with pytest.raises(InvalidRunbook, match="there is no message template 'hello'"):
        RunbookCatalog([tmp_path], REGISTRY).get("one")
    put(tmp_path, "messages/hello.md", "Subject: Hello\n")
    assert RunbookCatalog([tmp_path], REGISTRY).get("one").step("block.message")


# --- the project's own ------------------------------------------------------------------------------------------------


def test_the_projects_own_tasks_keep_the_contract() -> None:
    assert TaskRegistry.discover(entry_points=False).names()


def test_the_projects_own_runbooks_load() -> None:
    catalog = RunbookCatalog(runbook_folders(), lambda: TaskRegistry.discover(entry_points=False))
    assert {name: str(error) for name, error in catalog.problems().items()} == {}
