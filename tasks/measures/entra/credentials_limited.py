"""`measures.entra.credentials_limited`"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.tenant_settings import credential_rules
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import CredentialRule, CredentialRules
from tenantry.sweep.check import Look

_KINDS: Final = {"secrets": ("password", "key"), "certificates": ("certificate",)}
_HOLDERS: Final = {"registration": "registered applications", "principal": "applications as they are let in"}


class Limit(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    credentials: Literal["secrets", "certificates"]
    days: int | None = Field(
        default=None, ge=1, description="For which they may be valid at most; left out: none may be added at all"
    )


class CredentialsLimited(FactMeasure[CredentialRules]):
    """Credentials that applications are given end soon, or none of the kind may be given, in every application, by anybody.

    A kind that may not be added needs no further limit. https://learn.microsoft.com/graph/api/resources/tenantappmanagementpolicy
    """

    name = "measures.entra.credentials_limited"
    Params = Limit
    source = credential_rules

    def subject(self, fact: CredentialRules) -> str:
        del fact
        return "the directory"

    def judge(self, fact: CredentialRules, look: Look) -> Iterable[str] | None:
        del look
        if not fact.enabled:
            return ["rules for credentials of applications are off"]
        return list(self._lacking(fact.rules))

    def _lacking(self, rules: Iterable[CredentialRule]) -> Iterator[str]:
        enough = [rule for rule in rules if self._enough(rule)]
        for kind in _KINDS[self.p.credentials]:
            for holder, told in _HOLDERS.items():
                mine = [rule for rule in enough if (rule.kind, rule.holder) == (kind, holder)]
                if any(rule.since is None and not rule.exempt for rule in mine):
                    continue
                limit = f"limited to {self.p.days} days" if self.p.days else "blocked"
                so = "for some only" if mine else "not"
                yield f"{kind}s of {told} are {so} {limit}"

    def _enough(self, rule: CredentialRule) -> bool:
        if rule.blocked:
            return True
        return self.p.days is not None and rule.longest is not None and rule.longest <= timedelta(days=self.p.days)
