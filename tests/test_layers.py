"""The layers hold (`tests/support/layers.py` has the rules), and every rule bites."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.layers import MEETS_INTEGRATIONS, OURS, SERVES_HTTP, WITHOUT_PREFECT, imports, violations

ROOT = Path(__file__).resolve().parent.parent


def test_the_tree_keeps_the_layers() -> None:
    modules = [path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(modules) > 100
    found = [
        violation
        for module in modules
        for violation in violations(module.relative_to(ROOT).as_posix(), module.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_runbooks_hold_no_python() -> None:
    assert [path for path in (ROOT / "runbooks").rglob("*") if path.suffix in {".py", ".pyc", ".pyi", ".so"}] == []


@pytest.mark.parametrize(
    ("path", "source", "says"),
    [
        # tenantry knows none of the others
        ("tenantry/run/steps.py", "import tasks.mail", "inward"),
        ("tenantry/x.py", "from integrations.lab import Lab", "inward"),
        ("tenantry/x.py", "from flows import assembly", "inward"),
        ("tenantry/x.py", "def f():\n    import console.main", "inward"),
        ("tenantry/x.py", "import benchmarks", "inward"),
        # nor do tasks and integrations know each other, or what is above them
        ("tasks/mail/x.py", "from integrations.http import Client", "inward"),
        ("tasks/mail/x.py", "import importlib\nimportlib.import_module('integrations.lab')", "inward"),
        ("tasks/mail/x.py", "from importlib import import_module\nimport_module('integrations.lab')", "inward"),
        ("tasks/mail/x.py", "import importlib\nimportlib.import_module(f'integrations.{vendor}')", "inward"),
        ("tasks/mail/x.py", "__import__('integrations')", "inward"),
        ("tasks/mail/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import integrations", "inward"),
        ("tasks/mail/x.py", "from ...integrations import http", "inward"),
        ("tasks/mail/x.py", "import flows.launch", "inward"),
        ("integrations/okta/x.py", "import tasks.mail", "inward"),
        ("integrations/okta/x.py", "from flows.assembly import Installation", "inward"),
        ("flows/x.py", "import console.render", "inward"),
        ("flows/x.py", "import benchmarks.steps", "inward"),
        # one meeting place
        ("flows/launch.py", "import integrations", "meet"),
        ("flows/launch.py", "def f():\n    from integrations.lab import Lab", "meet"),
        ("console/commands/run.py", "import integrations.lab", "meet"),
        # Prefect in flows and console alone, late in console, never where it would slow what does without
        ("tenantry/x.py", "from prefect import flow", "only flows and console"),
        ("tasks/x.py", "def f():\n    import prefect", "only flows and console"),
        ("integrations/x.py", "import prefect_aws", "only flows and console"),
        ("console/main.py", "import prefect", "before it is needed"),
        ("console/follow.py", "class A:\n    import prefect", "before it is needed"),
        (
            "console/follow.py",
            "try:\n    import prefect\nexcept ImportError:\n    prefect = None",
            "before it is needed",
        ),
        ("console/follow.py", "import importlib\np = importlib.import_module('prefect')", "before it is needed"),
        ("console/follow.py", "def f(x=__import__('prefect')): ...", "before it is needed"),
        ("flows/assembly.py", "def f():\n    import prefect", "start fast"),
        ("flows/settings.py", "from prefect.settings import Settings", "reads when it is imported"),
        # vendors' libraries in integrations alone
        ("tenantry/x.py", "import httpx", "talk to vendors"),
        ("tasks/x.py", "import boto3", "talk to vendors"),
        ("flows/x.py", "from msgraph.generated.models.user import User", "talk to vendors"),
        ("flows/x.py", "import msgraph_core", "talk to vendors"),
        ("console/x.py", "def f():\n    import paramiko", "talk to vendors"),
        ("console/x.py", "from kiota_abstractions.api_error import APIError", "talk to vendors"),
        ("console/x.py", "import importlib\nimportlib.import_module('botocore.session')", "talk to vendors"),
        # serving
        ("integrations/microsoft365/x.py", "import uvicorn", "serves"),
        ("flows/service.py", "def f():\n    import uvicorn", "serves"),
        ("tenantry/x.py", "from starlette.applications import Starlette", "serves"),
        # what nobody imports
        ("tenantry/x.py", "from tests.support.world import World", "by nothing"),
        ("flows/x.py", "import runbooks", "by nothing"),
        ("benchmarks/x.py", "import tests.support", "by nothing"),
    ],
)
def test_a_rule_bites(path: str, source: str, says: str) -> None:
    (violation,) = violations(path, source)
    assert says in violation
    assert violation.startswith(f"{path}:")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tenantry/x.py", "import sqlalchemy\nfrom tenantry.errors import Refused"),
        ("tenantry/run/x.py", "from .steps import ItemRunner\nfrom ..errors import Refused"),
        ("tasks/mail/x.py", "from tenantry.task import Task\nfrom tasks._rows import rows"),
        ("integrations/lab/server.py", "import uvicorn, httpx"),
        ("flows/x.py", "import prefect\nimport tasks"),
        ("flows/assembly.py", "import integrations, tasks"),
        ("flows/server_process.py", "def main():\n    import uvicorn"),
        ("console/x.py", "def f():\n    import prefect"),
        ("console/x.py", "f = lambda: __import__('prefect')"),
        ("console/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from prefect import Flow"),
        ("console/demo.py", "from integrations.lab.server import serve"),
        ("benchmarks/x.py", "import prefect, httpx, integrations, console"),
        ("tenantry/discovery.py", "import importlib\ndef f(name):\n    importlib.import_module(name)"),
    ],
)
def test_what_is_allowed(path: str, source: str) -> None:
    assert violations(path, source) == []


def test_the_line_named_is_the_import() -> None:
    (violation,) = violations("tasks/x.py", "import json\n\nimport httpx\n")
    assert violation.startswith("tasks/x.py:3:")


def test_relative_imports_are_resolved() -> None:
    names = [one.name for one in imports("from . import a\nfrom .b import c\nfrom ..d import e", "flows/sub/x.py")]
    assert names == ["flows.sub.a", "flows.sub.b.c", "flows.d.e"]


def test_exceptions_have_reasons() -> None:
    for path, why in {**MEETS_INTEGRATIONS, **SERVES_HTTP, **WITHOUT_PREFECT}.items():
        assert why
        assert path.split("/")[0] in {"flows", "console"}


_REPORT = """
import importlib, pathlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    heavy = sorted({"prefect", "sqlalchemy.orm", "boto3", "msgraph"} & set(sys.modules))
    if heavy:
        sys.exit(f"{name} loads {heavy}")
"""


def _load(*modules: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _REPORT, *modules], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_module_of_the_command_line_loads_prefect_when_imported() -> None:
    """Also not through what it imports: the static rules see only a module's own lines."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "console").rglob("*.py"))
        if path.name != "__init__.py"
    ]
    _load("console.main", *modules)


def test_the_inner_layers_load_without_prefect() -> None:
    _load("tenantry.run", "tenantry.journal", "tenantry.people", "flows.assembly", "flows.settings")
