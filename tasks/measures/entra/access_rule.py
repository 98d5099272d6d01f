"""`measures.entra.access_rule`"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.access import access_policies
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import AccessPolicy
from tenantry.sweep.check import Look

PRIVILEGED: Final = frozenset(
    {
        *("62e90394-69f5-4237-9190-012177145e10", "e8611ab8-c189-46e8-94e1-60213ab1f814", "fe930be7-5e62-47db-91af-98c3a49a38b1"),
        *("f28a1f50-f6e7-4571-818b-6a12f2af6b6c", "29232cdf-9323-42fd-ade2-1d097af3e4de", "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2"),
        *("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "158c047a-c907-4556-b7ef-446551a6b5f7"),
    }
)  # fmt: skip
"""Template ids of the roles that CISA's baseline calls highly privileged: Global, Privileged Role, User, SharePoint, Exchange, Hybrid Identity,
Application and Cloud Application Administrator."""
_STRENGTHS: Final = {
    "mfa": frozenset(f"00000000-0000-0000-0000-00000000000{number}" for number in (2, 3, 4)),
    "phishing_resistant": frozenset({"00000000-0000-0000-0000-000000000004"}),
}
"""The vendor's own authentication strengths; what one that somebody made demands is not looked into."""
_CONTROLS: Final = {
    "block": frozenset({"block"}),
    "mfa": frozenset({"mfa"}),
    "phishing_resistant": frozenset[str](),
    "managed": frozenset({"compliantDevice", "domainJoinedDevice"}),
}
_MODERN: Final = {"browser", "mobileAppsAndDesktopClients"}
_LEGACY: Final = {"exchangeActiveSync", "other"}
_REGISTERING: Final = "urn:user:registersecurityinfo"


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    users: Literal["all", "privileged"] = "all"
    target: Literal["all", "registering"] = Field(
        default="all", description="Applications, or registering a second factor"
    )
    clients: Literal["modern", "legacy"] = "modern"
    user_risk: tuple[str, ...] = Field(default=(), description="Levels of the account's risk at which it counts")
    sign_in_risk: tuple[str, ...] = Field(default=(), description="Levels of the sign-in's risk at which it counts")
    transfer: str | None = Field(default=None, description="deviceCodeFlow: the flow that it is about")
    grant: Literal["block", "mfa", "phishing_resistant", "managed"] = Field(description="What it demands")


class AccessRule(WholeMeasure[AccessPolicy]):
    """One rule of Conditional Access is enforced that demands this, of everybody whom it should, and leaves nobody out but accounts for
    emergencies. A rule with a further condition does not count: where it does not apply, nothing is demanded.

    https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
    """

    name = "measures.entra.access_rule"
    Params = Rule
    source = access_policies

    def evaluate(self, facts: list[AccessPolicy], look: Look, seen: int) -> Verdict:
        del seen
        near: list[str] = []
        for policy in facts:
            lacks = list(self._lacks(policy.raw, look.known.emergency))
            if policy.enforced and not lacks:
                return Verdict("pass", f"{policy.name} demands it", (), len(facts))
            if len(lacks) <= 1:
                why = lacks[0] if lacks else "it is not enforced"
                near.append(f"{policy.name}: {why}")
        return Verdict("fail", "no rule that is enforced demands it", tuple(sorted(near)), len(facts))

    def _lacks(self, raw: Mapping[str, Any], emergency: frozenset[str]) -> Iterator[str]:
        conditions = raw.get("conditions") or {}
        users, applications = conditions.get("users") or {}, conditions.get("applications") or {}
        if not self._about(users):
            yield "it is not about everybody whom it should be about"
        left_out = {one for one in users.get("excludeUsers") or () if one.lower() not in emergency}
        if left_out or any(users.get(key) for key in ("excludeGroups", "excludeRoles", "excludeGuestsOrExternalUsers")):
            yield "it leaves somebody out"
        everything = "All" in (applications.get("includeApplications") or ()) and not applications.get(
            "excludeApplications"
        )
        registering = _REGISTERING in (applications.get("includeUserActions") or ())
        if not (everything or (registering and self.p.target == "registering")):
            yield "it is not about everything that it should be about"
        clients = set(conditions.get("clientAppTypes") or ("all",))
        if not ("all" in clients or (_LEGACY if self.p.clients == "legacy" else _MODERN) <= clients):
            yield "it is about some programs only"
        for key, wanted in (("userRiskLevels", self.p.user_risk), ("signInRiskLevels", self.p.sign_in_risk)):
            levels = set(conditions.get(key) or ())
            if (levels and not wanted) or not set(wanted) <= (levels or set(wanted)):
                yield "it counts at some risks only"
        flows = ((conditions.get("authenticationFlows") or {}).get("transferMethods") or "").split(",")
        if [one for one in flows if one] and self.p.transfer not in [one.strip() for one in flows]:
            yield "it is about some flows only"
        if self._narrowed(conditions):
            yield "it counts under a further condition only"
        if not self._demanded(raw.get("grantControls") or {}):
            yield "it demands something else"

    def _about(self, users: Mapping[str, Any]) -> bool:
        if "All" in (users.get("includeUsers") or ()):
            return True
        return self.p.users == "privileged" and set(users.get("includeRoles") or ()) >= PRIVILEGED

    @staticmethod
    def _narrowed(conditions: Mapping[str, Any]) -> bool:
        locations = conditions.get("locations") or {}
        everywhere = "All" in (locations.get("includeLocations") or ("All",)) and not locations.get("excludeLocations")
        platforms = conditions.get("platforms") or {}
        any_platform = "all" in (platforms.get("includePlatforms") or ("all",)) and not platforms.get(
            "excludePlatforms"
        )
        others = ("devices", "insiderRiskLevels", "servicePrincipalRiskLevels", "clientApplications")
        return not everywhere or not any_platform or any(conditions.get(key) for key in others)

    def _demanded(self, grant: Mapping[str, Any]) -> bool:
        controls = set(grant.get("builtInControls") or ())
        strength = str((grant.get("authenticationStrength") or {}).get("id") or "")
        fine = [control in _CONTROLS[self.p.grant] for control in controls]
        if strength:
            fine.append(strength in _STRENGTHS.get(self.p.grant, frozenset()))
        fine += [False for _ in (*(grant.get("termsOfUse") or ()), *(grant.get("customAuthenticationFactors") or ()))]
        return any(fine) if grant.get("operator") == "AND" else bool(fine) and all(fine)
