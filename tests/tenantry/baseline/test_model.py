"""The baselines that are shipped load and are answered; a broken one is refused by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.baseline.discover import measures
from tenantry.baseline.judge import answers
from tenantry.baseline.model import load_baseline
from tenantry.errors import InvalidInput, NotFound
from tenantry.places import SHIPPED
from tenantry.sweep.discover import checks

GOOD = (SHIPPED / "baselines" / "msp_onboarding.yaml").read_text("utf-8")


@pytest.mark.parametrize("path", sorted((SHIPPED / "baselines").glob("*.yaml")), ids=lambda path: path.stem)
def test_what_is_shipped_is_answered_by_what_there_is(path: Path) -> None:
    baseline = load_baseline(path.stem, (SHIPPED / "baselines",))
    measured, checked = answers(baseline, measures(), {check.name: check for check in checks()})
    assert measured
    assert checked or path.stem in ("linux_foundations", "scuba_sharepoint"), (
        "the sweep looks at hosts, but at intruders; at sharing not at all"
    )
    assert all(policy.measures or policy.checks for policy in baseline.policies)
    assert all(policy.maps for policy in baseline.policies)


def test_every_measure_is_used() -> None:
    used = {asked.name for path in (SHIPPED / "baselines").glob("*.yaml") for policy in load_baseline(path.stem, (path.parent,)).policies for asked in policy.measures}  # fmt: skip
    assert set(measures()) == used


def test_the_operators_own_comes_first(tmp_path: Path) -> None:
    (tmp_path / "msp_onboarding.yaml").write_text(GOOD.replace("version: 1", "version: 7"), "utf-8")
    assert load_baseline("msp_onboarding", (tmp_path, SHIPPED / "baselines")).version == 7
    with pytest.raises(NotFound):
        load_baseline("another", (tmp_path, SHIPPED / "baselines"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("criticality: medium", "criticality: dire", "criticality"),
        ("id: logging_on", "id: logging_kept", "another policy has this id"),
        ("      cis_v8: [\"8.10\"]", "      cis_v99: [\"8.10\"]", "cis_v99"),
        ("likelihood: moderate", "likelihood: often", "likelihood"),
        ("https://www.cisa.gov", "http://www.cisa.gov", "https"),
        ("id: msp_onboarding", "id: other", "is called other"),
        ("    remedy: Switch the logs on", "    cure: Switch the logs on", "remedy"),
    ],
)  # fmt: skip
def test_a_broken_one_is_refused_by_file_and_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    (tmp_path / "msp_onboarding.yaml").write_text(GOOD.replace(old, new, 1), "utf-8")
    with pytest.raises(InvalidInput, match=said) as refused:
        load_baseline("msp_onboarding", (tmp_path,))
    assert "msp_onboarding.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("measures.backups.restore_proven", "measures.backups.dreamt_of"),
        ("checks.mail.audit_log_off", "checks.mail.never_heard_of"),
        ("checks.mail.audit_log_off", "checks.mail.audit_switched_off"),
    ],
)
def test_one_that_names_what_there_is_not_is_refused(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "msp_onboarding.yaml").write_text(GOOD.replace(old, new), "utf-8")
    baseline = load_baseline("msp_onboarding", (tmp_path,))
    with pytest.raises(InvalidInput, match="policy"):
        answers(baseline, measures(), {check.name: check for check in checks()})
