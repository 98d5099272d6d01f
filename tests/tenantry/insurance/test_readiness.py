"""Nothing is called met that was not seen; what was agreed with us alone is not met; the policy's own days count."""

from __future__ import annotations

from typing import Any

import pytest

from tenantry.insurance.page import html
from tenantry.insurance.pdf import pdf
from tenantry.insurance.readiness import digest_of, lines, readiness
from tests.tenantry.insurance.made import AT, BASELINES, INSURER, document, policy


def status_of(*statuses: str) -> str:
    measured = [
        {"id": "b", "version": 1, "title": "B", "policies": [policy(f"p{n}", s) for n, s in enumerate(statuses)]}
    ]
    named = {"C": [f"b/p{n}" for n in range(len(statuses))]}
    insurer = {"name": "Sure", "required_controls": ["C"], "measured_by": named, "valid_until": "2099-01-01"}
    made = readiness(insurer, measured, at=AT, run_id="r", mode="run", client="Acme")
    assert made["ready"] is (made["controls"][0]["status"] in ("met", "not_applicable"))
    return str(made["controls"][0]["status"])


@pytest.mark.parametrize(
    ("statuses", "stands"),
    [
        (("pass", "pass"), "met"),
        (("pass", "not_applicable"), "met"),
        (("not_applicable",), "not_applicable"),
        (("pass", "fail"), "not_met"),
        (("unknown", "fail"), "not_met"),
        (("pass", "excepted"), "not_met"),
        (("pass", "unknown"), "not_known"),
        (("pass", "for_person"), "not_known"),
        ((), "not_known"),
    ],
)
def test_the_worst_counts(statuses: tuple[str, ...], stands: str) -> None:
    assert status_of(*statuses) == stands


def test_what_no_run_measured_is_not_known() -> None:
    insurer = {**INSURER, "measured_by": {"MFA for everybody": ["b/mfa", "never/looked_at"]}}
    made = readiness(insurer, BASELINES, at=AT, run_id="r", mode="run", client="Acme")
    by_control = {one["control"]: one for one in made["controls"]}
    assert by_control["MFA for everybody"]["status"] == "not_known"
    assert by_control["MFA for everybody"]["measures"][1]["why"] == "it was not measured"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"valid_until": "2026-11-21"}, "The policy ended on 2026-11-21."),
        ({"valid_from": "2026-11-23"}, "The policy begins on 2026-11-23."),
    ],
)
def test_a_policy_that_is_not_in_force_is_not_ready(more: dict[str, Any], told: str) -> None:
    good = {**INSURER, "required_controls": ["MFA for everybody"]}
    assert readiness(good, BASELINES, at=AT, run_id="r", mode="run", client="Acme")["ready"]
    made = readiness({**good, **more}, BASELINES, at=AT, run_id="r", mode="run", client="Acme")
    assert not made["ready"]
    assert made["told"][0] == told


def test_no_control_on_file_is_not_ready() -> None:
    made = readiness(
        {**INSURER, "required_controls": [], "measured_by": {}}, BASELINES, at=AT, run_id="r", mode="run", client="Acme"
    )
    assert not made["ready"]
    assert "names no control" in made["told"][0]


def test_what_is_signed_says_each_control_and_any_change_is_another_digest() -> None:
    made = document()
    shown = "\n".join(lines(made))
    assert all(one["control"] in shown for one in made["controls"])
    assert "NOT MET" in shown
    assert digest_of(made) == digest_of(document())
    assert digest_of({**made, "ready": True}) != digest_of(made)


def test_page_and_pdf_say_it_all_and_run_nothing() -> None:
    made = {**document(), "signed": {"by": "Lena Lead", "at": AT, "remark": "<b>checked</b>", "digest": "ab" * 32}}
    page = html(made)
    for one in (
        "MFA for everybody",
        "Lena Lead",
        "abababab",
        "not ready",
        "&lt;b&gt;checked&lt;/b&gt;",
        "excepted by us",
    ):
        assert one in page
    assert "<script" not in page
    assert pdf(made).startswith(b"%PDF-")
    ready = {**made, "ready": True, "controls": [], "counts": dict.fromkeys(made["counts"], 0)}
    assert pdf(ready).startswith(b"%PDF-")
