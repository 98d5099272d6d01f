"""The rules of CACAO 2.0 that a playbook can be held against without its authors' tools: structure, references, graph.

https://docs.oasis-open.org/cacao/security-playbooks/v2.0/security-playbooks-v2.0.html, sections in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

_UUID4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_VARIABLE = r"^__[a-zA-Z][a-zA-Z0-9_-]{0,245}__$"
_ACTIVITIES = (
    *("compose-content", "deliver-content", "identify-audience", "identify-channel", "scan-system", "match-indicator"),
    *("analyze-collected-data", "identify-indicators", "scan-vulnerabilities", "configure-systems", "restrict-access"),
    *("disconnect-system", "eliminate-risk", "revert-system", "restore-data", "restore-capabilities", "map-network"),
    *("identify-steps", "step-sequence", "prepare-engagement", "execute-operation", "analyze-engagement-results"),
)


def _one_of(*kinds: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({'|'.join(kinds)})--{_UUID4}$"}


_STEP = _one_of("action", "parallel", "if-condition", "end")
_TEXT = {"type": "string", "minLength": 1}
_NAMES = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string", "pattern": _VARIABLE}}
_COMMON = {
    "name": _TEXT,
    "description": _TEXT,
    "timeout": {"type": "integer", "minimum": 0},
    "on_completion": _STEP,
    "on_success": _STEP,
    "on_failure": _STEP,
    "step_extensions": {"type": "object", "minProperties": 1},
}


def _step(kind: str, required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **_COMMON, **properties},
        "required": ["type", *required],
        "additionalProperties": False,
        # on_completion excludes the other two [4.1]
        "not": {"required": ["on_completion"], "anyOf": [{"required": ["on_success"]}, {"required": ["on_failure"]}]},
    }


_COMMAND = {
    "type": "object",
    "properties": {
        "type": {"const": "manual"},
        "command": _TEXT,
        "description": _TEXT,
        "playbook_activity": {"enum": list(_ACTIVITIES)},
    },
    "required": ["type", "command"],
    "additionalProperties": False,
}
_ENDS: dict[str, Any] = {"type": "object", "properties": {"type": {"const": "end"}, "name": _TEXT}}
_ENDS |= {"required": ["type"], "additionalProperties": False}
_START = {
    "type": "object",
    "properties": {"type": {"const": "start"}, "name": _TEXT, "on_completion": _STEP},
    "required": ["type", "on_completion"],
    "additionalProperties": False,
}
_ACTION = _step(
    "action",
    ("commands", "agent"),
    commands={"type": "array", "minItems": 1, "items": _COMMAND},
    agent=_one_of("group"),
    targets={"type": "array", "minItems": 1, "items": _one_of("organization")},
    in_args=_NAMES,
    out_args=_NAMES,
)
_PARALLEL = _step("parallel", ("next_steps",), next_steps={"type": "array", "minItems": 2, "items": _STEP})
_IF = _step("if-condition", ("condition", "on_true"), condition=_TEXT, on_true=_STEP, on_false=_STEP)
_WHO = {
    "type": "object",
    "properties": {"type": {"enum": ["group", "organization"]}, "name": _TEXT, "description": _TEXT},
    "required": ["type", "name"],
    "additionalProperties": False,
}
_VARIABLES = {
    "type": "object",
    "propertyNames": {"pattern": _VARIABLE},
    "additionalProperties": {
        "type": "object",
        "properties": {
            "type": {"enum": ["bool", "dictionary", "float", "integer", "string"]},
            "description": _TEXT,
            "value": {"type": ["string", "null"]},
            "external": {"type": "boolean"},
        },
        "required": ["type"],
        "additionalProperties": False,
    },
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "type": {"const": "playbook"},
        "spec_version": {"const": "cacao-2.0"},
        "id": _one_of("playbook"),
        "name": _TEXT,
        "description": _TEXT,
        "playbook_types": {
            "type": "array",
            "items": {
                "enum": ["detection", "investigation", "mitigation", "remediation", "prevention", "notification"]
            },
        },
        "playbook_activities": {"type": "array", "minItems": 1, "items": {"enum": list(_ACTIVITIES)}},
        "playbook_processing_summary": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "created_by": _one_of("identity"),
        "created": {"type": "string", "pattern": _TIME},
        "modified": {"type": "string", "pattern": _TIME},
        "labels": {"type": "array", "minItems": 1, "items": _TEXT},
        "external_references": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["name"], "minProperties": 2},
        },
        "playbook_variables": _VARIABLES,
        "workflow_start": _one_of("start"),
        "workflow_exception": _STEP,
        "workflow": {
            "type": "object",
            "minProperties": 3,
            "patternProperties": {
                f"^start--{_UUID4}$": _START,
                f"^end--{_UUID4}$": _ENDS,
                f"^action--{_UUID4}$": _ACTION,
                f"^parallel--{_UUID4}$": _PARALLEL,
                f"^if-condition--{_UUID4}$": _IF,
            },
            "additionalProperties": False,
        },
        "playbook_extensions": {"type": "object", "minProperties": 1},
        "agent_definitions": {"type": "object", "minProperties": 1, "additionalProperties": _WHO},
        "target_definitions": {"type": "object", "minProperties": 1, "additionalProperties": _WHO},
        "extension_definitions": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["type", "name", "created_by", "schema", "version"],
                "properties": {"type": {"const": "extension-definition"}},
            },
        },
    },
    "required": [
        *("type", "spec_version", "id", "name", "created_by", "created", "modified", "workflow_start", "workflow"),
    ],
    "additionalProperties": False,
}


def complaints(playbook: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a playbook."""
    found = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(playbook)
    ]
    yield from found
    if found:
        return
    flow: dict[str, dict[str, Any]] = playbook["workflow"]
    yield from _references(playbook, flow)
    reached: set[str] = set()
    for begin in (playbook["workflow_start"], playbook["workflow_exception"]):
        yield from _walk(flow, begin, reached, {})
    yield from (f"{id} is never reached" for id in flow if id not in reached)


def _references(playbook: Mapping[str, Any], flow: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    uuids = [
        id.split("--")[1] for part in ("workflow", "agent_definitions", "target_definitions") for id in playbook[part]
    ]
    if len(uuids) != len(set(uuids)):
        yield "the same UUID stands for two things [10.10]"
    extensions = set(playbook.get("extension_definitions", {}))
    if not set(playbook.get("playbook_extensions", {})) <= extensions:
        yield "an extension of the playbook is not defined [8]"
    activities = set()
    for id, step in flow.items():
        for key in ("on_completion", "on_success", "on_failure", "on_true", "on_false"):
            if key in step and step[key] not in flow:
                yield f"{id}.{key} points nowhere"
        if id.split("--")[0] != step["type"]:
            yield f"{id} is a {step['type']}"
        if not set(step.get("step_extensions", {})) <= extensions:
            yield f"{id} uses an extension that is not defined"
        for names in (*step.get("step_extensions", {}).values(), *playbook["playbook_extensions"].values()):
            yield from (f"extension property {name}" for name in names if len(name) < 3 or not name.isascii())
        if step["type"] == "action":
            if step["agent"] not in playbook["agent_definitions"]:
                yield f"{id}: no such agent"
            if not set(step.get("targets", ())) <= set(playbook["target_definitions"]):
                yield f"{id}: no such target"
            for name in (*step.get("in_args", ()), *step.get("out_args", ())):
                if name not in playbook["playbook_variables"]:
                    yield f"{id}: no such variable {name}"
            activities |= {c["playbook_activity"] for c in step["commands"] if "playbook_activity" in c}
    if activities != set(playbook.get("playbook_activities", ())):
        yield "playbook_activities are not those of the steps [3.1]"
    if "playbook_types" in playbook and not activities:
        yield "playbook_types without an activity [3.1]"
    if playbook["modified"] < playbook["created"]:
        yield "modified before it was created [3.1]"


def _walk(flow: Mapping[str, dict[str, Any]], begin: str, reached: set[str], ends: dict[str, str]) -> Iterator[str]:
    """Follow one branch to its end: every branch has one of its own [4.7, 4.8]."""
    at, seen = begin, set()
    while True:
        if at in seen:
            yield f"{begin} runs in a circle"
            return
        seen.add(at)
        reached.add(at)
        step = flow[at]
        if step["type"] == "end":
            if at in ends:
                yield f"{at} ends two branches"
            ends[at] = begin
            return
        for inner in (*step.get("next_steps", ()), *(step[key] for key in ("on_true", "on_false") if key in step)):
            yield from _walk(flow, inner, reached, ends)
        at = step.get("on_completion") or step.get("on_success") or ""
        if not at:
            yield f"{begin} stops without an end"
            return


def order(playbook: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Id of each step of the runbook → when it runs: a step is after another if its tuple is greater in the first number."""
    flow = playbook["workflow"]
    extension = next(iter(playbook["extension_definitions"]))
    places: dict[str, tuple[int, ...]] = {}

    def walk(at: str, place: tuple[int, ...]) -> None:
        number = 0
        while flow[at]["type"] != "end":
            step, here = flow[at], (*place, number)
            if "step_extensions" in step:
                places[step["step_extensions"][extension]["step_id"]] = here
            for branch, inner in enumerate(
                (*step.get("next_steps", ()), *([step["on_true"]] if "on_true" in step else []))
            ):
                walk(inner, (*here, branch))
            at = step.get("on_completion") or step["on_success"]
            number += 1

    walk(playbook["workflow_start"], ())
    return places
