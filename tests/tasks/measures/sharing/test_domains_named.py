from __future__ import annotations

import pytest

from tasks.measures.sharing.domains_named import DomainsNamed
from tenantry.capabilities import Sharing
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import LOOK
from tests.tasks.measures.sharing.test_limited import sharing

ANYBODY = "externalUserAndGuestSharing"


@pytest.mark.parametrize(
    ("fact", "status"),
    [
        (sharing(ANYBODY, "allowList", "globex.example"), "pass"),
        (sharing("disabled"), "not_applicable"),
        (sharing(ANYBODY, "allowList"), "unknown"),
        (sharing(ANYBODY), "for_person"),
        (sharing(ANYBODY, "blockList", "evil.example"), "for_person"),
    ],
)
def test_only_named_domains_pass(fact: Sharing, status: str) -> None:
    assert DomainsNamed().evaluate([fact], LOOK, 1).status == status


def test_not_said_is_not_known() -> None:
    for facts in ([], [sharing("")]):
        with pytest.raises(CannotCheck):
            DomainsNamed().evaluate(facts, LOOK, len(facts))
