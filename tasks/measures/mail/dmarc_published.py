"""`measures.mail.dmarc_published`"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.mail_domains import MailDomain, mail_domains
from tasks.measures.mail._domains import of_domains
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.sweep.check import Look


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    what: Literal["policy", "reject", "reports"] = Field(
        description="That there is a policy; that forged mail is refused; or that somebody is told of it"
    )


class DmarcPublished(WholeMeasure[MailDomain]):
    """Each domain of the organisation's mail says what becomes of mail that is forged in its name.

    A domain without a policy of its own has that of the domain above it. https://www.rfc-editor.org/rfc/rfc7489
    """

    name = "measures.mail.dmarc_published"
    Params = Asked
    source = mail_domains

    def evaluate(self, facts: list[MailDomain], look: Look, seen: int) -> Verdict:
        del look, seen
        return of_domains(facts, self._amiss)

    def _amiss(self, fact: MailDomain) -> list[str]:
        if len(fact.dmarc) != 1:
            return [f"{len(fact.dmarc)} DMARC policies, of which none counts" if fact.dmarc else "no DMARC policy"]
        tags = _tags(fact.dmarc[0])
        if self.p.what == "reports":
            asked = {"rua": "daily reports", "ruf": "reports of single mails"}
            return [f"nobody is sent {words}" for tag, words in asked.items() if "@" not in tags.get(tag, "")]
        wanted = (tags.get("sp") if fact.inherited else None) or tags.get("p", "")
        if wanted.lower() not in ("none", "quarantine", "reject"):
            return ["its DMARC policy says nothing that counts"]
        if self.p.what == "policy":
            return []
        if wanted.lower() != "reject":
            return [f"forged mail is not refused (p={wanted.lower()})"]
        if tags.get("pct", "100") != "100" or tags.get("t", "n").lower() == "y":
            return ["forged mail is refused in part alone (pct, or t=y)"]
        return []


def _tags(record: str) -> dict[str, str]:
    """The first of each name (6.3)."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), value.strip())
    return found
