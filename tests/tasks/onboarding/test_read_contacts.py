from __future__ import annotations

import pytest

from tasks.onboarding.read_contacts import ReadContacts
from tenantry.capabilities.onboarding import VerifiedContact
from tenantry.errors import StepError
from tenantry.task import NoParams
from tests.support.fakes import NOW
from tests.tasks.onboarding.hand import SUBJECT, Hand, context


@pytest.mark.parametrize(("shown", "verified"), [(None, False), (NOW, True)])
async def test_who_was_given_a_code_and_who_has_shown_it(shown: object, verified: bool) -> None:
    hand = Hand()
    hand.verified = (VerifiedContact(contact="jo", enrolled_at=NOW, verified_at=shown),)  # type: ignore[arg-type]  # a time or none
    found = await ReadContacts().read(context(hand), NoParams())
    assert (found.primary, found.primary_verified) == ("jo", verified)
    assert [(one.contact, one.enrolled) for one in found.contacts] == [("jo", True), ("eva", False)]


async def test_a_client_without_a_primary_contact_is_not_taken_on() -> None:
    with pytest.raises(StepError, match="nobody is the primary contact"):
        await ReadContacts().read(context(Hand(), subject={**SUBJECT, "contacts": []}), NoParams())
