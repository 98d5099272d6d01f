"""A client leaves: from their contact's word to the signed attestation, on a lab over real HTTP, by the commands. And all that may not pass."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import bagit
import pytest
from pydantic import SecretStr

import flows.handing_over as handing_over
from flows import closing, empty_database, keeping
from flows.offboarding_hand import TenantOffboarding
from tenantry import holds
from tenantry.drop import Expected
from tenantry.errors import NotFound, RecordError
from tenantry.handover.folder import FolderPlace
from tenantry.journal import Event
from tenantry.risk.register import RiskRegister
from tenantry.run import Status
from tests.console.desk import Desk, totp
from tests.flows.test_prefect_traces import fill
from tests.support.canary import leaks
from tests.support.leaving import CANARY, Leaver, Stages, age_key, leaver
from tests.support.tools import needs
from tests.tenantry.handover.scenes import Crooked


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    needs(Path("/usr/bin/age-keygen").exists(), "age")
    return age_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory, key: tuple[Path, str]) -> Iterator[Stages]:
    folder = tmp_path_factory.mktemp("leaving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENANTRY_HOME", str(folder / "home"))
        with leaver(Desk(folder / "home"), folder, key[1]) as client:
            yield Stages(client, folder)


@pytest.fixture
def at(stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def stage(name: str) -> Leaver:
        return stages.at(name, tmp_path, monkeypatch)

    return stage


def errors(client: Leaver, run: str) -> dict[str, str]:
    with client.opened() as installation:
        return {
            step["id"] + (f"[{step['item']}]" if step["item"] else ""): step["error"]["message"]
            for step in installation.view(run)["steps"]
            if step["error"]
        }


def begun(client: Leaver, run: str) -> set[str]:
    with client.opened() as installation:
        return {step["id"] for step in installation.view(run)["steps"] if step["outcome"]}


def alive(client: Leaver) -> bool:
    """Nothing of the client's was deleted."""
    with client.opened() as installation:
        return client.file.exists() and client.name in installation.vault.tenants()


# --- it goes through --------------------------------------------------------------------------------------------------


def test_a_client_leaves_and_it_can_be_shown(at: Any, stages: Stages, key: tuple[Path, str], tmp_path: Path) -> None:
    client = at("ready")
    (bag,) = client.place.iterdir()
    bagit.Bag(str(bag)).validate(processes=1)
    data = bag / "data"
    opened = subprocess.run(
        ["age", "-d", "-i", str(key[0]), str(data / "credentials.jsonl.age")], check=True, capture_output=True
    )
    sealed = {row["name"] for row in map(json.loads, opened.stdout.splitlines())}
    assert sealed == {"m365/client-secret", "sink/token", "cloud/token"}
    held = {one["id"]: one for one in json.loads((data / "inventory.json").read_text())["held"]}
    assert held["vault/secrets"]["state"] == "held"
    assert held["system/m365"]["state"] == "held"
    assert "Olivia Owner" in (data / "transition.md").read_text()
    pack = json.loads((data / "transition.json").read_text())
    assert ("m365", "Global Administrator") in {(one["system"], one["may"]) for one in pack["administrators"]}
    shown = client.close()
    assert {place["left"] for place in shown["places"]} == {0}
    assert any("nobody is named who verified" in line for line in shown["withheld"])
    client.verify()
    client.validate()
    signed = client.attest()
    assert not client.file.exists()
    assert client.desk.json("journal", "verify")["ok"]
    report = client.desk.json("attestation", "verify", str(signed))
    assert report["predicate"]["methodAchieved"] == "partial"
    accepted = hashlib.sha256((bag / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    assert report["predicate"]["legal"]["returned"] == accepted == stages.manifest
    assert {one["role"] for one in report["predicate"]["people"]} == {"performer", "verifier", "validator"}
    assert client.attest() == signed
    assert stages.run in [one["run_id"] for one in client.desk.json("runs", "list")]
    _by_others(client, signed, tmp_path)


def test_a_backup_is_listed_with_the_day_until_which_it_is_kept(at: Any, tmp_path: Path) -> None:
    client = at("ready")
    day = backed_up(client, tmp_path / "b.tnb")
    held = {one.id: one for one in asyncio.run(holdings(client))}
    assert held[f"backups/{day}"].count == 1
    client.close()
    client.verify()
    client.validate()
    predicate = client.desk.json("attestation", "verify", str(client.attest()))["predicate"]
    assert [one["until"] for one in predicate["legal"]["retained"]] == ["2036-12-31", day]
    [keys] = [one["keys"] for one in predicate["locations"] if one["keys"]]
    assert keys["escrowedOrBackedUp"] is True


async def holdings(client: Leaver) -> Any:
    """As the package's inventory has them."""
    with client.opened() as installation:
        async with installation.access(client.name, "run") as context:
            return await TenantOffboarding(installation, context).holdings()


def backed_up(client: Leaver, file: Path) -> str:
    """Until when it is kept."""
    made = client.desk.json("backup", "-o", str(file), "--keep", "30", given="correct horse battery staple\n")
    return str(made["keep_until"])


def _by_others(client: Leaver, signed: Path, folder: Path) -> None:
    """securesystemslib, and openssl alone, with the exported key."""
    from base64 import b64decode

    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    keys = folder / "keys.json"
    client.desk.json("keys", "export", "-o", str(keys))
    pem = (signed.parent / "proof" / "key-1.pem").read_bytes()
    document = json.loads(signed.read_text())
    public = SSlibKey.from_crypto(_loaded(pem), keyid=document["signatures"][0]["keyid"])
    Envelope.from_dict(json.loads(signed.read_text())).verify([public], 1)
    payload = b64decode(document["payload"])
    kind = document["payloadType"].encode()
    (folder / "pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    (folder / "sig").write_bytes(b64decode(document["signatures"][0]["sig"]))
    (folder / "key.pem").write_bytes(pem)
    told = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem", "-sigfile", "sig", "-in", "pae"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    assert b"Verified Successfully" in told.stdout


def _loaded(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(pem)


# --- the client decides -----------------------------------------------------------------------------------------------


def test_nobody_of_ours_can_order_it_for_the_client(at: Any, stages: Stages) -> None:
    client = at("ordered")
    client.answer(stages.run, "authority")
    state = client.carry(stages.run)
    assert state.ended is None
    assert "is not contact owner" in errors(client, stages.run)["authority"]
    assert "inventory" not in begun(client, stages.run)
    client.carry(stages.run)
    assert client.waits(stages.run) == ["authority"], "it asks again"


def test_a_client_who_does_not_want_it_ends_it(at: Any, stages: Stages) -> None:
    client = at("ordered")
    client.word(stages.run, "authority", deny=True)
    client.carry(stages.run)
    assert "refused" in errors(client, stages.run)["authority"]
    told = client.desk("timeline", stages.run, "--format", "md", "-o", "-").stdout
    assert "The client orders it: refused" in told
    assert "inventory" not in begun(client, stages.run)
    assert "has not ended" in client.close(code=5)
    assert alive(client)


def test_a_package_that_the_client_refuses_leaves_everything(at: Any, stages: Stages) -> None:
    client = at("to_accept")
    client.word(stages.run, "accepted", deny=True)
    client.carry(stages.run)
    assert "refused: said so" in errors(client, stages.run)["accepted"]
    assert "access" not in begun(client, stages.run)
    assert "accepted" in client.close(code=5)
    assert alive(client)
    client.carry(stages.run)
    client.word(stages.run, "accepted")
    client.carry(stages.run)
    assert "access" in begun(client, stages.run), "they may change their mind"


def test_a_package_is_accepted_by_its_digest_and_with_the_contacts_code(at: Any, stages: Stages) -> None:
    client = at("to_accept")
    word = ("offboarding", "word", stages.run, "accepted")
    assert "another package" in client.desk.refused(*word, "--manifest", "0" * 64, code=2, given="123456")
    assert "not accepted" in client.desk.refused(*word, "--manifest", stages.manifest, code=5, given="123456")
    phone = totp(client.desk.json("contacts", "enroll", client.name, "owner")["otpauth_uri"])
    done = client.desk.json(*word, "--manifest", stages.manifest, given=phone.now())
    assert done["by"] == "contact owner"


# --- the hand-over ----------------------------------------------------------------------------------------------------


@pytest.fixture
def crooked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Crooked:
    """The client's place, which fails as it is told."""
    made = Crooked(FolderPlace(tmp_path / "crooked"))

    @asynccontextmanager
    async def opened(*_: Any) -> Any:
        yield made

    monkeypatch.setattr(handing_over, "opened_place", opened)
    return made


def test_a_file_that_was_changed_is_named_and_nothing_is_delivered(at: Any, stages: Stages, crooked: Crooked) -> None:
    client = at("to_deliver")
    crooked.stop_after = 1
    client.desk.refused("offboarding", "deliver", stages.run, code=4)
    crooked.stop_after = None
    package = client.desk.home / "offboarding" / client.name / stages.run / "package"
    (package / "inventory.json").write_text("{}")
    assert "inventory.json" in client.desk.refused("offboarding", "deliver", stages.run, code=4)
    assert client.waits(stages.run) == ["deliver"]


def test_a_place_that_is_full_says_so_and_the_delivery_goes_on(at: Any, stages: Stages, crooked: Crooked) -> None:
    client = at("to_deliver")
    crooked.room = 100
    assert "no room" in client.desk.refused("offboarding", "deliver", stages.run, code=4)
    crooked.room = None
    done = client.deliver(stages.run)
    client.carry(stages.run)
    assert client.waits(stages.run) == ["accepted"]
    assert done["files"] > 3


def test_what_does_not_lie_there_as_it_was_sent_is_named(at: Any, stages: Stages, crooked: Crooked) -> None:
    client = at("to_deliver")
    crooked.spoil = "data/transition.md"
    assert "transition.md" in client.desk.refused("offboarding", "deliver", stages.run, code=4)
    client.answer(stages.run, "deliver")  # somebody says that it is there
    client.carry(stages.run)
    assert "no package of this run was delivered" in errors(client, stages.run)["delivered"]


# --- access -----------------------------------------------------------------------------------------------------------


def test_a_credential_that_still_works_is_named_and_nothing_is_deleted(at: Any, stages: Stages) -> None:
    client = at("left")
    client.lab.cloud_token = "none"
    client.answer(stages.run, "outside")
    assert client.carry(stages.run).ended is None
    found = errors(client, stages.run)
    assert "still lets us in" in found["dead[messages]"]
    assert "dead[m365]" not in found
    assert "dead[cloud]" not in found
    assert "was not proven" in client.close(code=5)
    assert alive(client)


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_a_hold_keeps_everything_until_it_is_lifted(at: Any) -> None:
    client = at("ready")
    held = ("holds", "set", client.name, "--matter", "Doe v. Acme", "--scope", "everything", "--reason", "counsel")
    hold = client.desk.json(*held)["hold"]
    assert "Doe v. Acme" in client.close(code=5)
    assert alive(client)
    client.desk.json("holds", "lift", client.name, hold, "--reason", "the case is closed")
    assert {place["left"] for place in client.close()["places"]} == {0}


def test_a_hold_that_is_set_meanwhile_stops_it_where_it_is(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = at("ready")
    real = closing.keepings

    def keepings(installation: Any, tenant: str, marks: Any) -> Any:
        places = real(installation, tenant, marks)
        evidence = next(place for place in places if place.id == "evidence")
        remove = evidence.remove

        def removed() -> None:
            remove()
            holds.put(installation.journal, tenant, matter="Doe v. Acme", scope="all", reason="x", by="kim")

        monkeypatch.setattr(evidence, "remove", removed)
        return places

    monkeypatch.setattr(closing, "keepings", keepings)
    assert "Doe v. Acme" in client.close(code=5)
    assert alive(client)


def test_it_goes_on_where_the_clients_file_was_half_removed(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = at("ready")
    real = keeping._overwrite

    def cut_short(path: Path) -> None:
        real(path)
        if client.file.name in path.name:
            raise RecordError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(keeping, "_overwrite", cut_short)
        assert "the power went" in client.close(code=4)
    assert {place["left"] for place in client.close()["places"]} == {0}
    assert list(client.file.parent.glob(f"*{client.file.name}*")) == []


def test_who_deleted_it_verifies_nothing_and_silence_attests_nothing(at: Any) -> None:
    client = at("ready")
    client.close()
    assert "is not known" in client.desk.refused("offboarding", "attest", client.name, code=5)
    assert any(
        "nobody is named who verified" in why
        for why in client.desk.json("offboarding", "show", client.name)["withheld"]
    )
    result = client.desk(
        "offboarding", "verify", client.name, "--as", "lab.engineer", given=client.desk.code("lab.engineer")
    )
    assert result.exit_code == 5
    assert "who deleted it" in result.stderr
    client.verify()
    client.validate("--reject")
    assert "not accepted" in client.desk.refused("offboarding", "attest", client.name, code=5)


def test_what_came_back_is_found_by_who_verifies(at: Any) -> None:
    client = at("ready")
    kept = client.file.read_bytes()
    client.close()
    client.file.write_bytes(kept)
    assert "tenant_file" in client.verify(code=4)


def test_a_plan_changes_nothing_and_asks_nobody(at: Any) -> None:
    client = at("to_deliver")
    before = len(client.lab.audit)
    run = client.begin(mode="plan")
    state = client.carry(run)
    assert state.ended is Status.PLANNED, errors(client, run)
    assert client.waits(run) == []
    assert len(client.lab.audit) == before


def test_nothing_of_the_client_is_found_afterwards(at: Any, stages: Stages) -> None:
    client = at("ready")
    home = client.desk.home
    _plant(client, stages.run)
    before = leaks(home, {"canary": CANARY})
    for place in ("tenants/", "prefect/prefect.db", "vault.db", "drops.db", "run/worker.log", "offboarding/"):
        assert any(place in found for found in before), (place, before)
    assert _opened(client)
    client.close()
    client.verify()
    client.validate()
    client.attest()
    assert leaks(home, {"canary": CANARY}) == []
    assert not _opened(client)
    assert client.desk.json("journal", "verify")["ok"]


def _plant(client: Leaver, run: str) -> None:
    """Something of the client's in every kind of place."""
    client.edit(lambda file: file["contacts"][0].update(name=f"Olivia {CANARY}"))
    with client.opened() as installation:
        installation.vault.put(client.name, f"notes/{CANARY}", SecretStr(CANARY), kind="password")
        installation.journal.append(client.name, [Event("note", {"text": CANARY, "by": "sam"})])
        installation.evidence.put(client.name, f"{CANARY}.txt", lambda: [CANARY.encode()])
        RiskRegister(installation.journal, client.name).add(CANARY, likelihood="high", impact="high", by="sam")
        installation.drops.make(
            client.name,
            "owner",
            [Expected(f"notes/{CANARY}-2", "password", CANARY)],
            life=timedelta(days=1),
            shown={"msp": "MSP", "client": CANARY, "contact": "owner"},
            by={"person": "sam"},
        )
        empty_database.make()
        empty_database.lay(installation.home)
        fill(installation.home, client.name, CANARY)
        installation.ledger.checkpoint_all()
        (installation.home.run / "worker.log").write_text(f"a run of {client.name} met {CANARY}\n")
        package = installation.home.path / "offboarding" / client.name / run / "package"
        (package / "more.txt").write_text(CANARY)
        held = holds.put(installation.journal, client.name, matter=CANARY, scope="all", reason="x", by="sam")
        today = installation.journal.clock.now().date()
        holds.lift(installation.journal, installation.tenants.get(client.name), held, reason="y", by="sam", today=today)


def _opened(client: Leaver) -> bool:
    """Whether the record can still be read for it: it lies sealed, so a search of the files says nothing of it."""
    with client.opened() as installation:
        try:
            return any(CANARY in str(record.data) for record in installation.journal.tail(client.name))
        except NotFound:
            return False
