"""`incident.profile_sign_ins`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks._addresses import Network, home_countries, known_networks
from tasks.identity.collect_directory_events import DirectoryEvents
from tasks.identity.collect_sign_ins import SignIns
from tasks.incident._acts import sign_in_events
from tasks.incident._judge import Judgement, Suspect, judge
from tasks.incident._traces import staying_acts
from tenantry.task import Context, Output, ReadTask
from tenantry.timeline.attacker import AttackerEvent

MAX_SUSPECTS = 200


class ProfileSignInsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sign_ins: Annotated[SignIns, Field(description="Output of identity.collect_sign_ins")]
    events: Annotated[
        DirectoryEvents | None,
        Field(description="Output of identity.collect_directory_events: what was changed from which address"),
    ] = None
    known_bad_ips: Annotated[
        list[Network], Field(max_length=500, description="Addresses or networks of the attacker")
    ] = []
    known_good_ips: Annotated[
        list[Network], Field(max_length=500, description="Addresses or networks of the client: offices, VPN")
    ] = []


class SignInProfile(Output):
    verdict: Literal["attacker_found", "could_not_tell"]
    """There is no "clean": no sign-in that stands out does not mean that nobody else signed in."""
    attacker_ips: list[str]
    """Found in the sign-ins, and single addresses that a person named."""
    first_attacker_activity: datetime | None
    """Start of the compromise window."""
    last_attacker_activity: datetime | None
    attacker: list[Suspect]
    uncertain: list[Suspect]
    """One sign only: a VPN, a journey, a new telephone, or the attacker. A person decides."""
    own_ips: list[str]
    baseline_until: datetime | None
    limits: list[str]
    """What this judgement could not see."""
    attacker_events: list[AttackerEvent] = Field(default_factory=list)
    """For the timeline: the first sign-in of each suspect."""


class ProfileSignIns(ReadTask[ProfileSignInsParams, SignInProfile]):
    """Tell the attacker's sign-ins from the person's own, with a reason and the sign-in ids for each.

    Finds ATT&CK T1078.004 (valid cloud accounts). Pure: it judges what was collected and reads nothing. The rule is in
    ``tasks/incident/_judge.py``.
    """

    name = "incident.profile_sign_ins"
    Params = ProfileSignInsParams
    Output = SignInProfile

    async def read(self, ctx: Context, p: ProfileSignInsParams) -> SignInProfile:
        acts = staying_acts(p.events.events) if p.events is not None else {}
        judgements: list[Judgement] = []
        for account_id in dict.fromkeys(group.account_id for group in p.sign_ins.groups):
            judgements.append(
                judge(
                    [group for group in p.sign_ins.groups if group.account_id == account_id],
                    p.sign_ins.journeys,
                    since=p.sign_ins.since,
                    until=p.sign_ins.read_until,
                    known_bad=p.known_bad_ips,
                    known_good=[*p.known_good_ips, *known_networks(ctx.subject)],
                    home_countries=home_countries(ctx.subject),
                    acts=acts,
                )
            )
        suspects = [suspect for judgement in judgements for suspect in judgement.suspects]
        attacker = [suspect for suspect in suspects if suspect.verdict == "attacker"]
        uncertain = [suspect for suspect in suspects if suspect.verdict == "uncertain"]
        named = {network for network in p.known_bad_ips if "/" not in network}
        return SignInProfile(
            verdict="attacker_found" if attacker else "could_not_tell",
            attacker_ips=sorted({suspect.ip for suspect in attacker} | named),
            first_attacker_activity=min((suspect.first_at for suspect in attacker), default=None),
            last_attacker_activity=max((suspect.last_at for suspect in attacker), default=None),
            attacker=attacker[:MAX_SUSPECTS],
            uncertain=uncertain[:MAX_SUSPECTS],
            own_ips=sorted({ip for judgement in judgements for ip in judgement.own_ips}),
            baseline_until=max((j.baseline_until for j in judgements if j.baseline_until is not None), default=None),
            limits=_limits(p, judgements),
            attacker_events=sign_in_events(suspects),
        )


def _limits(p: ProfileSignInsParams, judgements: list[Judgement]) -> list[str]:
    limits = ["the vendor publishes sign-ins minutes late: the newest may be missing"]
    if not judgements:
        limits.append("the log holds no successful sign-in of these accounts")
    if any(judgement.baseline_sign_ins < 3 for judgement in judgements):
        limits.append("too few earlier sign-ins to know what is ordinary")
    if p.sign_ins.groups_omitted or p.sign_ins.journeys_omitted:
        limits.append(
            f"{p.sign_ins.groups_omitted} groups and {p.sign_ins.journeys_omitted} journeys beyond the limits were not judged"
        )
    if p.sign_ins.oldest is not None and (p.sign_ins.oldest - p.sign_ins.read_from).days >= 1:
        limits.append(f"the log begins on {p.sign_ins.oldest.date().isoformat()}, later than asked for")
    return limits
