from __future__ import annotations

from typing import Any

import pytest

from tasks.cloud.verify_contained import Proven
from tasks.cloud.verify_locked_down import LockedDown
from tasks.identity.verify_shut_out import ShutOut
from tasks.incident.assess_containment import AssessContainment, Assessed
from tasks.incident.find_other_hosts import HostSigns, OtherHosts, Unread
from tasks.incident.verify_host_contained import HostContainment
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import read

KEY = "AKIAEXAMPLE000000000"
HOST = HostContainment(host="web1", contained=True, proofs=[], caveats=["rebuilt later"])
SHUT = ShutOut(account="id-a", upn="a@acme.example", shut=True, proofs=["x"], caveats=[], checked_at=NOW)
PROVEN = Proven(
    contained=True,
    contained_at=NOW,
    checked_at=NOW,
    proofs=["key signs nothing"],
    removed=[],
    caveats=[],
    not_known=[],
    dwell_minutes=None,
    containment_minutes=None,
)
SAFE = LockedDown(holds=True, proofs=["nobody deletes"], checked_at=NOW)
OTHERS = OtherHosts(hosts=[], without_signs=["db1"], unread=[], evidence=[])


async def assess(mode: str = "run", **changes: Any) -> Assessed:
    whole: dict[str, Any] = {
        "hosts": ["web1"],
        "host_proofs": [HOST.model_dump()],
        "accounts": ["A@acme.example"],
        "account_proofs": [SHUT.model_dump()],
        "keys": [KEY],
        "key_proofs": [PROVEN.model_dump()],
        "traced": [KEY],
        "cloud": True,
        "locked_down": SAFE.model_dump(),
        "others": OTHERS.model_dump(),
    }
    found = await read(FakeTenant(), AssessContainment, mode=mode, **{**whole, **changes})
    assert isinstance(found, Assessed)
    return found


async def test_everything_that_was_named_is_proven() -> None:
    found = await assess()
    assert (found.contained, found.gaps) == (True, [])
    assert "web1: rebuilt later" in found.caveats
    assert len(found.proofs) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"hosts": ["web1", "web2"]},
        {"host_proofs": []},
        {"host_proofs": [HOST.model_copy(update={"contained": False}).model_dump()]},
        {"accounts": ["a@acme.example", "b@acme.example"]},
        {"account_proofs": [SHUT.model_copy(update={"shut": False}).model_dump()]},
        {"keys": [KEY, "AKIAOTHER00000000000"]},
        {"key_proofs": [PROVEN.model_copy(update={"contained": False}).model_dump()]},
        {"locked_down": None},
        {"locked_down": SAFE.model_copy(update={"holds": False}).model_dump()},
        {"others": None},
        {"others": {**OTHERS.model_dump(), "unread": [Unread(host="db1", why="unreachable").model_dump()]}},
        {"others": {**OTHERS.model_dump(), "hosts": [HostSigns(host="db1", gateway=False, signs=["x"]).model_dump()]}},
        {"unknown": ["accounts: could not be told"]},
    ],
)
async def test_one_thing_without_a_proof_is_a_gap(changes: dict[str, Any]) -> None:
    found = await assess(**changes)
    assert not found.contained
    assert len(found.gaps) == 1


async def test_another_host_that_was_cut_off_is_no_gap() -> None:
    signs = {**OTHERS.model_dump(), "hosts": [HostSigns(host="db1", gateway=False, signs=["x"]).model_dump()]}
    assert (await assess(others=signs, isolated=["db1"])).contained


async def test_nothing_of_the_cloud_is_asked_for_where_there_is_none() -> None:
    assert (await assess(cloud=False, locked_down=None, keys=[], key_proofs=[], traced=[])).contained


async def test_a_plan_never_says_contained() -> None:
    found = await assess("plan")
    assert (found.contained, found.gaps) == (False, [])
