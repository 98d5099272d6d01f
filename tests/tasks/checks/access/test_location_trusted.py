from __future__ import annotations

from typing import Any

import pytest

from tasks.checks.access.location_trusted import LocationTrusted
from tenantry.capabilities import NamedLocation
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import LATELY, LONG_AGO, found

CHECK = LocationTrusted()


def location(*networks: str, **of: Any) -> NamedLocation:
    facts = {"id": "l1", "name": "HQ", "trusted": True, "created_at": LONG_AGO, "changed_at": LATELY, "raw": {}}
    return NamedLocation(networks=networks, **{**facts, **of})


def test_addresses_that_are_not_the_clients() -> None:
    assert found(CHECK, location("203.0.113.0/24")) == [("medium", "HQ")]
    assert found(CHECK, location("198.51.100.0/24", "2001:db8::/32")) == [("medium", "HQ")]
    assert found(CHECK, location("0.0.0.0/1", changed_at=None, created_at=LATELY)) == [("medium", "HQ")]


def test_the_clients_own_old_ones_and_those_that_are_not_trusted() -> None:
    assert found(CHECK, location("198.51.100.16/28")) == []
    assert found(CHECK, location("203.0.113.0/24", changed_at=LONG_AGO)) == []
    assert found(CHECK, location("203.0.113.0/24", trusted=False)) == []
    assert found(CHECK, location()) == []


def test_what_is_no_network() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, location("somewhere"))
