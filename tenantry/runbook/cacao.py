"""A runbook as a CACAO 2.0 playbook, so that other tools can show, exchange and partly run it.

https://docs.oasis-open.org/cacao/security-playbooks/v2.0/security-playbooks-v2.0.html

CACAO has no vocabulary for checked, verified and undoable effects on a tenant, so every step becomes a `manual` command that
a person, or a system on their behalf, can follow, and carries the step as it stands in the runbook in an extension. The
graph is structured: steps that do not need each other run in a `parallel` step, which waits for all of them.

What CACAO cannot say is not dropped: it is listed in words, in the playbook's description and extension, and to the caller.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tenantry.runbook._cacao_gaps import not_expressed
from tenantry.runbook.expressions import Expression
from tenantry.runbook.model import Runbook, Step, parse_duration
from tenantry.task import HumanTask, Impact

if TYPE_CHECKING:
    from tenantry.discovery import TaskRegistry

__all__ = ["EXTENSION", "Playbook", "cacao_playbook"]

_CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Playbooks of one id are versions of one another and share it."""

_TYPES: Final = {
    "incident": ["investigation", "mitigation", "remediation"],
    "disaster": ["remediation"],
    "compliance": ["detection"],
}
"""Kind of runbook → playbook-type-ov (3.1.1), which has nothing for on- and offboarding or service requests."""
_VARIABLE_TYPES: Final = {"integer": "integer", "number": "float", "boolean": "bool"}
_ACTIVITIES: Final = {"contain": "restrict-access", "mitigate": "eliminate-risk", "recover": "restore-capabilities"}
"""Phase of an effect → playbook-activity-type-ov (3.1.2)."""
_SUFFIX: Final = ".message"


def _id(kind: str, *parts: str) -> str:
    """An id that the same thing always has, as UUID of version 4: its bits come from a hash (10.10 wants this version)."""
    digest = hashlib.sha256(json.dumps(["cacao", *parts]).encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"


EXTENSION: Final = _id("extension-definition", "runbook")
_AUTHOR: Final = _id("identity", "tenantry")


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook, ready for JSON.

    Attributes:
        content: the playbook.
        not_expressed: what the runbook says and CACAO cannot, in sentences; also inside the playbook.
    """

    content: dict[str, Any]
    not_expressed: tuple[str, ...]


def cacao_playbook(runbook: Runbook, registry: TaskRegistry, *, modified: datetime | None = None) -> Playbook:
    """The runbook as a playbook.

    Args:
        runbook: as loaded.
        registry: the tasks that it uses.
        modified: when its file was changed, which is how CACAO tells versions of a playbook apart.
    """
    return _Writer(runbook, registry).playbook(modified or _CREATED)


class _Writer:
    def __init__(self, runbook: Runbook, registry: TaskRegistry) -> None:
        self._runbook = runbook
        self._registry = registry
        self._workflow: dict[str, dict[str, Any]] = {}
        self._agents: dict[str, dict[str, Any]] = {}
        self._variables: dict[str, dict[str, Any]] = {}
        self._activities: dict[str, None] = {}
        self._read = {
            name for step in runbook.steps for _, e in step.expressions() for name in e.steps_referenced
        }  # whose outcome or output another step reads
        self._client = self._target()

    def playbook(self, modified: datetime) -> Playbook:
        book = self._runbook
        for name, param in book.params.items():
            variable: dict[str, Any] = {
                "type": _VARIABLE_TYPES.get(param.type, "string"),
                "description": ". ".join(part for part in (param.title or name, param.description) if part),
                "value": None if param.default is None else _plain(param.default),
                "external": True,
            }
            self._variables[_name(name)] = variable
        levels = _levels(book)
        start, end = self._step_id("start"), self._step_id("end")
        self._workflow[start] = {"type": "start", "name": "Start"}
        entry = end
        for level in reversed(levels):
            entry = self._level(level, entry)
        self._workflow[start]["on_completion"] = entry
        self._workflow[end] = {"type": "end", "name": "End"}
        failed = self._failure()
        missing = tuple(not_expressed(book, self._registry, levels, _TYPES))
        kinds = {step["type"] for step in self._workflow.values()}
        content: dict[str, Any] = {
            "type": "playbook",
            "spec_version": "cacao-2.0",
            "id": _id("playbook", book.id),
            "name": book.title,
            "description": _described(book, missing),
            **({"playbook_types": _TYPES[book.kind]} if book.kind in _TYPES else {}),
            "playbook_activities": list(self._activities),
            "playbook_processing_summary": {
                "manual_playbook": True,
                "external_playbooks": False,
                "parallel_processing": "parallel" in kinds,
                "if_logic": "if-condition" in kinds,
                "while_logic": False,
                "switch_logic": False,
                "temporal_logic": any("timeout" in step for step in self._workflow.values()),
                "data_markings": False,
                "digital_signatures": False,
                "countersigned_signatures": False,
                "extensions": True,
            },
            "created_by": _AUTHOR,
            "created": _time(_CREATED),
            "modified": _time(max(modified, _CREATED)),
            "labels": ["tenantry", book.kind, *book.phases],
            **({"external_references": [_technique(id) for id in book.attack]} if book.attack else {}),
            "playbook_variables": self._variables,
            "workflow_start": start,
            "workflow_exception": failed,
            "workflow": self._workflow,
            "playbook_extensions": {
                EXTENSION: {
                    "runbook": book.id,
                    "version": book.version,
                    "digest": book.digest,
                    "phases": list(book.phases),
                    "subject": book.subject,
                    "parameters": {
                        name: param.model_dump(mode="json", exclude_none=True) for name, param in book.params.items()
                    },
                    "not_expressed": list(missing),
                }
            },
            "agent_definitions": self._agents,
            "target_definitions": self._client,
            "extension_definitions": {EXTENSION: _extension()},
        }
        return Playbook({name: value for name, value in content.items() if value not in ({}, [])}, missing)

    # --- the graph ----------------------------------------------------------------------------------------------------

    def _step_id(self, kind: str, *parts: str) -> str:
        return _id(kind, self._runbook.id, kind, *parts)

    def _level(self, steps: Sequence[Step], following: str) -> str:
        """Steps that do not need each other, then ``following``; where to begin."""
        if len(steps) == 1:
            return self._step(steps[0], following)
        branches = []
        for step in steps:
            end = self._step_id("end", "branch", step.id)  # each branch has an end of its own (4.7)
            self._workflow[end] = {"type": "end", "name": f"End of {step.id}"}
            branches.append(self._step(step, end))
        parallel = self._step_id("parallel", *(step.id for step in steps))
        self._workflow[parallel] = {
            "type": "parallel",
            "name": f"{len(steps)} steps at the same time",
            "next_steps": branches,
            "on_completion": following,
        }
        return parallel

    def _step(self, step: Step, following: str) -> str:
        """One step of the runbook, with its condition and its approval before it; where to begin."""
        after = following
        if step.when is not None:
            after = self._step_id("end", "when", step.id)
            self._workflow[after] = {"type": "end", "name": f"End of {step.id}, if it is needed"}
        begin = self._action(step, after)
        if step.approve is not None:
            begin = self._approval(step, begin)
        return begin if step.when is None else self._condition(step, begin, following)

    def _action(self, step: Step, following: str) -> str:
        task = self._registry.get(step.uses)
        human = issubclass(task, HumanTask)
        role = str(step.with_.get("role", "engineer")) if human else "engineer"
        agent = self._agent(role if human else "platform")
        command: dict[str, Any] = {"type": "manual", "command": self._instruction(step), "description": task.summary()}
        activity = self._activity(step)
        if activity:
            command["playbook_activity"] = activity
            self._activities[activity] = None
        action: dict[str, Any] = {
            "type": "action",
            "name": step.title or task.summary().rstrip("."),
            "description": f"{task.summary()} (step {step.id}, phase {step.phase})",
            "commands": [command],
            "agent": agent,
            **({} if human else {"targets": list(self._client)}),
            "step_extensions": {EXTENSION: self._as_written(step)},
        }
        given = self._arguments(step)
        if given:
            action["in_args"] = given
        if step.id in self._read:
            output = _name(f"{step.id}_output")
            self._variables[output] = {
                "type": "string",
                "description": f"Outcome and output of the step {step.id}, as JSON",
                "value": None,
            }
            action["out_args"] = [output]
        limit = self._limit(step, human=human)
        if limit is not None:
            action["timeout"] = limit
        # Without on_failure a failure goes to the exception handler (4.1), which stops: the runbook's `stop` and `undo`.
        action["on_completion" if step.on_failure == "continue" else "on_success"] = following
        id = self._step_id("action", step.id)
        self._workflow[id] = action
        return id

    def _approval(self, step: Step, following: str) -> str:
        approve = step.approve
        if approve is None:
            return following
        id = self._step_id("action", "approve", step.id)
        why = f" {approve.reason}" if approve.reason else ""
        eyes = " Whoever asked for the run may not be the one who approves." if approve.four_eyes else ""
        self._workflow[id] = {
            "type": "action",
            "name": f"Approval: {step.title or step.id}",
            "description": f"The step {step.id} acts only if it is approved; a denial is a failure.",
            "commands": [
                {"type": "manual", "command": f"Approve or deny the step “{step.title or step.id}”.{why}{eyes}"}
            ],
            "agent": self._agent(approve.role),
            "timeout": _milliseconds(approve.expires.total_seconds()),
            "on_success": following,
        }
        return id

    def _condition(self, step: Step, inside: str, following: str) -> str:
        answer = _name(f"{step.id}_is_needed")
        self._variables[answer] = {
            "type": "bool",
            "description": f"Whether the step {step.id} is needed: {step.when}",
            "value": None,
        }
        branch = self._step_id("if-condition", step.id)
        self._workflow[branch] = {
            "type": "if-condition",
            "name": f"Is “{step.title or step.id}” needed?",
            "condition": f"{answer}:value = 'true'",
            "on_true": inside,
            "on_completion": following,
        }
        decide = self._step_id("action", "decide", step.id)
        read = Expression(step.when).references if step.when is not None else ()
        given = self._named(read)
        self._workflow[decide] = {
            "type": "action",
            "name": f"Decide whether “{step.title or step.id}” is needed",
            "description": "The runbook's condition is an expression (CEL), which conditions of CACAO cannot hold.",
            "commands": [{"type": "manual", "command": f"Set {answer} to true or false: {_line(step.when or '')}"}],
            "agent": self._agent("platform"),
            **({"in_args": given} if given else {}),
            "out_args": [answer],
            "on_success": branch,
        }
        return decide

    def _failure(self) -> str:
        """What happens when a step fails and nothing else is said."""
        failed, end = self._step_id("action", "failed"), self._step_id("end", "failed")
        self._workflow[failed] = {
            "type": "action",
            "name": "Stop: a step failed or was denied",
            "description": "The run pauses. What does not need the failed step has gone on; nothing is reported done that was not verified.",
            "commands": [
                {
                    "type": "manual",
                    "command": "Look at the failed step. Remove the obstacle and resume, undo what it changed if its extension says so, or cancel.",
                }
            ],
            "agent": self._agent("engineer"),
            "on_completion": end,
        }
        self._workflow[end] = {"type": "end", "name": "End after a failure"}
        return failed

    # --- words and values ---------------------------------------------------------------------------------------------

    def _agent(self, role: str) -> str:
        id = _id("group", "agent", role)
        name, told = f"{role.capitalize()}s", f"People with the role {role}, enrolled and proven"
        if role == "platform":
            name, told = "Tenantry, or an engineer by hand", "Whoever can carry out the command at the client's systems"
        self._agents[id] = {"type": "group", "name": name, "description": told}
        return id

    def _target(self) -> dict[str, dict[str, Any]]:
        id = _id("organization", "target", "client")
        return {
            id: {"type": "organization", "name": "The client", "description": "The tenant that the run is for"},
        }

    def _activity(self, step: Step) -> str:
        task = self._registry.get(step.uses)
        if issubclass(task, HumanTask):
            return ""
        if step.uses.startswith("messenger."):
            return "deliver-content"
        if task.impact is Impact.READ:
            return "analyze-collected-data"
        return _ACTIVITIES.get(step.phase, "configure-systems")

    def _instruction(self, step: Step) -> str:
        """The step as one line that a person can follow."""
        parts = [step.title or self._registry.get(step.uses).summary().rstrip(".")]
        if step.for_each is not None:
            most = f", at most {step.expect_at_most}, else stop and ask" if step.expect_at_most is not None else ""
            parts.append(f"For each item of: {_line(step.for_each)}{most}")
        if step.with_:
            parts.append("With " + "; ".join(f"{name} = {_line(_plain(value))}" for name, value in step.with_.items()))
        parts.append(f"Task {step.uses}: check first, change only what differs, then check again that it holds")
        if issubclass(self._registry.get(step.uses), HumanTask):
            parts[-1] = f"Task {step.uses}: the answer, its reason and who gave it are recorded"
        elif self._registry.get(step.uses).impact is Impact.READ:
            parts[-1] = f"Task {step.uses}: reads, changes nothing"
        return ". ".join(parts) + "."

    def _as_written(self, step: Step) -> dict[str, Any]:
        """The step exactly as the runbook has it."""
        written = step.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
        names = {"id": "step_id", "with": "with_params"}
        written = {names.get(name, name): value for name, value in written.items()}
        task = self._registry.get(step.uses)
        return {
            **written,
            "upstream": list(self._runbook.upstream(step.id)),
            "impact": task.impact.value,
            "permissions": [
                f"{grant.vendor}: {name}" for grant in task.permissions_for(step.with_) for name in grant.names
            ],
        }

    def _arguments(self, step: Step) -> list[str]:
        references = [reference for _, e in step.expressions() for reference in e.references]
        return self._named(references)

    def _named(self, references: Iterable[Any]) -> list[str]:
        """Variables of the playbook that these references read."""
        names = []
        for reference in references:
            path = [str(part) for part in reference.path]
            if path[0] == "params" and len(path) > 1:
                names.append(_name(path[1]))
            elif path[0] == "steps" and len(path) > 1:
                names.append(_name(f"{path[1]}_output"))
        return list(dict.fromkeys(names))

    def _limit(self, step: Step, *, human: bool) -> int | None:
        if step.timeout_seconds is not None:
            return _milliseconds(step.timeout_seconds)
        if human and isinstance(step.with_.get("expires_in"), str):
            return _milliseconds(parse_duration(step.with_["expires_in"]).total_seconds())
        return None


def _levels(runbook: Runbook) -> list[list[Step]]:
    """The steps in ranks: each after everything that it needs. Which steps run at the same time in a rank does not matter."""
    rank: dict[str, int] = {}
    for step in runbook.order():
        rank[step.id] = 1 + max((rank[needed] for needed in runbook.upstream(step.id)), default=-1)
    levels: list[list[Step]] = [[] for _ in range(1 + max(rank.values()))]
    for step in runbook.steps:
        levels[rank[step.id]].append(step)
    return levels


def _name(name: str) -> str:
    """A variable's name (10.18): between double underscores, at most 250 characters."""
    return f"__{name.replace(_SUFFIX, '_message')}__"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _line(text: str) -> str:
    return " ".join(text.split())


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _time(at: datetime) -> str:
    """With exactly three digits after the point (3.1)."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"


def _technique(id: str) -> dict[str, str]:
    return {"name": f"MITRE ATT&CK {id}", "source": "MITRE ATT&CK, https://attack.mitre.org/", "external_id": id}


def _described(runbook: Runbook, missing: Iterable[str]) -> str:
    told = runbook.description or runbook.title
    return f"{told}\n\nNot expressed in CACAO:\n" + "\n".join(f"- {line}" for line in missing)


def _extension() -> dict[str, Any]:
    return {
        "type": "extension-definition",
        "name": "Tenantry runbook",
        "description": "The runbook and its steps as they were written, with everything that CACAO has no property for.",
        "created_by": _AUTHOR,
        "schema": "On the playbook: runbook, version, digest (SHA-256 of the runbook's text), phases, subject, parameters, "
        "not_expressed. On a step: the step's own properties as in the runbook (id as step_id, with as with_params), "
        "upstream (steps that must have ended), impact, permissions. `tenantry runbooks schema` prints the JSON Schema.",
        "version": "1.0.0",
    }
