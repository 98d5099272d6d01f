"""``triage`` of estate.yaml: how incidents find their people. The MSP's own data.

::

    triage:
      order: priority                  # or first_in_first_out
      assign: round_robin              # or least_busy, skill, nobody
      people:
        ann.lee:
          duty: [{days: [mon, tue, wed, thu, fri], start: "08:00", end: "17:00"}]
          skills: [{name: aws, certification: AWS SCS-C02, expires_on: 2027-03-31}]
          most: 8
      rules:                           # the first that fits
        - {id: cloud, when: {entity: access_key}, skills: [aws], assign: skill}
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tenantry.alerts.rules import When
from tenantry.names import PersonId, Slug
from tenantry.tenantbase import Minutes, Model, Text
from tenantry.tenants import BusinessHours, Severity
from tenantry.yamlpos import misplaced

__all__ = ["Helper", "Skill", "Triage", "TriageRule", "Way"]

Way = Literal["round_robin", "least_busy", "skill", "nobody"]
_WAY: str = (
    "round_robin: in turn. least_busy: who has the fewest open ones. skill: who of those that can has the fewest other skills, so that "
    "specialists stay free for what only they can do. nobody: people take them themselves."
)


class Skill(Model):
    """Something that a person can do, and how long their certificate says so."""

    name: Slug = Field(description="What it is called in rules (aws, m365, forensics …).")
    certification: Text | None = Field(default=None, description="The certificate that shows it, if there is one.")
    expires_on: date | None = Field(
        default=None, description="Last day on which it counts (YYYY-MM-DD); none: until it is taken out."
    )

    def counts(self, today: date) -> bool:
        """Whether it counts on a day."""
        return self.expires_on is None or today <= self.expires_on


class Helper(Model):
    """Somebody who is given incidents."""

    skills: list[Skill] = Field(default_factory=list, max_length=100, description="What they can do.")
    duty: list[BusinessHours] = Field(
        default_factory=list,
        max_length=20,
        description="When they are given incidents, in the estate's time zone; none: at any time.",
    )
    most: Annotated[int, Field(ge=0, le=1_000)] = Field(default=10, description="Open incidents at one time, at most.")


class TriageRule(Model):
    """What some incidents need."""

    id: Slug = Field(description="Its name, in every decision that it makes.")
    when: When = Field(default_factory=When, description="Which incidents: one of whose alerts fits.")
    skills: list[Slug] = Field(
        default_factory=list, max_length=20, description="Skills that whoever gets it must have."
    )
    people: list[PersonId] = Field(default_factory=list, max_length=200, description="Among whom; none: everybody.")
    assign: Way | None = Field(default=None, description=f"Instead of the general way. {_WAY}")


class Triage(Model):
    """How incidents find their people."""

    order: Literal["priority", "first_in_first_out"] = Field(
        default="priority",
        description="Which is next: the worst, and of those the one that is due first; or the oldest.",
    )
    raise_after_minutes: Minutes = Field(
        default=240,
        description="With priority: what has waited so long counts as one severity worse, and so on, so that nothing waits for ever.",
    )
    assign: Way = Field(default="round_robin", description=_WAY)
    on_call_from: Severity = Field(
        default="high",
        description="From which severity on whoever is on call is given what nobody on duty can take.",
    )
    warn_percent: Annotated[int, Field(ge=1, le=99)] = Field(
        default=75,
        description="After how much of a promised time somebody is told that it is running out, in per cent.",
    )
    people: dict[PersonId, Helper] = Field(
        default_factory=dict,
        max_length=1_000,
        description="Who is given incidents, by their id (`tenantry people list`).",
    )
    rules: list[TriageRule] = Field(default_factory=list, max_length=500, description="The first that fits counts.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [rule.id for rule in self.rules]
        for index, rule in enumerate(self.rules):
            if rule.id in names[:index]:
                raise misplaced("another rule has this id", "rules", index, "id")
            for number, person in enumerate(rule.people):
                if person not in self.people:
                    raise misplaced("is not among triage.people", "rules", index, "people", number)
        return self
