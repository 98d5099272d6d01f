"""The published JSON Schema of a runbook, so that editors complete and check it while it is written.

It says everything about structure, and for each task what its ``with`` takes; the loader decides the rest (references,
types of expressions, cycles). A file that the schema refuses, the loader refuses too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema

from tenantry.runbook.model import Runbook
from tenantry.task import BaseTask, Impact, ReadTask, Task

if TYPE_CHECKING:
    from tenantry.discovery import TaskRegistry

__all__ = ["runbook_json_schema"]

_EXPRESSION: Final = "Expression"
_DEFINITIONS: Final = "#/$defs/"


def runbook_json_schema(registry: TaskRegistry) -> dict[str, Any]:
    """JSON Schema (2020-12) of a runbook that uses these tasks."""
    schema = Runbook.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    definitions[_EXPRESSION] = {
        "type": "string",
        "pattern": r"^\s*\$\{[\s\S]*\}\s*$",
        "description": "An expression (CEL) over params, tenant, run, steps and item; it gives a typed value",
    }
    step = definitions["Step"]
    step["properties"]["uses"] = {
        **step["properties"]["uses"],
        "anyOf": [{"const": task.name, "description": task.summary()} for task in registry],
    }
    asks = {"properties": {"on_failure": {"const": "ask"}}, "required": ["on_failure"]}
    step["allOf"] = [
        {"if": {"properties": {"by_hand": {"minLength": 1}}, "required": ["by_hand"]}, "then": asks},
        *(_rule(task, definitions) for task in registry),
    ]
    return {"$schema": GenerateJsonSchema.schema_dialect, "title": "Runbook", **schema}


def _rule(task: type[BaseTask[Any]], definitions: dict[str, Any]) -> dict[str, Any]:
    """If a step uses the task, then what its ``with`` and its gates look like."""
    arguments = task.Params.model_json_schema(by_alias=True)
    prefix = f"{task.name}."
    for name, definition in arguments.pop("$defs", {}).items():
        definitions[f"{prefix}{name}"] = _open(definition, prefix)
    then: dict[str, Any] = {"properties": {"with": _open(arguments, prefix)}}
    required = ["with"] if arguments.get("required") else []
    if issubclass(task, Task):
        then["if"] = {"properties": {"for_each": {"type": "string"}}, "required": ["for_each"]}
        then["then"] = {"required": ["expect_at_most"]}
        if task.impact is Impact.IRREVERSIBLE:
            required.append("approve")
        if task.no_undo is not None:
            then["properties"]["on_failure"] = {"enum": ["stop", "continue", "ask"]}
    else:
        then["properties"].update(
            {
                "approve": {"type": "null"},
                "expect_at_most": {"type": "null"},
                "on_failure": {"enum": ["stop", "continue", *(["ask"] if issubclass(task, ReadTask) else [])]},
                "by_hand": {"maxLength": 0},
            }
        )
    if required:
        then["required"] = required
    return {"if": {"properties": {"uses": {"const": task.name}}, "required": ["uses"]}, "then": then}


def _open(schema: Any, prefix: str) -> Any:
    """The schema with an expression allowed wherever a value below it stands, and its definitions renamed."""
    if not isinstance(schema, dict):
        return schema
    opened: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            opened[key] = value.replace(_DEFINITIONS, f"{_DEFINITIONS}{prefix}", 1)
        elif key in {"properties", "patternProperties"}:
            opened[key] = {name: _or_expression(inner, prefix) for name, inner in value.items()}
        elif key in {"items", "additionalProperties"} and isinstance(value, dict):
            opened[key] = _or_expression(value, prefix)
        elif key == "prefixItems":
            opened[key] = [_or_expression(inner, prefix) for inner in value]
        elif key in {"anyOf", "oneOf", "allOf"}:
            opened[key] = [_open(inner, prefix) for inner in value]
        elif key == "discriminator":
            continue  # OpenAPI's, with references that would have to be renamed; `oneOf` says the same
        else:
            opened[key] = value
    return opened


def _or_expression(schema: Any, prefix: str) -> dict[str, Any]:
    inner = _open(schema, prefix)
    notes = {k: inner.pop(k) for k in ("title", "description", "default", "examples") if k in inner}
    return {**notes, "anyOf": [inner, {"$ref": f"{_DEFINITIONS}{_EXPRESSION}"}]}
