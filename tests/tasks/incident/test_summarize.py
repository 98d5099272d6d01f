from __future__ import annotations

from datetime import timedelta

from tasks.incident.find_other_victims import FindOtherVictims
from tasks.incident.summarize import Summarize
from tasks.logs.collect_audit import CollectAudit
from tasks.mail.collect_sent import CollectSent
from tests.support.fakes import NOW
from tests.support.incident import BEGAN, EVIL, read, story

from .test_attribute_artifacts import attributed
from .test_profile_sign_ins import profile
from .test_verify_contained import ENDED, Contained


async def summary(*, contained: bool = True, **params):
    tenant = story()
    given = {
        "profile": await profile(tenant),
        "victims": await read(tenant, FindOtherVictims, account="id-alice", attacker_ips=[EVIL], window_start=BEGAN),
        "artifacts": await attributed(tenant),
        "sent": await read(tenant, CollectSent, accounts=["id-alice"], window_start=BEGAN),
        "audit": await read(tenant, CollectAudit, accounts=["id-alice"]),
        "containment": await (await Contained.make()).check() if contained else None,
        **params,
    }
    return await read(tenant, Summarize, **given)


async def test_what_happened_when_and_to_whom():
    page = await summary(reported_at=NOW - timedelta(hours=2))
    assert page.title == "Business email compromise of alice@acme.example and 1 more"
    assert page.accounts == ["alice@acme.example", "bob@acme.example"]
    assert page.exposed == ["carol@acme.example"]
    assert (page.compromised_at, page.contained_at, page.status) == (BEGAN, ENDED, "contained")
    assert page.dwell_minutes == 24 * 60
    assert page.containment_minutes == 125
    assert page.read_by_attacker == {"MailItemsAccessed": 1}
    assert page.partners_to_warn == ["cfo@partner.example"]
    assert len(page.removed) == 8
    assert all(thing.evidence_ids for thing in page.removed)
    assert {"T1078.004", "T1564.008", "T1114.003", "T1098.002", "T1528", "T1098.005", "T1534"} <= set(page.attack)


async def test_without_a_report_the_run_is_the_detection():
    assert (await summary()).detected_at == NOW


async def test_not_contained_is_never_called_contained():
    page = await summary(contained=False)
    assert (page.status, page.contained_at, page.containment_minutes) == ("not_contained", None, None)
    assert any("containment is not proven" in line for line in page.not_known)


async def test_a_plans_containment_does_not_count():
    proven = await (await Contained.make()).check()
    page = await summary(containment=proven.model_copy(update={"contained": False}))
    assert page.status == "not_contained"


async def test_what_is_not_known_is_said():
    tenant = story()
    audit = (await read(tenant, CollectAudit, accounts=["id-alice"])).model_copy(update={"complete": False})
    page = await summary(audit=audit)
    assert any("audit log was not read in full" in line for line in page.not_known)
    assert any("whose these are: 1 of" in line for line in page.not_known)


async def test_a_detection_before_the_compromise_gives_no_negative_dwell():
    assert (await summary(reported_at=BEGAN - timedelta(hours=1))).dwell_minutes is None
