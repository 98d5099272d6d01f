from __future__ import annotations

from tasks.measures.entra.applications_registered_by_few import ApplicationsRegisteredByFew
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import liberties


def test_who() -> None:
    assert asked(ApplicationsRegisteredByFew, liberties()) == []
    everybody = liberties(registers_applications=True)
    assert asked(ApplicationsRegisteredByFew, everybody) == ["everybody may register applications"]
    untold = liberties(registers_applications=None)
    assert asked(ApplicationsRegisteredByFew, untold) == "whether everybody may register applications is not told"
