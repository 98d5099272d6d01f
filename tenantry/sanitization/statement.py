"""When a certificate may be signed, and the statement that is.

:func:`withheld` is the rule, and a pure function: anything unverified, unknown or contradictory is a sentence in its list, and what has one is
not signed. ``methodAchieved`` of the whole is that of its weakest location:

- On somebody else's media (a cloud) deleting is **partial**, whatever was asked for: what its owner does with the blocks is not known.
- A cryptographic erasure is a purge, on any media, only where it is known that no copy of the key exists and that it was never in plain text anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from tenantry.errors import NotProven
from tenantry.journal.entry import canonical
from tenantry.sanitization.model import KIND, METHODS, Certificate, Location

__all__ = ["achieved", "check_said", "said", "subject_of", "withheld"]

_SUBJECT: Final = "inventory"


def withheld(certificate: Certificate) -> list[str]:
    """Why it may not be signed, a sentence each; empty: it may."""
    return [*_about_locations(certificate), *_about_law(certificate), *_about_people(certificate)]


def said(certificate: Certificate) -> dict[str, Any]:
    """The in-toto statement to sign. Its subject is the digest of the canonical inventory.

    Raises:
        NotProven: it may not be signed; ``detail.withheld`` says why.
    """
    from tenantry.proof.dsse import statement

    why = withheld(certificate)
    if why:
        raise NotProven(
            f"the deletion is not attested: {why[0]}" + (f" (and {len(why) - 1} more)" if len(why) > 1 else ""),
            remedy="Settle each point that is named; nothing is signed while one is open.",
            withheld=" · ".join(why)[:8_000],
        )
    whole = certificate.model_dump(mode="json", by_alias=True)
    predicate = {
        **whole,
        "methodAchieved": achieved(certificate),
        "verificationResult": "pass",
        "result": f"{achieved(certificate)} sanitization of {len(certificate.locations)} locations, verified",
    }
    return statement(KIND, {_SUBJECT: subject_of(whole["locations"])}, predicate)


def check_said(document: Mapping[str, Any]) -> str | None:
    """Why a statement of this kind is not what it says although its signature holds; None: it is. What is signed is held to the same rule
    again, so that a signer with a defect, or of another mind, is found by whoever verifies."""
    predicate = dict(document["predicate"])
    method = predicate.pop("methodAchieved", None)
    result = predicate.pop("verificationResult", None)
    predicate.pop("result", None)
    try:
        certificate = Certificate.model_validate_json(canonical(predicate))
    except ValidationError as error:
        return f"the certificate has not the fields of its kind ({error.error_count()} are wrong)"
    digest = {one["name"]: one["digest"].get("sha256") for one in document["subject"]}
    if digest != {_SUBJECT: subject_of(predicate["locations"])}:
        return "its subject is not the inventory that it lists"
    why = withheld(certificate)
    if why:
        return f"it should not have been signed: {why[0]}"
    if method != achieved(certificate) or result != "pass":
        return f"it claims {method}, and its locations amount to {achieved(certificate)}"
    return None


def subject_of(locations: Any) -> str:
    """SHA-256 of the canonical inventory (JCS), hex."""
    return hashlib.sha256(canonical(locations)).hexdigest()


def achieved(certificate: Certificate) -> str:
    """The weakest of all locations."""
    return min((one.method_achieved for one in certificate.locations), key=METHODS.index)


def _about_locations(certificate: Certificate) -> list[str]:
    why = [f"{place}: it is not known what is still there" for place in certificate.unreached]
    ids = [one.id for one in certificate.locations]
    why += [f"{id}: listed more than once" for id in sorted({id for id in ids if ids.count(id) > 1})]
    for one in certificate.locations:
        found = one.verification
        if found.result != "pass":
            state = "failed" if found.result == "fail" else "is not known"
            why.append(f"{one.id} ({one.what}): whether it was deleted {state}")
        elif not found.evidence:
            why.append(f"{one.id} ({one.what}): nothing in the record shows that it was verified")
        best = _best(one)
        if METHODS.index(one.method_achieved) > METHODS.index(best):
            why.append(
                f"{one.id} ({one.what}): {one.method_achieved} is claimed, {best} is what can be said; {_because(one)}"
            )
        if one.finished_at < one.started_at:
            why.append(f"{one.id}: it ended before it began")
        if one.finished_at > certificate.issued_at:
            why.append(f"{one.id}: it ended after the certificate was issued")
    return why


def _best(one: Location) -> str:
    """The most that can be said of a location."""
    if one.keys is not None:
        gone = one.keys.escrowed_or_backed_up is False and one.keys.ever_plaintext is False and one.keys.ids
        return "purge" if gone else "partial"
    if one.custody == "cloud":
        return "partial"
    # Overwriting by our own commands is Clear; beyond that somebody must have held the medium.
    return "destroy" if one.media is not None and one.media.serial else "clear"


def _because(one: Location) -> str:
    if one.keys is not None:
        return "that no copy of the key exists anywhere is not known"
    if one.custody == "cloud":
        return "the media are somebody else's"
    return "no medium with a serial number is named"


def _about_law(certificate: Certificate) -> list[str]:
    legal, why = certificate.legal, []
    if not legal.hold_checked or legal.hold_in_force is None:
        why.append("nobody checked whether a legal hold is in force")
    elif legal.hold_in_force and not legal.retained:
        why.append("a legal hold is in force, and nothing is listed as retained")
    if legal.controller_choice == "return" and legal.returned is None:
        why.append("the client chose to have its data returned, and no accepted package is named")
    why += [
        f"{one.what} ({one.where}): its retention ended on {one.until}, and it is still there"
        for one in legal.retained
        if one.until < certificate.issued_at.date()
    ]
    if certificate.journal is None:
        why.append("no place in the record is named")
    if certificate.validation.decision != "accepted":
        why.append(f"it was not accepted: {certificate.validation.basis}")
    return why


def _about_people(certificate: Certificate) -> list[str]:
    why = []
    named: dict[str, set[str]] = {}
    for one in certificate.people:
        named.setdefault(one.role, set()).add(one.name.casefold())
        if one.date > certificate.issued_at:
            why.append(f"{one.name} is said to have answered for it after it was issued")
    for role, deed in (("performer", "performed"), ("verifier", "verified"), ("validator", "validated")):
        if role not in named:
            why.append(f"nobody is named who {deed} it")
    for role in ("verifier", "validator"):
        both = named.get(role, set()) & named.get("performer", set())
        if both:
            why.append(f"the {role} is who performed it ({', '.join(sorted(both))})")
    return why
