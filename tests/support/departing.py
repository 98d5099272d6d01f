"""A client that leaves, on real counterparts at once: Microsoft 365 at the lab, a cloud account and our own archive at moto, a host behind a real sshd,
secrets in a real OpenBao, our partner tenant at a second lab. Driven by the commands, killed through the shared harness.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr

from console import labtenant
from flows import closing as work
from flows.assembly import Installation
from flows.handing_over import hand_over
from flows.keeping import keepings
from integrations.aws.caller import Caller
from integrations.lab import Lab, LabServer
from integrations.linux.connection import Connection
from integrations.linux.place import SftpPlace
from tenantry.decisions import open_gates
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.people import Authenticated
from tenantry.run import Engine, RunState, Status
from tenantry.vault import MSP
from tests.console.desk import TENANT, Desk
from tests.support import taken_on
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, REGIONS, Account, AwsStand, the_stand
from tests.support.bao import Bao
from tests.support.faults import Errand, Kill, Killer, Zygote, kill_at_append
from tests.support.hosts import SMALL, HostNet, host_net
from tests.support.kills import arm_requests, counted_put
from tests.support.leaving import Leaver
from tests.support.stand import QUICK

POLICY: Final = replace(QUICK, lease_life=15.0, effect_timeout_cap=6.0, settle=0.0, patience_scale=0.02)
"""A real host takes longer than the lab, on a busy machine above all."""
THEIRS: Final = "acme-from-msp"
ARCHIVE: Final = "msp-acme"
KEPT_UNTIL: Final = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
GDAP: Final = "DelegatedAdminRelationship.ReadWrite.All"
_NUMBER = itertools.count(1)
_FOLDERS = ("home", "responder", "handover")


@dataclass
class Counterparts:
    """What several clients, one after the other, leave from."""

    folder: Path
    aws: AwsStand
    bao: Bao
    net: HostNet

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Counterparts]:
        aws = the_stand()
        aws.forget()
        with contextlib.ExitStack() as stack:
            bao = stack.enter_context(Bao(folder))
            net = stack.enter_context(host_net(folder))
            net.add("web1", setup=SMALL)
            yield cls(folder, aws, bao, net)
        aws.forget()


class Departing(Leaver):
    """One of them.

    Args:
        home: of the platform, new or in use.
        to: where the hand-over goes: ``s3``, ``sftp`` or ``folder``.
        locked: one object of the archive has a lock.
        reopened: after our key was taken off the host, somebody lets it in again, until the run has found it.
    """

    def __init__(
        self,
        there: Counterparts,
        home: Home,
        lab: Lab,
        partner: Lab,
        bases: tuple[str, str],
        recipient: str,
        *,
        name: str = TENANT,
        to: str = "s3",
        locked: bool = False,
        reopened: bool = False,
    ) -> None:
        self.reopened = reopened
        self.desk, self.lab, self.partner, self.there, self.name, self.to = (
            Desk(home.path),
            lab,
            partner,
            there,
            name,
            to,
        )
        self.phone, self.past = None, timedelta()
        self.place = there.folder / f"theirs-{next(_NUMBER)}"
        self.prefix = f"{name}-{next(_NUMBER)}"
        self.account, self.archive = there.aws.new_account(), there.aws.new_account("TenantryArchive")
        there.aws.gaps.allowed[self.account.id] = {"iam:UpdateAssumeRolePolicy"}
        self._host(there.net)
        self._buckets(locked)
        with Installation.open(home) as installation:
            self._estate(installation, bases[1])
            labtenant.register(installation, name, bases[0], lab)
            installation.vault.put(name, "hosts/key", SecretStr(there.net.key.pem.decode()), kind="private_key")
        self._plain_estate(home)
        self.edit(lambda file: self._furnish(file, recipient))
        self.enroll()

    # --- what there is ------------------------------------------------------------------------------------------------

    def _host(self, net: HostNet) -> None:
        """The key is let in, and nothing lies there of an earlier client."""
        home = "/home/responder"
        line = f"{net.key.public} responder"
        net.hosts["web1"].run(
            f"rm -rf {home}/handover; echo '{line}' > {home}/.ssh/authorized_keys; echo '{line}' > ~root/.ssh/authorized_keys; "
            f"chown -R responder: {home}"
        )

    def let_in_again(self, run: str, does: Callable[[str], bool]) -> None:
        """The key that was taken off the host works again: the run names it, and goes no further until it does not."""
        place, key = "/home/responder/.ssh/authorized_keys", self.there.net.key.public
        host = self.there.net.hosts["web1"]
        host.run(f"echo '{key} responder' >> {place}; chown responder: {place}")
        while not does("carry"):
            pass
        told = [error["message"] for step, item, _, error in self.stuck(run)[1] if (step, item) == ("dead", "hosts")]
        assert any("still lets us in" in one for one in told), self.stuck(run)
        assert self.waits(run) == []
        host.run(f"sed -i '\\#{key.split()[1]}#d' {place}")

    def _buckets(self, locked: bool) -> None:
        where = {"LocationConstraint": REGIONS[0]}
        # Names of buckets are the world's, and moto's, too.
        self.theirs, self.ours = f"{THEIRS}-{self.account.id}", f"{ARCHIVE}-{self.archive.id}"
        self.account.client("s3").create_bucket(Bucket=self.theirs, CreateBucketConfiguration=where)
        s3 = self.archive.client("s3")
        s3.create_bucket(Bucket=self.ours, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
        for key in ("acme/log-1", "acme/log-2"):
            for text in (b"first", b"second"):
                s3.put_object(Bucket=self.ours, Key=key, Body=text)
        if locked:
            s3.put_object(
                Bucket=self.ours,
                Key="acme/locked",
                Body=b"kept",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=KEPT_UNTIL,
            )

    def _estate(self, installation: Installation, partner: str) -> None:
        for name, value in (("hub-key", HUB_KEY), ("hub-secret", HUB_SECRET)):
            installation.vault.put(MSP, f"{self.name}/{name}", SecretStr(value), kind="key")
        role = self.there.bao.role(self.prefix)
        installation.vault.put(MSP, f"{self.name}/bao", SecretStr(self.there.bao.secret_id(role)), kind="secret_id")
        installation.vault.put(MSP, f"{self.name}/partner", SecretStr(self.partner.client_secret), kind="client_secret")
        hub = {
            "vendor": "aws",
            "settings": {"endpoint_url": self.there.aws.base_url},
            "secrets": {
                f"{half}_key": f"vault:{MSP}/{self.name}/hub-{'key' if half == 'access' else 'secret'}"
                for half in ("access", "secret")
            },
        }
        urls = {f"{one}_url": f"{partner}/{one}" for one in ("login", "graph", "exchange")}
        providers = {
            "hub": hub,
            "archive": hub,
            "partner": {
                "vendor": "microsoft365",
                "settings": {"tenant_id": self.partner.tenant_id, "client_id": self.partner.client_id, **urls},
                "secrets": {"client_secret": f"vault:{MSP}/{self.name}/partner"},
            },
        }
        store = {
            "vendor": "openbao",
            "settings": self.there.bao.settings(role, self.prefix),
            "secrets": {"secret_id": f"vault:{MSP}/{self.name}/bao"},
        }
        path = installation.home.estate
        before = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        made = {**before, "providers": providers, "secret_stores": {"bao": store}, "secret_store": "bao"}
        path.write_text(yaml.safe_dump(made), encoding="utf-8")
        self.partner.change_permissions(grant=[GDAP])
        self.partner.relationships["theirs"] = {
            "id": "theirs",
            "displayName": f"Tenantry {self.name}",
            "status": "active",
            "customer": {"tenantId": self.lab.tenant_id},
            "accessDetails": {},
        }

    @staticmethod
    def _plain_estate(home: Home) -> None:
        """Other clients' secrets go where they went."""
        estate = yaml.safe_load(home.estate.read_text(encoding="utf-8"))
        del estate["secret_store"]
        home.estate.write_text(yaml.safe_dump(estate), encoding="utf-8")

    def _furnish(self, file: dict[str, Any], recipient: str) -> None:
        providers = file["providers"]
        del providers["cloud"], providers["hosts"]
        providers["aws"] = {"vendor": "aws", "settings": self.account.settings(regions=[REGIONS[0]])}
        providers["archive"] = {"vendor": "aws", "settings": self.archive.settings(regions=[REGIONS[0]])}
        providers["hosts"] = {
            "vendor": "linux",
            "settings": self.there.net.settings("web1"),
            "secrets": {"key": f"vault:{self.name}/hosts/key"},
        }
        file["estate_handles"] = {"hub": self.account.id, "archive": self.archive.id}
        file["secret_store"] = "bao"
        places = {
            "s3": {"provider": "aws", "bucket": self.theirs, "prefix": "handover"},
            "sftp": {"provider": "hosts", "host": "web1", "folder": "/".join(("", *_FOLDERS))},
            "folder": {"folder": str(self.place)},
        }
        file["offboarding"] = {
            "deliver_to": places[self.to],
            "age_recipients": [recipient],
            "by_hand": ["Tickets"],
            "held_at": [
                {"id": "archive", "what": "Log archive", "provider": "archive", "bucket": self.ours, "prefix": "acme/"}
            ],
        }

    # --- what is seen of it -------------------------------------------------------------------------------------------

    def fetched(self, folder: Path) -> Path:
        """The package as the client has it, past our own code."""
        if self.to == "folder":
            (bag,) = self.place.iterdir()
            return bag
        if self.to == "sftp":
            (bag,) = (Path(f"/proc/{self.there.net.hosts['web1'].pid}/root") / "/".join(_FOLDERS)).iterdir()
            return bag
        s3 = self.account.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.theirs):
            for one in page["Contents"]:
                path = folder / Path(one["Key"]).relative_to("handover")
                path.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file(self.theirs, one["Key"], str(path))
        (bag,) = folder.iterdir()
        return bag

    def stored(self) -> list[str]:
        """Names that OpenBao has still, deleted ones too."""
        found, folders = [], [self.prefix]
        while folders:
            folder = folders.pop()
            listed = self.there.bao.api.request("LIST", f"secret/metadata/{folder}")
            for key in listed.json()["data"]["keys"] if listed.status_code == 200 else ():
                (folders if key.endswith("/") else found).append(f"{folder}/{key.rstrip('/')}")
        return found

    def archived(self) -> list[str]:
        """Versions in our own bucket."""
        rows = self.archive.client("s3").list_object_versions(Bucket=self.ours)
        return [one["Key"] for one in (*rows.get("Versions", ()), *rows.get("DeleteMarkers", ()))]

    def doors(self) -> dict[str, bool]:
        """Which of our ways in is open, by each service's own word."""
        role = self.account.client("iam").get_role(RoleName=self.account.role)["Role"]["AssumeRolePolicyDocument"]
        keys = self.there.net.hosts["web1"].run("cat /home/responder/.ssh/authorized_keys")
        return {
            "application": any(one.props["appId"] == self.lab.client_id for one in self.lab.tenant.service_principals),
            "role": not any(one["Effect"] == "Deny" for one in role["Statement"]),
            "key": self.there.net.key.public.split()[1] in keys,
            "delegated": self.partner.relationships["theirs"]["status"] not in ("terminating", "terminated"),
        }

    # --- killed -------------------------------------------------------------------------------------------------------

    def through(
        self, zygote: Zygote, run: str, *kills: Kill, between: Callable[[], object] = lambda: None
    ) -> list[int]:
        """The run, its delivery and the deletion after it, each stretch in children of which each is killed when the next of these moments comes; whatever
        is asked is answered.

        Args:
            between: done between the run and the deletion.

        Returns:
            exit codes of all children.
        """
        left, codes = list(kills), list[int]()

        def child(act: str) -> bool:
            kill = left[0] if left else Kill()
            self.past += timedelta(minutes=5)  # whatever codes it uses
            given = {"home": str(self.desk.home), "tenant": self.name, "run": run, "act": act}
            # A deletion is done today, as the commands around it are: a certificate of tomorrow is signed by nobody.
            given_too: dict[str, Any] = {**given, "past": 0 if act == "close" else self.past.total_seconds()}
            (code,) = zygote.run(Errand("tests.support.departing:errand", asdict(kill), given_too))
            assert code in (0, -9), (act, code)
            codes.append(code)
            if code:
                left.pop(0)
            return code == 0

        self.to_the_end(run, child)
        between()
        while not child("close"):
            pass
        self.verify()
        self.validate()
        return codes

    def by_ourselves(self, act: str) -> bool:
        """A stretch in this process."""
        if act == "deliver":
            self.deliver(self._run)
        else:
            self.carry(self._run)
        return True

    def to_the_end(self, run: str, does: Callable[[str], bool] | None = None) -> None:
        """The run with its delivery; ``does`` a stretch and says whether it came to its end."""
        self._run, does = run, does or self.by_ourselves
        for _ in range(200):
            if self._ended(run):
                break
            if not does("carry"):
                continue
            for step in dict.fromkeys(self.waits(run)):
                if step in ("authority", "accepted"):
                    self.word(run, step)
                elif step == "deliver":
                    while not does("deliver"):
                        pass
                else:
                    if step == "outside":
                        self.lab.sink_token = "none"
                    self.answer(run, step)
                    if step == "outside" and self.reopened:
                        self.let_in_again(run, does)
        with self.opened() as installation:
            assert installation.state(run).ended is Status.COMPLETED, self.stuck(run)

    def _ended(self, run: str) -> bool:
        with self.opened() as installation:
            return installation.state(run).ended is not None

    def stuck(self, run: str) -> Any:
        with self.opened() as installation:
            view = installation.view(run)
        return view["status"], [
            (one["id"], one["item"], one["outcome"], one["error"]) for one in view["steps"] if one["error"]
        ]

    def carry(self, run: str) -> RunState:
        with self.opened() as installation:
            return asyncio.run(_carried(installation, self.name, run))


async def _carried(installation: Installation, tenant: str, run: str) -> RunState:
    async with installation.access(tenant, installation.state(run).mode) as access:
        return await Engine(installation.surroundings(), access, policy=POLICY).run(run)


async def errand(kill: Kill, home: str, tenant: str, run: str, act: str, past: float) -> None:
    """One stretch, in a child: the run as far as it goes, the delivery, or the deletion."""
    with Installation.open(Home(Path(home))) as installation:
        clock = taken_on.MovedOn()
        clock.past = timedelta(seconds=past)
        installation.journal.clock = clock
        if kill.where.startswith("append"):
            kill_at_append(installation.journal, kill)
        elif kill.where.startswith("write"):
            arm(Killer(kill), installation)
        state = installation.state(run)
        if act == "carry":
            await _carried(installation, tenant, run)
        elif act == "deliver":
            (gate,) = open_gates(state, "deliver")
            receipt = await hand_over(installation, state)
            said = {"item": gate.item, "digest": gate.digest, "by": "delivery", "reason": receipt.manifest_sha256}
            installation.journal.append(tenant, [Event("step.arrived", said, run, "deliver", state.attempt)])
        else:
            person = installation.people.get(labtenant.ENGINEER)
            proof = Authenticated(person, clock.now(), "totp", "closing")
            await work.close(installation, state, proof, tell=lambda _: None)


def arm(killer: Killer, installation: Installation) -> None:
    """Have it count every effect of this process: requests that change something, of whatever kind, and each place that is emptied."""
    arm_requests(killer, "")
    vault: Any = installation.vault
    vault.put = counted_put(vault.put, killer, "", 1)
    for kind, name in ((Caller, "write"), (Connection, "write"), (SftpPlace, "put"), (SftpPlace, "part")):
        setattr(kind, name, _counted(getattr(kind, name), killer))
    for one in {type(place) for place in keepings(installation, "nobody", ("nobody",))}:
        one.remove = _counted_here(one.remove, killer)


def _counted(plain: Any, killer: Killer) -> Any:
    async def effect(*args: Any, **more: Any) -> Any:
        last = killer.begins()
        answer = await plain(*args, **more)
        if last:
            killer.ended()
        return answer

    return effect


def _counted_here(plain: Any, killer: Killer) -> Any:
    def effect(*args: Any, **more: Any) -> Any:
        last = killer.begins()
        answer = plain(*args, **more)
        if last:
            killer.ended()
        return answer

    return effect


@contextmanager
def departing(there: Counterparts, home: Home, recipient: str, **more: Any) -> Iterator[Departing]:
    """A client that is to leave, whose labs are served."""
    name = more.get("name", TENANT)
    lab = labtenant.lab_for(name, scenario="quiet", users=20, application="here")
    partner = labtenant.lab_for("partner", scenario="quiet", users=20)
    with LabServer(lab) as theirs, LabServer(partner) as own:
        yield Departing(there, home, lab, partner, (theirs.base_url, own.base_url), recipient, **more)


__all__ = ["KEPT_UNTIL", "Account", "Counterparts", "Departing", "departing", "errand"]
