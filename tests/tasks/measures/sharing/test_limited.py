from __future__ import annotations

import pytest

from tasks.measures.sharing.limited import Limited
from tenantry.capabilities import Sharing
from tests.tasks.measures.cloud.asked import asked


def sharing(reach: str, restriction: str = "none", *domains: str) -> Sharing:
    return Sharing(reach=reach, restriction=restriction, domains=domains, raw={})


@pytest.mark.parametrize("reach", ["disabled", "existingExternalUserSharingOnly"])
def test_guests_who_are_there_or_nobody(reach: str) -> None:
    assert asked(Limited, sharing(reach)) == []


@pytest.mark.parametrize("reach", ["externalUserSharingOnly", "externalUserAndGuestSharing", "unknownFutureValue"])
def test_anybody_else_is_too_far(reach: str) -> None:
    assert asked(Limited, sharing(reach)) == [f"files may be shared as far as {reach}"]
    assert asked(Limited, sharing(reach), allowed=(reach,)) == []


def test_not_said_is_not_known() -> None:
    assert asked(Limited, sharing("")) == "with whom files may be shared is not said"
