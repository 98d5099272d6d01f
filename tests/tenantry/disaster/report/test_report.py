"""The report tells what happened, and nothing better than it was."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tenantry.clock import rfc3339
from tenantry.disaster.measure import SystemPlan, achieved
from tenantry.disaster.report.document import document, step_words
from tenantry.disaster.report.page import html
from tenantry.disaster.report.pdf import pdf
from tenantry.disaster.report.picture import _row, _Scale
from tests.tenantry.disaster.test_measure import T0, at, step


def made(mode: str = "run") -> dict[str, Any]:
    """Five systems: in time; late; unproven; failed; with an older backup."""
    names = ("net", "db", "shop", "mail", "wiki")
    plans = [
        SystemPlan(
            id=name,
            title=f"<b>{name}</b> of Acme" if name == "wiki" else f"{name} of Acme",
            tier=number // 2,
            owner="ann",
            rto_seconds=(1800, 3600, 7200, 3600, 5400)[number],
            rpo_seconds=600 if name in ("db", "wiki", "shop") else None,
            steps=[f"{name}__a"],
            health=f"{name}__health",
            data=f"{name}__data" if name in ("db", "wiki") else None,
        )
        for number, name in enumerate(names)
    ]
    steps = [
        step("declared", "observed", 8, 12, output={"by": "ann"}),
        step("net__a", "changed", 12, 20),
        step("net__health", "observed", 20, 22),
        step("db__a", "changed", 22, 60, attempts=2),
        step("db__health", "observed", 60, 75),
        step("db__data", "observed", 75, 76, output={"found": [{"newest": at(-4)}]}),
        step(
            "shop__a",
            "skipped",
            76,
            80,
            decided={"choice": "by_hand", "by": "bob", "reason": "started it on the console"},
        ),
        step(
            "shop__health",
            "skipped",
            80,
            95,
            decided={"choice": "left_out", "by": "ann", "reason": "the check asks for the old page"},
        ),
        step("mail__a", "failed", 22, 40, error={"message": "the snapshot is gone", "remedy": ""}),
        step("wiki__a", "changed", 22, 30),
        step("wiki__health", "observed", 30, 35),
        step("wiki__data", "observed", 35, 36, output={"found": [{"newest": at(-300)}]}),
    ]
    for one in steps:
        one.setdefault("task", "sim.work")
        one.setdefault("note", None)
    run = {
        "title": "Recovery: Everything of Acme's",
        "mode": mode,
        "run_id": "3f2a91c0-1111-2222-3333-444455556666",
        "params": {"plan": "acme_plan", "purpose": "failover"},
        "steps": steps,
        "approvals": [
            {
                "step": "declared",
                "decisions": [{"at": at(12), "by": "ann", "decision": "approve", "reason": "the room is flooded"}],
            },
            {
                "step": "shop__a",
                "reasons": ["the unit failed to start"],
                "decisions": [{"at": at(80), "by": "bob", "decision": "approve", "by_hand": True, "reason": "console"}],
            },
        ],
        "interruptions": [{"from": at(30), "until": at(31)}, {"from": at(60), "until": at(62.5)}],
        "restarts": [{"at": at(25), "process": "Prefect server"}],
        "refusals": [{"at": at(9), "person": "mallory", "why": "out_of_scope", "step": "declared"}],
    }
    found = achieved(
        plans,
        run,
        outage_began=T0,
        detected_at=T0 + timedelta(minutes=4),
        declared_at=T0 + timedelta(minutes=12),
        now=T0 + timedelta(minutes=100),
    )
    return document(
        run,
        found,
        client="Acme & Söhne <script>",
        at=rfc3339(T0 + timedelta(minutes=120)),
        findings=["db: nobody has ever restored the backup of web1"],
        lessons="The snapshot of mail was not there.\nAnn has it made and tested by 2026-12-01.",
        step="report",
    )


def test_says_what_is_not_back_and_what_was_missed() -> None:
    d = made()
    told = " ".join(d["told"])
    assert "3 of 5 systems are back" in told
    assert "shop of Acme is not shown to be back" in told
    assert "mail of Acme is not shown to be back" in told
    assert "db of Acme (1h15m, agreed 1h)" in told
    assert "mail of Acme (not back, agreed 1h)" in told
    assert "wiki" in told.split("More lost than agreed")[1]
    assert "nobody measured it: shop of Acme" in told
    assert {one["text"] for one in d["badges"]} == {"2 not shown to be back", "RTO missed", "RPO missed"}
    interrupted, restarted = d["told"][-2:]
    assert interrupted.startswith("The run was interrupted and went on from its record: 2026-11-22")
    assert "for 2m30s" in interrupted
    assert restarted == "Under it the Prefect server ended at 2026-11-22 08:25 UTC and was started again."
    assert [one["asked"] for one in d["decisions"]] == ["", "the unit failed to start"]
    assert d["refused"][0]["who"] == "mallory"
    assert any("done by hand by bob" in one["text"] for one in d["exceptions"])


def test_what_a_person_decided_over_and_who_was_refused_are_told_in_words() -> None:
    d = made()
    words = {one["title"]: step_words(one) for one in d["steps"]}
    assert (words["shop__a"], words["shop__health"], words["mail__a"]) == ("done by hand", "left out", "failed")
    assert d["refused"] == [{"at": at(9), "who": "mallory", "why": "may not answer this", "step": "declared"}]


def test_what_is_not_back_is_away_until_now_and_no_longer() -> None:
    d = made()
    scale = _Scale(d["systems"], T0 + timedelta(minutes=120))
    shop = next(one for one in d["systems"] if one["id"] == "mail")
    (bar,) = [part for part in _row(scale, shop, 0) if "l-people" in part]
    x, wide = (float(re.search(rf' {name}="([0-9.]+)"', bar)[1]) for name in ("x", "width"))
    assert x == pytest.approx(scale.at(22 * 60), abs=0.1)
    assert x + wide == pytest.approx(scale.at(120 * 60), abs=0.1)
    assert scale.at(120 * 60) < scale.at(scale.seconds)


def test_a_failback_is_no_outage() -> None:
    page = html({**made(), "purpose": "failback"})
    assert "Failback began" in page
    assert "utage" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).replace("the room", "")


def test_the_page_escapes_everything_and_loads_nothing() -> None:
    page = html(made())
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>wiki</b>" not in page
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "")
    for said in (
        "the room is flooded",
        "mallory",
        "Ann has it made and tested",
        "the snapshot is gone",
        "the unit failed to start",
        "nobody has ever restored",
    ):
        assert said in page
    assert 'class="banner"' not in page
    assert "Drill" in html(made("drill"))


@pytest.mark.parametrize("mode", ["run"])
def test_the_pdf_is_tagged_and_the_same_twice(mode: str) -> None:
    one = pdf(made(mode))
    assert one.startswith(b"%PDF")
    assert b"/MarkInfo" in one or b"pdfuaid" in one
    assert one == pdf(made(mode))


def test_nothing_measured_is_not_called_kept() -> None:
    d = document(
        {"title": "t", "mode": "run", "run_id": "r", "params": {}, "steps": [], "approvals": []},
        [],
        client="Acme",
        at=rfc3339(T0),
        findings=[],
        lessons="",
        step="report",
    )
    assert "within the time" not in " ".join(d["told"])
    assert {one["look"] for one in d["badges"]} == {"bad", "warn"}
