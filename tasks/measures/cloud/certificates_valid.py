"""`measures.cloud.certificates_valid`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_providers
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import IdentityProvider
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Days(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(default=30, ge=1, le=365, description="For how long they are good at least")


class CertificatesValid(FactMeasure[IdentityProvider]):
    """The certificates of whoever vouches for people do not end soon: when they do, nobody gets in.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml.html
    """

    name = "measures.cloud.certificates_valid"
    Params = Days
    source = cloud_providers

    def subject(self, fact: IdentityProvider) -> str:
        return fact.name

    def judge(self, fact: IdentityProvider, look: Look) -> Iterable[str] | None:
        if fact.kind != "saml":
            return None
        if fact.expires_at is None:
            raise CannotCheck(f"until when the certificates of {fact.name} are good is not told")
        soon = look.now + timedelta(days=self.p.days)
        return [f"its certificates end on {fact.expires_at:%Y-%m-%d}"] if fact.expires_at < soon else []
