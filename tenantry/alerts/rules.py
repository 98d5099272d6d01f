"""Which alert starts which runbook by itself, and what it may do then: data, the first rule that fits.

::

    id: mailbox
    when: {entity: account, severity_at_least: high, types: ["*InitialAccess*"]}
    run: business_email_compromise
    with: {account: account}      # parameter: the type of the entity that it takes
    impact: reversible            # at most, without a person; read: evidence alone

`TENANTRY_HOME/runbooks/alerts/rules/*.yaml` come before the shipped ones, each folder in the order of its files' names. What no rule fits
waits in the queue. A rule without ``run`` puts into the queue what it fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from tenantry.alerts.model import ENTITY_TYPES, Alert
from tenantry.errors import InvalidInput
from tenantry.home import Home
from tenantry.names import Slug, TenantName
from tenantry.places import folders
from tenantry.sweep.model import rank
from tenantry.tenants import Model
from tenantry.yamlpos import build, load

__all__ = ["Plan", "Rule", "load_rules", "plan"]

_Entity = Annotated[str, Field(pattern="^(" + "|".join(ENTITY_TYPES) + ")$")]
_Severity = Literal["info", "low", "medium", "high", "critical"]
_TAKES: Final = {
    "account": re.compile(r"[^@\s/:]+@[^@\s/:]+"),
    "mailbox": re.compile(r"[^@\s/:]+@[^@\s/:]+"),
    "host": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}"),
    "access_key": re.compile(r"[A-Z0-9]{16,128}"),
    "application": re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
"""What of an entity's name may become a run's parameter. An attacker chooses names; whatever looks otherwise waits for a person."""


class When(Model):
    """What a rule is about; all of it must fit."""

    sources: list[Slug] = Field(default_factory=list, description="Sources of estate.yaml; none: any.")
    tenants: list[TenantName] = Field(default_factory=list, description="Clients; none: any.")
    severity_at_least: _Severity = Field(default="info", description="How bad it must be.")
    types: list[str] = Field(default_factory=list, description="What kind of finding, with * for anything; none: any.")
    entity: _Entity | None = Field(default=None, description="About whom; none: anything.")

    def fits(self, source: str, tenant: str, alert: Alert) -> bool:
        return (
            (not self.sources or source in self.sources)
            and (not self.tenants or tenant in self.tenants)
            and rank(alert.severity) >= rank(self.severity_at_least)
            and (not self.types or any(fnmatchcase(kind, one) for kind in alert.types for one in self.types))
            and (self.entity is None or any(entity.type == self.entity for entity in alert.entities))
        )


class Rule(Model):
    """One rule."""

    id: Slug = Field(description="Its name, in every decision that it makes.")
    when: When = Field(default_factory=When, description="Which alerts.")
    run: Slug | None = Field(default=None, description="The runbook that starts; none: a person decides.")
    with_: dict[str, _Entity] = Field(
        default_factory=dict,
        alias="with",
        description="Parameter of the runbook: the type of the entity that it takes.",
    )
    impact: Literal["read", "reversible"] = Field(
        default="reversible", description="The most that its run does before a person has looked."
    )


class Rules(Model):
    """A file of rules."""

    rules: list[Rule] = Field(max_length=500, description="The first that fits counts.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rule makes of an alert. ``runbook`` is None where a person decides, and ``why`` says why."""

    rule: str | None
    runbook: str | None
    params: Mapping[str, Any]
    impact: str
    why: str


def load_rules(home: Home) -> list[Rule]:
    """Every rule, in order.

    Raises:
        InvalidInput: naming ``file:line``, or a name that two rules have.
    """
    found: list[Rule] = []
    for folder in folders("alerts", home):
        for path in sorted((folder / "rules").glob("*.yaml")):
            found += build(Rules, load(path)).rules
    names = [rule.id for rule in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"two rules are called {twice[0]}", place="rules")
    return found


def plan(rules: Sequence[Rule], source: str, tenant: str, alert: Alert) -> Plan:
    """What is to be done about an alert."""
    for rule in rules:
        if not rule.when.fits(source, tenant, alert):
            continue
        if rule.run is None:
            return Plan(rule.id, None, {}, rule.impact, f"the rule {rule.id} leaves it to a person")
        params = {}
        for name, of in rule.with_.items():
            names = {entity.id for entity in alert.entities if entity.type == of}
            fitting = _TAKES.get(of)
            if len(names) != 1:
                return Plan(rule.id, None, {}, rule.impact, f"the rule {rule.id} takes one {of}, it names {len(names)}")
            (value,) = names
            if fitting is None or not fitting.fullmatch(value):
                return Plan(rule.id, None, {}, rule.impact, f"what it names as {of} is none that a run takes by itself")
            params[name] = value
        return Plan(rule.id, rule.run, params, rule.impact, f"the rule {rule.id}")
    return Plan(None, None, {}, "read", "no rule is about it")
