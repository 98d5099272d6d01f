"""`checks.applications.credential_new`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from tasks.checks._collect.applications import applications, told, trusted
from tenantry.capabilities import ApplicationCredential, InventoriedApplication
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_RENEWAL: Final = timedelta(days=60)
_SET_UP: Final = timedelta(days=1)


class CredentialNew(Check[InventoriedApplication]):
    """A secret or certificate was added to an application since the window began.

    A renewal (its predecessor ends within two months) and the first of a new application weigh less, and what comes with a certificate of single
    sign-on hardly anything. Azure itself renews those of managed identities. ATT&CK T1098.001; https://attack.mitre.org/techniques/T1098/001/
    """

    name = "checks.applications.credential_new"
    title = "New secret or certificate of an application"
    severity = "high"
    attack = ("T1098.001",)
    remedy = (
        "Ask the application's owner; remove the credential if nobody added it, and look at the application's sign-ins."
    )
    collect = applications

    def evaluate(self, fact: InventoriedApplication, look: Look) -> Iterable[Finding]:
        application = fact.application
        if trusted(application, look) or application.raw.get("servicePrincipalType") == "ManagedIdentity":
            return
        signing = [one for one in fact.credentials if _signs(one)]
        for one in fact.credentials:
            if one in signing or one.begins_at is None or not look.new(one.begins_at):
                continue
            paired = any(_pair(one, other) for other in signing)
            usual = paired or _renews(one, fact.credentials) or _sets_up(one, fact)
            yield self.finding(
                told(application.name, application.app_id),
                f"the {one.kind} {_called(one)} was added"
                + (
                    ", as single sign-on has it"
                    if paired
                    else ", as renewals and new applications have it"
                    if usual
                    else ""
                ),
                at=one.begins_at,
                severity="low" if paired else "medium" if usual else None,
                credential_id=one.id,
                ends=str(one.ends_at),
            )


def _called(one: ApplicationCredential) -> str:
    """By its name; else by its id, never by the beginning of the secret that the vendor shows."""
    name = one.raw.get("displayName")
    return repr(name) if name else one.id[:8]


def _signs(one: ApplicationCredential) -> bool:
    """A certificate with which a service signs its answers to single sign-on: nobody signs in with it."""
    return one.kind == "key" and one.holder == "principal" and one.raw.get("usage") == "Sign"


def _pair(one: ApplicationCredential, signing: ApplicationCredential) -> bool:
    """Whether it came with such a certificate: the vendor adds a second key and a password of the same mark beside each."""
    mark = one.raw.get("customKeyIdentifier")
    same = one.id == signing.id or (bool(mark) and mark == signing.raw.get("customKeyIdentifier"))
    return one.holder == "principal" and same


def _renews(one: ApplicationCredential, all_: Iterable[ApplicationCredential]) -> bool:
    """Whether its predecessor was about to end, or had just ended."""
    return one.begins_at is not None and any(
        other.id != one.id
        and other.begins_at is not None
        and other.begins_at < one.begins_at
        and other.ends_at is not None
        and abs(other.ends_at - one.begins_at) <= _RENEWAL
        for other in all_
    )


def _sets_up(one: ApplicationCredential, fact: InventoriedApplication) -> bool:
    """Whether it came with the application itself, which an administrator of the client registered."""
    return (
        fact.application.own
        and fact.created_at is not None
        and one.begins_at is not None
        and abs(one.begins_at - fact.created_at) <= _SET_UP
    )
