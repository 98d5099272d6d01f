"""``/_lab/``: look at the state, set faults, begin again. Needs no token: a test stand on loopback, never subject to faults.

==================================  ====================================================================================
GET ``/_lab/state``                 the tenant, the scenario, counts, artefacts by id, faults in force
GET ``/_lab/audit``                 every write that was accepted, in order
GET ``/_lab/sink``                  messages and refused duplicates
GET, POST ``/_lab/faults``          the fault plan; what a POST leaves out is off
POST ``/_lab/reset``                the tenant as it began; faults, audit and sink empty. Tokens and certificates stay valid
POST ``/_lab/expire_tokens``        every token issued so far has expired
POST ``/_lab/permissions``          ``{grant: […], revoke: […], exchange: […], when: now|next_token}``
POST ``/_lab/gdap``                 ``{id}``: a customer approves a delegated relationship
POST ``/_lab/register``             the client's administrator registers our application: the body of ``POST /applications``
POST ``/_lab/sync``                 a directory sync runs now
POST ``/_lab/attacker``              the attacker tries the compromised accounts again
POST ``/_lab/on_premises``          ``{user, accountEnabled}``: what Active Directory says of a synced user
==================================  ====================================================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from integrations.lab.attacker import come_back
from integrations.lab.faults import FaultPlan, describe
from integrations.lab.web import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from integrations.lab.lab import Lab


class Control:
    """The lab's own endpoints."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._actions: dict[tuple[str, str], Callable[[Any], Answer]] = {
            ("GET", "state"): lambda _: Answer(200, lab.describe()),
            ("GET", "audit"): lambda _: Answer(200, lab.audit),
            ("GET", "sink"): lambda _: Answer(200, {"messages": lab.sink.messages, "duplicates": lab.sink.duplicates}),
            ("GET", "faults"): lambda _: Answer(200, describe(lab.faults.plan)),
            ("POST", "faults"): self._faults,
            ("POST", "reset"): self._reset,
            ("POST", "expire_tokens"): lambda _: Answer(200, {"expired": lab.tokens.expire_all()}),
            ("POST", "permissions"): self._permissions,
            ("POST", "gdap"): lab.administrator.approve,
            ("POST", "register"): lab.administrator.register,
            ("POST", "sync"): lambda _: Answer(200, {"reverted": lab.sync()}),
            ("POST", "attacker"): lambda _: Answer(200, {"tries": come_back(lab)}),
            ("POST", "on_premises"): self._on_premises,
        }

    def answer(self, request: Request) -> Answer:
        """Answer a request whose path begins with ``/_lab/``."""
        name = request.path.removeprefix("/_lab/").strip("/")
        action = self._actions.get((request.method, name))
        if action is None:
            known = any(name == other for _, other in self._actions)
            return Answer(405 if known else 404, {"error": "not_allowed" if known else "not_found"})
        try:
            body = json.loads(request.body) if request.body.strip() else {}
        except ValueError:
            return Answer(400, {"error": "not_json"})
        if not isinstance(body, dict):
            return Answer(400, {"error": "not_an_object"})
        return action(body)

    def _faults(self, body: dict[str, Any]) -> Answer:
        try:
            plan = FaultPlan.model_validate(body)
        except ValidationError as error:
            return Answer(
                400, {"error": "invalid_faults", "detail": error.errors(include_url=False, include_context=False)}
            )
        self._lab.faults.set(plan)
        return Answer(200, describe(plan))

    def _reset(self, _: dict[str, Any]) -> Answer:
        self._lab.reset()
        return Answer(200, {"reset": True})

    def _permissions(self, body: dict[str, Any]) -> Answer:
        lists = ("grant", "revoke", "exchange")
        if set(body) - {*lists, "when"} or body.get("when", "now") not in ("now", "next_token"):
            return Answer(400, {"error": "invalid_permissions"})
        for name in lists:
            if not isinstance(body.get(name, []), list) or not all(isinstance(one, str) for one in body.get(name, [])):
                return Answer(400, {"error": "invalid_permissions", "field": name})
        self._lab.change_permissions(
            grant=body.get("grant", []),
            revoke=body.get("revoke", []),
            exchange_roles=body.get("exchange"),
            at_once=body.get("when", "now") == "now",
        )
        return Answer(200, {"granted": sorted(self._lab.granted_roles | self._lab.exchange_roles)})

    def _on_premises(self, body: dict[str, Any]) -> Answer:
        index = self._lab.tenant.directory.resolve(str(body.get("user", "")))
        if index not in self._lab.tenant.on_premises or not isinstance(body.get("accountEnabled"), bool):
            return Answer(400, {"error": "not_a_synced_user"})
        self._lab.tenant.on_premises[index]["accountEnabled"] = body["accountEnabled"]
        return Answer(200, {"user": body["user"], "accountEnabled": body["accountEnabled"]})
