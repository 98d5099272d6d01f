"""What an answer about each domain of the organisation's mail comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tasks.checks._collect.mail_domains import MailDomain
from tenantry.baseline.measure import Verdict

__all__ = ["of_domains"]

_REASONS = 5


def of_domains(facts: Sequence[MailDomain], amiss: Callable[[MailDomain], Sequence[str]]) -> Verdict:
    """A domain that fails is told before one that could not be asked about.

    Args:
        amiss: what is wrong with a domain that was asked about; nothing: it is as it should be.
    """
    asked = [fact for fact in facts if not fact.unasked]
    if facts and not asked:
        return Verdict("for_person", "no resolver is asked about it (name_servers in estate.yaml names none)")
    wrong = [f"{fact.name}: {one}" for fact in asked if not fact.unread for one in amiss(fact)]
    unread = [fact for fact in asked if fact.unread]
    whys = [f"{fact.name}: {fact.unread}" for fact in unread[:_REASONS]]
    if wrong:
        domains = len({one.partition(":")[0] for one in wrong})
        why = "; ".join([f"{domains} of {len(facts)} domains are not as they should be", *whys])
        return Verdict("fail", why, tuple(wrong), len(asked))
    if unread:
        return Verdict("unknown", "; ".join(whys), tuple(fact.name for fact in unread), len(asked))
    if not facts:
        return Verdict("not_applicable", "the organisation has no domain for mail")
    return Verdict("pass", f"all {len(asked)} domains are as they should be", (), len(asked))
