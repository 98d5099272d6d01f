"""Which package may import which: the rules of the house, read from the source without running it.

console → flows → tasks, integrations → tenantry. `tests/test_layers.py` applies the rules to the tree and proves that each
of them bites.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

OURS: Final = ("tenantry", "tasks", "integrations", "flows", "console", "benchmarks")

INWARD: Final = {
    "tenantry": {"tenantry"},
    "tasks": {"tasks", "tenantry"},
    "integrations": {"integrations", "tenantry"},
    "flows": {"flows", "tasks", "integrations", "tenantry"},
    "console": {"console", "flows", "tasks", "integrations", "tenantry", "benchmarks"},
    "benchmarks": set(OURS),  # measures whatever it likes
}
"""What each package may import of the others. `tests` and `runbooks` may be imported by none."""

MEETS_INTEGRATIONS: Final = {
    "flows/assembly.py": "builds one tenant's context: the place where tasks and integrations meet",
    "flows/rehearsal.py": "asks the vendor's code for somebody who answers in the vendor's place: there is no tenant",
    "flows/stores.py": "opens the estate's secret stores for whoever holds the master key",
    "console/commands/lab.py": "serves the lab to people",
    "console/connecting/aws.py": "writes down what a client grants before there is a provider to open",
    "console/connecting/m365.py": "as above",
    "console/connecting/aws_renewal.py": "tries a role before the client's file names it",
    "console/labtenant.py": "registers the lab as a tenant",
    "console/web/__main__.py": "gives the intake what fetches SNS's certificates: there is no tenant yet, and no secret",
    "console/demo.py": "runs the lab in the demonstration's own process",
}
"""The modules of flows/ and console/ that may import integrations, and why."""

SERVES_HTTP: Final = {
    "flows/server_process.py": "serves Prefect's application",
    "flows/pages.py": "serves timelines on loopback, beside Prefect's pages",
    "console/web/__main__.py": "serves what faces the network, in a process without a key",
    "console/web/alerts.py": "as above",
    "console/web/app.py": "as above",
    "console/web/drop.py": "as above",
    "console/web/limits.py": "as above",
    "console/web/wire.py": "as above",
}
"""Modules outside integrations/ that may import uvicorn, and why."""

WITHOUT_PREFECT: Final = {
    "flows/assembly.py": "the commands that need no Prefect start fast through it",
    "flows/settings.py": "sets what Prefect reads when it is imported",
}

_VENDOR: Final = ("httpx", "msgraph", "kiota", "azure", "boto3", "botocore", "paramiko", "aiohttp", "requests")
"""Beginnings of the names of what talks to vendors."""

_SERVERS: Final = ("uvicorn", "starlette", "fastapi")


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the module's full name, where, and whether it happens when the importing module is imported."""

    name: str
    line: int
    at_import: bool

    @property
    def top(self) -> str:
        return self.name.split(".")[0]


def imports(source: str, path: str) -> list[Import]:
    """Every import in a module, also inside functions, behind ``TYPE_CHECKING``, and through ``importlib`` or
    ``__import__`` when the name (or its beginning) stands there as a literal.

    Args:
        path: the module's path from the root of the tree, with forward slashes; relative imports need it.
    """
    package = path.removesuffix(".py").split("/")[:-1]
    return list(_walk(ast.parse(source, path), package, at_import=True))


def _walk(node: ast.AST, package: list[str], *, at_import: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, node.lineno, at_import)
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        for alias in node.names:
            yield Import(f"{module}.{alias.name}", node.lineno, at_import)
    elif isinstance(node, ast.Call):
        named = _named(node)
        if named is not None:
            yield Import(named, node.lineno, at_import)

    if isinstance(node, ast.If) and _is_type_checking(node.test):
        for child in node.body:
            yield from _walk(child, package, at_import=False)
        for child in node.orelse:
            yield from _walk(child, package, at_import=at_import)
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for child in node.body:
            yield from _walk(child, package, at_import=False)
        # Decorators, defaults and annotations are evaluated where the function is defined.
        for child in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            yield from _walk(child, package, at_import=at_import)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, package, at_import=at_import and not isinstance(node, ast.Lambda))


def _named(call: ast.Call) -> str | None:
    """The module that a call imports by name: ``import_module``, ``__import__``, ``find_spec``."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function not in {"import_module", "__import__", "find_spec"} or not call.args:
        return None
    name = call.args[0]
    if isinstance(name, ast.JoinedStr) and name.values:
        name = name.values[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value else None


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def violations(path: str, source: str) -> list[str]:
    """What a module imports against the rules: ``path:line: what`` each."""
    found = []
    for one in imports(source, path):
        why = _violation(path, one)
        if why is not None:
            found.append(f"{path}:{one.line}: {why}")
    return found


def _violation(path: str, one: Import) -> str | None:
    here = path.split("/")[0]
    if one.top in {"tests", "runbooks"}:
        return f"{one.top} is imported by nothing"
    if one.top in OURS and one.top not in INWARD[here]:
        return f"{here} imports {one.name}: imports point inward only"
    if here == "benchmarks":
        return None
    if one.top == "integrations" and here in {"flows", "console"} and path not in MEETS_INTEGRATIONS:
        return f"imports {one.name}: tasks and integrations meet in flows/assembly.py alone"
    if one.top == "prefect" or one.top.startswith("prefect_"):
        if here not in {"flows", "console"}:
            return f"{here} imports {one.name}: only flows and console know Prefect"
        if path in WITHOUT_PREFECT:
            return f"imports {one.name}: {WITHOUT_PREFECT[path]}"
        if here == "console" and one.at_import:
            return f"imports {one.name} before it is needed: Prefect is slow to import"
    if one.top.startswith(_VENDOR) and here != "integrations":
        return f"{here} imports {one.name}: only integrations talk to vendors"
    if one.top in _SERVERS and not path.startswith("integrations/lab/") and path not in SERVES_HTTP:
        return f"imports {one.name}: only the lab serves HTTP"
    return None
