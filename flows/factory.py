"""Prefect flows made from runbooks: one each, whose form shows exactly the runbook's parameters.

Steps stand only in the YAML. ``flows/<kind>.py`` holds the flows of one kind under the runbooks' ids, so that an entrypoint
is ``flows.<kind>.<runbook id>``.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

from prefect import Flow
from prefect.runtime import flow_run
from pydantic import Field
from pydantic.fields import FieldInfo

from flows.assembly import Installation
from flows.body import carry
from tenantry.errors import InvalidRunbook
from tenantry.runbook import Runbook

Mode = Literal["run", "plan", "drill"]
_RESERVED = ("tenant", "mode", "requested_by")


def flows_of(kind: str) -> dict[str, Flow[..., Any]]:
    """Runbook id → flow, for every runbook of a kind that this home knows."""
    with Installation.open() as installation:
        catalog = installation.catalog
        runbooks = [catalog.get(runbook_id) for runbook_id in catalog.ids()]
    return {runbook.id: flow_of(runbook) for runbook in runbooks if runbook.kind == kind}


def flow_of(runbook: Runbook) -> Flow[..., Any]:
    """The flow that runs a runbook.

    Raises:
        InvalidRunbook: a parameter has a name that every form has already.
    """
    taken = [name for name in _RESERVED if name in runbook.params]
    if taken:
        raise InvalidRunbook(f"the runbook {runbook.id} cannot call a parameter {taken[0]!r}: every run has one")

    async def body(**parameters: Any) -> Any:
        return await carry(runbook.id, parameters)

    parameters = [
        _parameter("tenant", str, Field(title="Tenant", description="The client, as `tenantry tenants list` shows it")),
        *(_of(name, param) for name, param in runbook.params.items()),
        _parameter(
            "mode",
            Mode,
            Field(
                default="run",
                title="Mode",
                description="run; plan: show what would change, change nothing; drill: rehearse on the lab",
            ),
        ),
        _parameter(
            "requested_by",
            str | None,
            Field(
                default=None,
                title="Requested by",
                description="Your id. A claim: only the command line can prove it, so four-eyes approvals take two people",
            ),
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
        description=f"{runbook.title}\n\n{runbook.description}",
        flow_run_name=_run_name(runbook),
        validate_parameters=True,
        persist_result=False,
        retries=0,
    )


def _of(name: str, param: Any) -> inspect.Parameter:
    field: dict[str, Any] = {
        "title": param.title or name.replace("_", " ").capitalize(),
        "description": param.description,
    }
    if not param.required:
        field["default"] = param.default
    annotation = param.annotation()
    if not param.required and param.default is None:
        annotation = annotation | None
    return _parameter(name, annotation, Field(**field))


def _parameter(name: str, annotation: Any, field: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=field)


def _run_name(runbook: Runbook) -> Any:
    def name() -> str:
        # What was not given is the form's field description here, not its default.
        parameters = {name: value for name, value in flow_run.parameters.items() if not isinstance(value, FieldInfo)}
        mode = parameters.get("mode", "run")
        given = {name: value for name, value in parameters.items() if name in runbook.params}
        subject = runbook.subject_for({"params": given, "tenant": {"name": parameters["tenant"]}})
        return f"{parameters['tenant']} · {subject}" + ("" if mode == "run" else f" · {mode}")

    return name
