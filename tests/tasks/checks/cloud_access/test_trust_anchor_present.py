from __future__ import annotations

from tasks.checks.cloud_access.trust_anchor_present import TrustAnchorPresent
from tests.tasks.checks._cloud import NEW, anchor, found

CHECK = TrustAnchorPresent()


def test_one_that_was_uploaded_matters_most_when_it_is_new() -> None:
    assert found(CHECK, anchor(changed_at=NEW)) == [("high", "a")]
    assert found(CHECK, anchor()) == [("low", "a")]
    assert found(CHECK, anchor(changed_at=None, created_at=None)) == [("low", "a")]


def test_the_vendors_own_authority() -> None:
    assert found(CHECK, anchor(kind="own", changed_at=NEW)) == [("medium", "a")]
    assert found(CHECK, anchor(kind="own")) == []


def test_one_that_is_switched_off_is_none() -> None:
    assert found(CHECK, anchor(enabled=False, changed_at=NEW)) == []
