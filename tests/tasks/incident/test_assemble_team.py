from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.incident.assemble_team import AssembleTeam
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import read


def complete() -> FakeTenant:
    tenant = FakeTenant()
    tenant.subject |= {
        "contacts": [
            {"id": "jo", "name": "Jo Doe", "role": "primary", "email": "jo@acme.example", "phone": "+49 30 1"},
            {"id": "ed", "name": "Ed Roe", "role": "executive", "email": None, "phone": "+49 30 2"},
        ],
        "response_team": [
            {"role": "incident_commander", "person": "ann", "contact": None},
            {"role": "technical_lead", "person": "bob", "contact": None},
            {"role": "communications", "person": None, "contact": "jo"},
        ],
        "agreement": {"update_cadence_minutes": {"high": 120}},
    }
    return tenant


async def test_a_complete_file_misses_nothing():
    team = await read(complete(), AssembleTeam, severity="high")
    assert team.missing == []
    assert [(m.role, m.who) for m in team.members][2] == ("communications", "Jo Doe")
    assert (team.cadence_minutes, team.cadence_from) == (120, "agreement")
    assert team.next_update_due == NOW + timedelta(minutes=120)


async def test_an_empty_file_says_what_is_missing_and_goes_on():
    team = await read(FakeTenant(), AssembleTeam, severity="critical")
    assert (team.cadence_minutes, team.cadence_from) == (60, "default")
    assert "response team: nobody is incident_commander" in team.missing
    assert "client: no primary contact" in team.missing


@pytest.mark.parametrize("odd", [None, [], "text", [1, None]])
async def test_odd_facts_are_missing_ones(odd):
    tenant = FakeTenant()
    tenant.subject |= {"contacts": odd, "response_team": odd, "agreement": odd}
    assert (await read(tenant, AssembleTeam)).contacts == []
