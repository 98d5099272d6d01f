"""Prefect flows made from runbooks: one each, whose form shows exactly the runbook's parameters.

Steps stand only in the YAML. ``flows/<kind>.py`` holds the flows of one kind under the runbooks' ids, so that an entrypoint
is ``flows.<kind>.<runbook id>``.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import Flow
from prefect.settings import get_current_settings
from pydantic import Field
from pydantic.fields import FieldInfo

from flows.assembly import Installation
from flows.body import carry
from flows.runbook_files import fingerprint
from tenantry.discovery import RunbookCatalog
from tenantry.errors import InvalidRunbook
from tenantry.runbook import Param, Runbook

Mode = Literal["run", "plan", "drill"]
RESERVED = ("tenant", "mode", "requested_by")


_read: tuple[tuple[Path, str], list[Runbook]] | None = None
"""Of which home, with which files, and what is in them: each kind has a module that asks, and most processes import them all."""


def flows_of(kind: str) -> dict[str, Flow[..., Any]]:
    """Runbook id → flow, for every runbook of a kind that this home knows."""
    global _read
    with Installation.open() as installation:
        state = (installation.home.path, fingerprint(installation.home))
        if _read is None or _read[0] != state:
            _read = state, loadable(installation.catalog)
    return {runbook.id: flow_of(runbook) for runbook in _read[1] if runbook.kind == kind}


def loadable(catalog: RunbookCatalog) -> list[Runbook]:
    """Every runbook that loads. One that is broken stops its own runs alone, and is named in the log."""
    found: list[Runbook] = []
    for runbook_id in catalog.ids():
        try:
            found.append(catalog.get(runbook_id))
        except InvalidRunbook as error:
            logging.getLogger(__name__).warning("%s %s", error.message, error.remedy)
    return found


def flow_of(runbook: Runbook) -> Flow[..., Any]:
    """The flow that runs a runbook.

    Raises:
        InvalidRunbook: a parameter has a name that every form has already.
    """
    taken = [name for name in RESERVED if name in runbook.params]
    if taken:
        raise InvalidRunbook(f"the runbook {runbook.id} cannot call a parameter {taken[0]!r}: every run has one")

    async def body(**parameters: Any) -> Any:
        return await carry(runbook.id, given(parameters))

    parameters = [
        _parameter("tenant", "Tenant", str, description="The client, as `tenantry tenants list` shows it"),
        *(_of(name, param) for name, param in runbook.params.items()),
        _parameter(
            "mode",
            "Mode",
            Mode,
            default="run",
            description="run; plan: show what would change, change nothing; drill: rehearse on the lab",
        ),
        _parameter(
            "requested_by",
            "Requested by",
            Annotated[str, Field(max_length=80)] | None,
            default=None,
            description="Your id. A claim: only the command line can prove it, so four-eyes approvals take two people",
        ),
    ]
    body.__name__ = body.__qualname__ = runbook.id
    body.__module__ = f"flows.{runbook.kind}"
    body.__doc__ = runbook.description or runbook.title
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # functions take it; typeshed does not know
    body.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return Flow(
        body,
        name=runbook.id,
        version=runbook.version,
        description=f"{runbook.title}\n\n{runbook.description}".strip(),
        validate_parameters=True,
        persist_result=False,
        # Named, though nothing is stored: Prefect would ask its server, twice a run, where results go.
        result_storage=get_current_settings().results.local_storage_path,
        retries=0,
    )


def _of(name: str, param: Param) -> inspect.Parameter:
    title = param.title or name.replace("_", " ").capitalize()
    field: dict[str, Any] = {"description": param.description or title}
    if not param.required:
        field["default"] = param.default
    return _parameter(name, title, param.annotation(), **field)


def _parameter(name: str, title: str, annotation: Any, **field: Any) -> inspect.Parameter:
    # Prefect gives each parameter its name as title, over any other; what stands in json_schema_extra comes last.
    titled = Annotated[annotation, Field(json_schema_extra={"title": title})]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=titled, default=Field(**field))


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given. For the others Prefect hands over the form's field instead of its default: those of
    the runbook are left out, so that the runbook's own default counts, and those of every form get theirs."""
    left = {name: value for name, value in parameters.items() if not isinstance(value, FieldInfo)}
    return {"mode": "run", "requested_by": None, **left}
