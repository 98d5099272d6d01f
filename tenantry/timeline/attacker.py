"""What an attacker did, as an analysis step reports it: the convention between tasks and timelines.

A step's output may hold a list ``attacker_events`` of these, whatever else it holds. The timeline takes them from every
step of a run, whichever task made them, so a new analysis shows up without a change here.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["OUTPUT_FIELD", "AttackerEvent", "Certainty"]

OUTPUT_FIELD: Final = "attacker_events"
"""Name of the list in a step's output."""

Certainty = Literal["observed", "attributed", "uncertain"]
"""``observed``: a log says so, and that it was the attacker is not in question (a sign-in from an address that was named
as theirs). ``attributed``: a log says so, and the rule that the analysis states makes it the attacker's. ``uncertain``:
it may as well have been the person; somebody has to decide."""


class AttackerEvent(BaseModel):
    """One act of the attacker. Texts may hold names that the attacker chose; exports treat all of them as hostile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Annotated[AwareDatetime, Field(description="When it happened, by the source's clock")]
    title: Annotated[str, Field(min_length=1, description="What happened, in a few plain words")]
    detail: Annotated[str, Field(description="Address, client, why it is taken for the attacker's")] = ""
    source: Annotated[str, Field(min_length=1, description="Which log tells, e.g. `Entra ID sign-in log`")]
    source_id: Annotated[str, Field(description="The log's own id of the entry; empty when it has none")] = ""
    certainty: Certainty
    kind: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="For filters: sign_in, rule, forwarding, consent …")
    ] = "act"
    target: Annotated[str, Field(description="Account or object it was done to")] = ""
    techniques: Annotated[
        tuple[Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")], ...],
        Field(description="MITRE ATT&CK, https://attack.mitre.org/techniques/enterprise/"),
    ] = ()
