"""Every measure keeps its contract, and asks for no right that is not one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from integrations.aws.actions import every_action
from integrations.linux.sudo import PROGRAMS
from tenantry.baseline.discover import measures
from tenantry.baseline.measure import Measure
from tenantry.capabilities import CAPABILITIES
from tenantry.errors import InvalidInput


@pytest.mark.parametrize("measure", measures().values(), ids=lambda measure: measure.name)
def test_each_declares_what_there_is(measure: type[Measure[object]]) -> None:
    assert set(measure.all_needs()) <= set(CAPABILITIES)
    known = {"aws": every_action(), "linux": frozenset(PROGRAMS)}
    for permission in measure.all_permissions():
        assert set(permission.names) <= known.get(permission.vendor, set(permission.names))
    assert measure.summary()


BAD = {
    "two.py": "class A(Base):\n    name = 'measures.x.two'\nclass B(Base):\n    name = 'measures.x.two'\n",
    "other.py": "class A(Base):\n    '''Says.'''\n    name = 'measures.x.another'\n    needs = ('host',)\n",
    "idle.py": "class A(Base):\n    '''Says.'''\n    name = 'measures.x.idle'\n",
    "mute.py": "class A(Base):\n    name = 'measures.x.mute'\n    needs = ('host',)\n",
}
HEAD = """\
from tenantry.baseline.measure import Measure, Verdict

class Base(Measure):
    __doc__ = ''
    async def collect(self, given): ...
    def evaluate(self, facts, look): ...
"""


@pytest.mark.parametrize("name", BAD)
def test_what_breaks_the_contract_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = f"made_{name.removesuffix('.py')}"
    area = tmp_path / package / "x"
    area.mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    (area / "__init__.py").touch()
    (tmp_path / f"base_{package}.py").write_text(HEAD, "utf-8")
    (area / name).write_text(f"from base_{package} import Base\n\n{BAD[name]}", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InvalidInput, match=name):
        measures(package)
    for module in [one for one in sys.modules if package in one]:
        del sys.modules[module]
