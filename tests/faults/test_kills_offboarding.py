"""A client leaves from real counterparts: lab, moto, a real sshd, OpenBao. Every way in is closed and tried, the archive is emptied, the secrets are gone
from their store; what is locked or lied about is named. And it is killed on the way, through the shared harness.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bagit
import pytest

from integrations.aws.s3 import AwsStorage
from tenantry import holds
from tenantry.home import Home
from tests.support.departing import KEPT_UNTIL, Counterparts, Departing, departing
from tests.support.faults import Kill, Zygote
from tests.support.leaving import age_key
from tests.support.tools import needs_program

WHERE = ("append_before", "append_after", "write_before", "write_during", "write_after")
MOMENTS = [(where, nth) for where in WHERE for nth in (1, 2, 3, 5, 8, 13, 21 if where.startswith("append") else 17)]
"""The longest stretch, which is the deletion, has 17 writes and more than 21 appends."""
SHUT = {"application": False, "role": False, "key": False, "delegated": False}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    needs_program("age-keygen")
    return age_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counterparts]:
    with Counterparts.started(tmp_path_factory.mktemp("there")) as made:
        yield made


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("tests.support.departing", "integrations.microsoft365.provider", "integrations.openbao.store") as made:
        yield made


@pytest.fixture
def client(
    request: pytest.FixtureRequest, there: Counterparts, key: tuple[Path, str], tmp_path: Path, monkeypatch: Any
) -> Iterator[Departing]:
    home = Home(tmp_path / "home").ensure()
    monkeypatch.setenv("TENANTRY_HOME", str(home.path))
    with departing(there, home, key[1], **getattr(request, "param", {})) as made:
        yield made


def gone(client: Departing, folder: Path, key: tuple[Path, str]) -> dict[str, Any]:
    """Everything is as after an offboarding that nobody interrupted; what the attestation says."""
    assert client.doors() == SHUT
    assert client.stored() == []
    assert not client.file.exists()
    bag = client.fetched(folder / "fetched")
    bagit.Bag(str(bag)).validate(processes=1)
    opened = subprocess.run(
        ["age", "-d", "-i", str(key[0]), str(bag / "data" / "credentials.jsonl.age")], check=True, capture_output=True
    )
    names = sorted(json.loads(line)["name"] for line in opened.stdout.splitlines())
    assert names == ["cloud/token", "hosts/key", "m365/client-secret", "sink/token"]
    asked = client.partner.audit
    assert [entry["method"] for entry in asked] == ["POST terminate"], "asked for once"
    signed = client.attest()
    assert client.desk.json("journal", "verify")["ok"]
    predicate: dict[str, Any] = client.desk.json("attestation", "verify", str(signed))["predicate"]
    return predicate


QUICK = (
    Kill("write_during", 3),  # on its way to the client's bucket
    Kill("append_after", 1, what="step.intent leave"),
    Kill("write_after", 1),  # a way in is closed, and no entry says so
    Kill("append_after", 1, what="closing.removed"),
    Kill("write_after", 2),
    Kill("append_before", 8),
)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("client", [{"to": "s3", "locked": True, "reopened": True}], indirect=True, ids=["s3"])
def test_a_client_leaves_from_everywhere(
    client: Departing, zygote: Zygote, key: tuple[Path, str], tmp_path: Path
) -> None:
    codes = client.through(zygote, client.begin(), *QUICK, between=lambda: (held_back(client), lied_to(client)))
    assert codes.count(-9) == len(QUICK)
    predicate = gone(client, tmp_path, key)
    retained = [(one["what"], one["until"]) for one in predicate["legal"]["retained"]]
    assert retained == [("Log archive: 1 objects", KEPT_UNTIL.date().isoformat())]
    assert client.archived() == ["acme/locked"]
    assert any("partner: cannot be tried by a service" in one for one in predicate["notRecorded"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", [{"to": "sftp"}], indirect=True, ids=["sftp"])
def test_their_disk_is_full(client: Departing, there: Counterparts, tmp_path: Path) -> None:
    """Of a real SFTP server: the place and the file are named, nothing counts as delivered, and with room again it goes on to the client's word."""
    host, where = there.net.hosts["web1"], "/home/responder/handover"
    host.run(f"mkdir {where}; mount -t tmpfs -o size=8k,uid=$(id -u responder),mode=700 tmpfs {where}")
    try:
        run = client.begin()
        client.carry(run)
        client.word(run, "authority")
        client.carry(run)
        client.answer(run, "people_know")
        client.carry(run)
        said = client.desk.refused("offboarding", "deliver", run, code=4)
        assert re.search(rf"web1|{re.escape(where)}", said), said
        assert re.search(r"is full: no room for \S+", said), said
        assert client.waits(run) == ["deliver"]
        assert not (client.fetched(tmp_path) / "bagit.txt").exists()
        host.run(f"mount -o remount,size=64m {where}")
        client.deliver(run)
        client.carry(run)
        assert client.waits(run) == ["accepted"]
        bagit.Bag(str(client.fetched(tmp_path))).validate(processes=1)
    finally:
        host.run(f"umount --lazy {where}; rmdir {where}")


def held_back(client: Departing) -> None:
    """A hold of the court's stops it before anything is touched, our own store included."""
    with client.opened() as installation:
        about = {"matter": "Doe v. Acme", "scope": "everything", "reason": "counsel", "by": "kim"}
        hold = holds.put(installation.journal, client.name, **about)
    before = client.archived()
    assert "Doe v. Acme" in client.close(code=5)
    assert client.archived() == before
    with client.opened() as installation:
        over = {"reason": "the case is closed", "by": "kim", "today": KEPT_UNTIL.date()}
        holds.lift(installation.journal, installation.tenants.get(client.name), hold, **over)


def lied_to(client: Departing) -> None:
    """Our own store says deleted, and serves it still; another object it holds by itself. Both are named, nothing else is touched, and nothing attested."""
    real, s3 = AwsStorage.remove_version, client.archive.client("s3")
    held = {"Bucket": client.ours, "Key": "acme/log-2"}
    s3.put_object_legal_hold(**held, LegalHold={"Status": "ON"})

    async def deleted(storage: AwsStorage, bucket: str, key: str, version: str) -> None:
        """It says so."""
        if key != "acme/log-1":
            await real(storage, bucket, key, version)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AwsStorage, "remove_version", deleted)
        said = client.close(code=4)
    for what, why in (("acme/log-1", "deleted, and still served"), ("acme/log-2", "still listed")):
        assert re.search(rf"{what}@\S+ \({why}\)", said), said
    assert sorted(client.archived()) == ["acme/locked", "acme/log-1", "acme/log-1", "acme/log-2"]
    assert "stored/archive" in client.desk.refused("offboarding", "attest", client.name, code=5)
    assert client.file.exists()
    assert client.stored()
    s3.put_object_legal_hold(**held, LegalHold={"Status": "OFF"})


@pytest.mark.torture
@pytest.mark.timeout(400)
@pytest.mark.parametrize("client", [{"to": "sftp"}], indirect=True, ids=["sftp"])
def test_it_is_handed_over_to_a_real_sshd(
    client: Departing, zygote: Zygote, key: tuple[Path, str], tmp_path: Path
) -> None:
    client.through(zygote, client.begin(), *QUICK)
    assert gone(client, tmp_path, key)["legal"]["retained"] == []
    assert client.archived() == []


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("where", "nth"), MOMENTS)
@pytest.mark.parametrize("client", [{"to": "sftp", "locked": True}], indirect=True, ids=["sftp"])
def test_killed_everywhere(
    where: str, nth: int, zygote: Zygote, key: tuple[Path, str], tmp_path: Path, client: Departing
) -> None:
    """Each stretch between two answers is killed at its n-th such moment, twice."""
    codes = client.through(zygote, client.begin(), *(Kill(where, nth) for _ in range(12)))
    assert -9 in codes
    gone(client, tmp_path, key)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("client", [{"to": "s3"}], indirect=True, ids=["s3"])
def test_killed_again_and_again(
    seed: int, zygote: Zygote, key: tuple[Path, str], tmp_path: Path, client: Departing
) -> None:
    dice = random.Random(seed)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 12)) for _ in range(15)]
    client.through(zygote, client.begin(), *kills)
    gone(client, tmp_path, key)
