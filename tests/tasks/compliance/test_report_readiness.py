"""The report is made from exactly what was signed, and names who did."""

from __future__ import annotations

import json

import pytest

from tasks.compliance.report_readiness import NAME, ReportParams, ReportReadiness
from tenantry.errors import CannotCheck, Conflict
from tenantry.insurance.readiness import digest_of
from tests.support.fakes import NOW
from tests.tasks.compliance.test_read_readiness import Recorded, context
from tests.tasks.incident.test_sweep_tenant import Evidence
from tests.tenantry.insurance.made import INSURER, document


def params(digest: str) -> ReportParams:
    return ReportParams(digest=digest, signed_by="lena.lead", signed_at=NOW, remark="with Olivia")


async def test_what_was_signed_is_reported_with_who_signed_it() -> None:
    evidence = Evidence()
    ctx = context(Recorded(read_readiness=document()), INSURER, evidence)
    found = await ReportReadiness().read(ctx, params(digest_of(document())))
    assert (found.signed_by, found.ready) == ("lena.lead", False)
    assert json.loads(evidence.stored[f"{NAME}.json"])["signed"]["digest"] == digest_of(document())
    assert b"lena.lead" in evidence.stored[f"{NAME}.html"]
    assert evidence.stored[f"{NAME}.pdf"].startswith(b"%PDF-")


async def test_what_was_not_signed_is_not_reported() -> None:
    evidence = Evidence()
    ctx = context(Recorded(read_readiness={**document(), "ready": True}), INSURER, evidence)
    with pytest.raises(Conflict):
        await ReportReadiness().read(ctx, params(digest_of(document())))
    with pytest.raises(CannotCheck):
        await ReportReadiness().read(context(Recorded(), INSURER, evidence), params("ab" * 32))
    assert evidence.stored == {}
