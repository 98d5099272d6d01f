"""The certificate as PDF: a rendering of a signed statement, made from nothing else. Its layout is that of the other reports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.sanitization.model import METHODS, Certificate, Location
from tenantry.sanitization.statement import achieved, check_said
from tenantry.timeline.glyphs import breakable
from tenantry.timeline.pdf_cells import Part, Printable, piece, table
from tenantry.timeline.typeset import typeset
from tenantry.timeline.words import moment, plural

__all__ = ["pdf"]

_METHOD_LOOKS: Final = {"partial": "warn", "clear": "people", "purge": "good", "destroy": "good"}
_MEANING: Final = {
    "partial": "Partial: data was removed through the system that kept it. The medium below was not sanitized.",
    "clear": "Clear: overwritten or removed by logical means on media that stay in use.",
    "purge": "Purge: physical or logical means, among them cryptographic erasure, that withstand a laboratory.",
    "destroy": "Destroy: the medium itself cannot be used any more.",
}


def pdf(statement: Mapping[str, Any], key: str, digest: str) -> bytes:
    """The certificate.

    Args:
        statement: whose signature was verified.
        key: fingerprint of the key that signed it.
        digest: SHA-256 of the signed file, hex.

    Raises:
        RecordError: it could not be typeset. InvalidInput: it contradicts itself.
    """
    from tenantry.errors import InvalidInput

    why = check_said(statement)
    if why is not None:
        raise InvalidInput(f"no certificate can be made of this: {why}")
    predicate = {
        name: value
        for name, value in statement["predicate"].items()
        if name not in ("methodAchieved", "verificationResult", "result")
    }
    certificate = Certificate.model_validate_json(json.dumps(predicate))
    subject = statement["subject"][0]["digest"]["sha256"]
    return typeset(
        lambda text: {
            "data": json.dumps(_Rendering(certificate, key, digest, subject, text).data()),
            "picture": "",
            "legend": "",
        },
        certificate.issued_at,
    )


class _Rendering:
    def __init__(self, certificate: Certificate, key: str, digest: str, subject: str, text: Printable) -> None:
        self._c = certificate
        self._key = key
        self._digest = digest
        self._subject = subject
        self._text = text

    def data(self) -> dict[str, Any]:
        c = self._c
        return {
            "title": f"Certificate of sanitization: {self._text(c.client, 200)}",
            "description": f"Certificate {c.certificate_id}, {moment(c.issued_at)}",
            "keywords": ["sanitization", "deletion", c.certificate_id],
            "footer": f"Certificate of sanitization {self._text(c.certificate_id, 80)} · a rendering of the signed statement · all times UTC",
            "cover": self._cover(),
            "summary": self._summary(),
            "picture": None,
            "parts": list(self._parts()),
        }

    def _banner(self, method: str) -> str:
        """Why it is partial, as far as the certificate knows."""
        if method != "partial":
            return ""
        if any(one.custody == "cloud" for one in self._c.locations):
            return (
                "Partial: some of the data lay on media of a cloud provider, which nobody but its owner can sanitize."
            )
        return "Partial: files and rows were removed; what file systems and media keep of them is not known here."

    def _cover(self) -> dict[str, Any]:
        c, method = self._c, achieved(self._c)
        facts = [
            ("Client", self._text(c.client, 200), False),
            ("Certificate", c.certificate_id, True),
            ("Issued", moment(c.issued_at), False),
            ("Standard", c.standard, False),
            ("Locations", plural(len(c.locations), "location"), False),
            ("Method achieved", f"{method} (the weakest of all locations)", False),
            ("Basis", c.legal.basis, False),
            ("The client chose", "return" if c.legal.controller_choice == "return" else "deletion", False),
            ("Retained", plural(len(c.legal.retained), "item"), False),
        ]
        badges = [{"look": _METHOD_LOOKS[method], "text": f"{method.capitalize()} sanitization"}]
        badges.append({"look": "good", "text": "Every location verified"})
        if c.legal.retained:
            badges.append({"look": "warn", "text": f"{len(c.legal.retained)} retained"})
        return {
            "kind": "Certificate of sanitization",
            "title": "What was deleted, and how that is known",
            "subject": breakable(self._text(c.client, 300), 40),
            "badges": badges,
            "banner": self._banner(method),
            "facts": [
                {"name": name, "value": breakable(self._text(value, 300), 48), "code": code}
                for name, value, code in facts
            ],
            "notice": "This document is a rendering. The authority is the signed statement (in-toto in a DSSE envelope) with the digest on the last "
            "page; where the two differ, the statement holds. A PDF proves nothing by itself.",
        }

    def _summary(self) -> dict[str, Any]:
        c = self._c
        counts = Counter(one.method_achieved for one in c.locations)
        tiles = [
            {"value": str(counts[name]), "words": f"locations: {name}", "look": _METHOD_LOOKS[name]} for name in METHODS
        ]
        tiles.append({"value": str(len(c.legal.retained)), "words": "items retained", "look": "warn"})
        lines = [
            f"{plural(len(c.locations), 'location')} where data of {self._text(c.client, 200)} may lie. Each was sanitized as far as is said here, "
            "and what was left of it looked up afterwards by another way than the deletion's own answer.",
            _MEANING[achieved(c)],
            f"A legal hold was checked for and is {'in force' if c.legal.hold_in_force else 'not in force'}.",
        ]
        if c.legal.copies:
            lines.append(f"Copies: {self._text(c.legal.copies, 1_000)}")
        parts: list[Part] = [self._people()]
        if c.not_recorded:
            parts.append(
                {
                    "title": "What was not recorded",
                    "list": [breakable(self._text(one, 400), 60) for one in c.not_recorded],
                }
            )
        return {"title": "Summary", "lines": [breakable(one, 60) for one in lines], "tiles": tiles, "parts": parts}

    def _people(self) -> Part:
        rows = [
            [
                one.role.capitalize(),
                [
                    piece("strong", self._words(one.name, 28)),
                    piece("small", self._words(f"{one.title}, {one.organization}", 30)),
                ],
                [
                    piece("text", moment(one.date)),
                    piece("small", self._words(one.location or "place not recorded", 30)),
                ],
                [piece("text", self._words(one.contact, 24)), piece("small", self._words(f"entry {one.approval}", 24))],
            ]
            for one in self._c.people
        ]
        return {
            "title": "Who answers for it",
            "lead": "Each proved who they are with a code of their own; the entries of the record are named.",
            "table": table(("Role", "Name", "When and where", "Contact"), ("22mm", "1.2fr", "1fr", "1fr"), rows),
        }

    def _parts(self) -> Iterator[Part]:
        c = self._c
        yield {
            "level": 1,
            "title": "Locations",
            "lead": "What lay where, how it was removed, and how it is known that it is gone.",
            "table": table(
                ("What and where", "Method", "How", "Verified", "Time"),
                ("1.3fr", "27mm", "1.2fr", "1.3fr", "40mm"),
                [self._location(one) for one in c.locations],
            ),
        }
        if c.legal.retained:
            yield {
                "level": 1,
                "title": "Retained",
                "lead": "Not deleted: why, and until when.",
                "table": table(
                    ("What", "Where", "Law, or why", "Until"),
                    ("1.2fr", "1fr", "1.2fr", "28mm"),
                    [
                        [
                            self._words(one.what, 40),
                            self._words(one.where, 40),
                            self._words(one.law, 40),
                            one.until.isoformat(),
                        ]
                        for one in c.legal.retained
                    ],
                ),
            }
        rows: list[list[Any]] = [
            ["Signed statement, SHA-256", [piece("code", self._digest)]],
            ["Inventory (subject), SHA-256", [piece("code", self._subject)]],
            ["Key that signed", [piece("code", self._key)]],
            ["Accepted because", self._words(c.validation.basis, 60)],
        ]
        if c.journal is not None:
            rows.append(["Record", [piece("code", f"{c.journal.origin}, entry {c.journal.index}")]])
            rows.append(["Proof, SHA-256", [piece("code", c.journal.proof)]])
        if c.legal.returned:
            rows.append(["Package that the client accepted", [piece("code", c.legal.returned)]])
        yield {
            "level": 1,
            "title": "How to check it",
            "lines": [
                "Check the signed statement, not this page: tenantry attestation verify FILE --key KEY, or any program that "
                "reads DSSE envelopes, with the key that you got on another way."
            ],
            "table": table(("What", "Value"), ("52mm", "1fr"), rows),
        }

    def _location(self, one: Location) -> list[Any]:
        how = [
            piece("text", self._words(one.technique, 34)),
            piece("small", self._words(f"{one.tool.name} {one.tool.version}", 34)),
        ]
        if one.details:
            how.append(piece("small", self._words(one.details, 34)))
        if one.keys is not None:
            how.append(
                piece(
                    "small",
                    self._words(f"keys {', '.join(one.keys.ids)}; copies {_known(one.keys.escrowed_or_backed_up)}", 34),
                )
            )
        if one.media is not None:
            told = [f"{name} {value}" for name, value in one.media.model_dump().items() if value not in (None, "")]
            how.append(piece("small", self._words(", ".join(told) or "medium not described", 34)))
        asked = (
            []
            if one.method_achieved == one.method_requested
            else [piece("small", f"asked for: {one.method_requested}")]
        )
        return [
            [
                piece("strong", self._words(one.what, 34)),
                piece("small", self._words(one.where, 34)),
                piece("small", self._words(one.id, 34)),
            ],
            [{**piece("pill", one.method_achieved), "look": _METHOD_LOOKS[one.method_achieved]}, *asked],
            how,
            [
                {**piece("pill", one.verification.result), "look": "good"},
                piece("text", self._words(one.verification.method, 34)),
                piece("small", self._words(one.verification.scope, 34)),
                *(piece("small", f"evidence {digest[:16]}…") for digest in one.verification.evidence[:4]),
            ],
            [piece("text", moment(one.started_at)), piece("small", f"until {moment(one.finished_at)}")],
        ]

    def _words(self, value: str, every: int) -> str:
        return breakable(self._text(value, 600), every)


def _known(value: bool | None) -> str:
    return "not known" if value is None else "exist" if value else "none exist"
