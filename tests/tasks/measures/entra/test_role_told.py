from __future__ import annotations

from tasks.measures.entra.role_told import RoleTold
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import EXCHANGE, rules

NOBODY = {"assigned": 0, "made_eligible": 0, "activated": 0}


def test_of_what_and_of_whom() -> None:
    given = {"roles": "privileged", "events": ("assigned", "made_eligible")}
    assert asked(RoleTold, rules(), **given) == []
    told = ["nobody is told when it is assigned", "nobody is told when it is made eligible"]
    assert asked(RoleTold, rules(EXCHANGE, told=NOBODY), **given) == told
    assert asked(RoleTold, rules("another", told=NOBODY), **given) is None
    activated = ["nobody is told when it is activated"]
    assert asked(RoleTold, rules(told=NOBODY), roles="global", events=("activated",)) == activated
    assert asked(RoleTold, rules(told=NOBODY), roles="others", events=("activated",)) is None
    assert asked(RoleTold, rules(EXCHANGE, told=NOBODY), roles="others", events=("activated",)) == activated
