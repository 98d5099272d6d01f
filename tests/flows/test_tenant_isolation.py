"""Whatever several clients do at the same moment, with each other's names, after errors and through credentials that are the estate's: what is
read is a client's own, and what is written lands with it alone. Opened as runs open it, by the assembly, on real parts: accounts at moto behind one
hub key, sshds in namespaces, one mail relay, and directories at one address whose objects have the same ids: some know an application of their own, some
consented to the MSP's, whose one credential is the estate's."""

from __future__ import annotations

import asyncio
import random
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.smtp import SMTP
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from flows.assembly import Installation
from integrations.lab import FaultPlan, Lab, LabServer
from integrations.linux.command import Command
from tenantry.capabilities import Message
from tenantry.errors import OutOfScope, ProviderError, TargetNotFound
from tenantry.home import Home
from tenantry.run import Engine, Policy, RunState, Status, create
from tenantry.runbook import parse_runbook, validate_params
from tenantry.vault import MSP
from tests.integrations.messages.conftest import PASSWORD, MailServer
from tests.support.aws_gaps import Reply
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, Account, AwsStand, the_stand
from tests.support.directories import Directories
from tests.support.hosts import HostNet, Key, host_net
from tests.support.tls import authority

TENANTS = ("acme", "beta", "corp", "dune", "echo")
SHARED = ("acme", "corp", "echo")
"""Who consented to the MSP's own application. The others registered one, with their own secret in their own vault."""
HOSTS = ("web", "db")
ACTS = (
    "deny",
    "allow",
    "principals",
    "touch",
    "facts",
    "mail",
    "strange arn",
    "strange host",
    "strange mail",
    "disable",
    "enable",
    "people",
    "strange person",
    "stumble",
    "throttle",
    "expire",
    "break",
    "withdraw",
    "consent",
)


@dataclass(repr=False)
class Estate:
    """Clients of one MSP; each calls its hosts, users and contact alike."""

    installation: Installation
    aws: AwsStand
    accounts: dict[str, Account]
    nets: dict[str, HostNet]
    labs: dict[str, Lab]
    directories: str
    """Where all of them are."""
    mail: MailServer = field(default_factory=MailServer)
    denied: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(TENANTS, False))
    """Whether each client's user ``ci`` was found denied everything."""
    runs: int = 0

    def person(self, tenant: str) -> str:
        return str(self.labs[tenant].scenario_info()["compromised"][0])

    def address(self, tenant: str) -> str:
        return f"owner@{tenant}.example"


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("isolation")
    aws = the_stand()
    aws.forget()
    with ExitStack() as stack:
        net = stack.enter_context(host_net(folder))
        nets = {}
        for tenant in TENANTS:
            net.key = Key()
            net.add(*(f"{tenant}-{name}" for name in HOSTS), setup="chroot . useradd --password x intruder")
            nets[tenant] = HostNet(net.folder, net.name, net.subnet, net.key, net.authority, dict(net.hosts))
        # One seed: every directory has the same people under the same ids; one application signs in to all of them.
        labs = {t: Lab(seed=1, users=20, tenant_id=str(uuid.uuid4()), domain=f"{t}.example") for t in TENANTS}
        for lab in labs.values():
            lab.asked = lab.granted_roles  # what there is to consent to, where it was withdrawn
        served = stack.enter_context(LabServer(Directories(labs.values()))).base_url  # type: ignore[arg-type]  # many in the place of one
        accounts = {tenant: aws.new_account() for tenant in TENANTS}
        for account in accounts.values():
            for name in ("ci", f"only-{account.id}"):
                account.client("iam").create_user(UserName=name)
        home = Home(folder / "home").ensure()
        with Installation.open(home) as installation:
            yield Estate(installation, aws, accounts, nets, labs, served)
    aws.forget()


@pytest.fixture
async def relay(estate: Estate, tmp_path: Path) -> AsyncIterator[Estate]:
    """The mail relay in this test's loop, and the files that name it."""
    tls: ssl.SSLContext = authority().server(tmp_path)
    loop = asyncio.get_running_loop()
    estate.mail.mails.clear()
    server = await loop.create_server(
        lambda: SMTP(
            estate.mail,
            authenticator=estate.mail.authenticate,
            auth_require_tls=False,  # it is encrypted from outside
            hostname="localhost",
            loop=loop,
        ),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    _files(estate, server.sockets[0].getsockname()[1])
    yield estate
    server.close()


def _files(estate: Estate, port: int) -> None:
    """estate.yaml, the clients' files, and what lies in the vault."""
    installation, home = estate.installation, estate.installation.home
    mail = {
        "via": "smtp",
        "host": "localhost",
        "port": port,
        "user": "incident",
        "sender": "incident@msp.example",
        "authorities": authority().pem,
    }
    providers = {
        "hub": {
            "vendor": "aws",
            "settings": {"endpoint_url": estate.aws.base_url},
            "secrets": {"access_key": f"vault:{MSP}/aws-access-key", "secret_key": f"vault:{MSP}/aws-secret-key"},
        },
        "mail": {"vendor": "messages", "settings": mail, "secrets": {"password": f"vault:{MSP}/smtp"}},
        "microsoft": {
            "vendor": "microsoft365",
            "settings": _directory(estate, str(uuid.UUID(int=7)), estate.labs[SHARED[0]].client_id),
            "secrets": {"client_secret": f"vault:{MSP}/application"},
        },
    }
    home.estate.write_text(yaml.safe_dump({"providers": providers}))
    application = estate.labs[SHARED[0]].client_secret
    for name, value in (
        *(("aws-access-key", HUB_KEY), ("aws-secret-key", HUB_SECRET)),
        *(("smtp", PASSWORD), ("application", application)),
    ):
        installation.vault.put(MSP, name, SecretStr(value), kind="key")
    for tenant in TENANTS:
        net, account = estate.nets[tenant], estate.accounts[tenant]
        hosts = net.settings(*(f"{tenant}-{name}" for name in HOSTS))
        hosts["hosts"] = {name.removeprefix(f"{tenant}-"): host for name, host in hosts["hosts"].items()}
        lab = estate.labs[tenant]
        installation.vault.create_tenant_key(tenant)
        installation.vault.put(tenant, "ssh-key", SecretStr(net.key.pem.decode()), kind="key")
        file: dict[str, Any] = {
            "name": tenant,
            "display_name": tenant,
            "contacts": [{"id": "owner", "name": "The Owner", "email": estate.address(tenant), "role": "primary"}],
            "estate_handles": {"hub": account.id, "mail": tenant},
            "providers": {
                "aws": {"vendor": "aws", "settings": account.settings()},
                "hosts": {"vendor": "linux", "settings": hosts, "secrets": {"key": f"vault:{tenant}/ssh-key"}},
            },
        }
        if tenant in SHARED:
            file["estate_handles"]["microsoft"] = lab.tenant_id
        else:
            installation.vault.put(tenant, "m365", SecretStr(lab.client_secret), kind="client_secret")
            file["providers"]["m365"] = {
                "vendor": "microsoft365",
                "settings": _directory(estate, lab.tenant_id, lab.client_id),
                "secrets": {"client_secret": f"vault:{tenant}/m365"},
            }
        (home.tenants / f"{tenant}.yaml").write_text(yaml.safe_dump(file))
    installation.__dict__.pop("tenants", None)  # they are read once
    installation.__dict__.pop("estate", None)


def _directory(estate: Estate, tenant_id: str, client_id: str) -> dict[str, Any]:
    urls = {f"{service}_url": f"{estate.directories}/{service}" for service in ("login", "graph", "exchange")}
    return {"tenant_id": tenant_id, "client_id": client_id, **urls}


def _as_they_began(estate: Estate) -> None:
    for lab in estate.labs.values():
        lab.reset()
        lab.known = True


@settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.generate,),  # what fails between processes and networks is not found again by smaller examples
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    acts=st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(ACTS)), min_size=12, max_size=40),
    seed=st.integers(0, 10**6),
)
async def test_nothing_of_one_client_reaches_another(relay: Estate, acts: list[tuple[str, str]], seed: int) -> None:
    estate, dice = relay, random.Random(seed)
    estate.aws.forget()
    _as_they_began(estate)
    wanted: dict[str, list[bool]] = {tenant: [] for tenant in TENANTS}
    switched: dict[str, list[bool]] = {tenant: [] for tenant in TENANTS}

    async def act(access: Any, tenant: str, what: str, number: int) -> None:
        other = dice.choice([one for one in TENANTS if one != tenant])
        account, cloud = estate.accounts[tenant], await access.capability("cloud_identity")
        host, messenger = await access.capability("host"), await access.capability("messenger")
        identity, name = await access.capability("identity"), dice.choice(HOSTS)
        message = Message(
            key=f"{seed}/{number}", channel="mail", to=(estate.address(tenant),), subject=tenant, text=tenant
        )
        match what:
            case "deny" | "allow":
                wanted[tenant].append(what == "deny")
                await cloud.set_denied("user/ci", what == "deny")
            case "principals":
                assert {p.name async for p in cloud.principals("user")} == {"ci", f"only-{account.id}"}
                assert (await cloud.caller()).account == account.id
            case "touch":
                await host._to(name).write(Command.of("touch", f"/tmp/{tenant}"))
            case "facts":
                assert (await host.facts(name)).hostname == f"{tenant}-{name}"
            case "mail":
                await messenger.send(message)
            case "strange arn":
                with pytest.raises(OutOfScope):
                    await cloud.set_denied(f"arn:aws:iam::{estate.accounts[other].id}:user/ci", True)
            case "strange host":
                with pytest.raises(TargetNotFound):
                    await host.facts(f"{other}-{name}")
            case "disable" | "enable":
                switched[tenant].append(what == "enable")
                await identity.set_enabled(estate.person(tenant), what == "enable")
            case "people":
                assert (await identity.account(estate.person(tenant))).upn.endswith(f"@{tenant}.example")
            case "strange person":
                with pytest.raises(TargetNotFound):
                    await identity.set_enabled(estate.person(tenant).replace(f"{tenant}.", f"{other}."), False)
            case "stumble":
                plan = {"error_rate": 0.2, "drop_rate": 0.2, "timeout_after_effect_rate": 0.2, "seed": seed}
                estate.labs[tenant].faults.set(FaultPlan.model_validate(plan))
            case "withdraw":
                estate.labs[tenant].administrator.withdraw()
            case "consent":
                estate.labs[tenant].known = True
            case "strange mail":
                with pytest.raises(OutOfScope):
                    await messenger.send(message.model_copy(update={"to": (*message.to, estate.address(other))}))
            case "throttle" | "expire":
                code = "Throttling" if what == "throttle" else "ExpiredToken"
                estate.aws.fault("iam", "ListUsers|PutUserPolicy", Reply.query_error(403, code))
            case _:
                if host._to(name)._opened is not None:
                    host._to(name)._opened.transport.close()

    async def in_turn(access: Any, tenant: str, some: list[tuple[str, str]]) -> None:
        for number, (of, what) in enumerate(some):
            if of == tenant:
                try:
                    await act(access, tenant, what, number)
                except ProviderError:
                    continue  # of a fault on purpose; where it went is looked at below

    async def run(tenant: str, part: int) -> None:
        """A run of its own, with handles of its own; two for each client at the same moment."""
        async with estate.installation.access(tenant, "run") as access:
            others = [(tenant, what) for what in ("principals", "facts", "people")]
            await in_turn(access, tenant, acts if part == 0 else others)

    await asyncio.gather(*(run(tenant, part) for tenant in TENANTS for part in (0, 1)))
    written = {c.account for c in estate.aws.calls if c.operation in ("PutUserPolicy", "DeleteUserPolicy")}
    estate.aws.forget()
    assert written <= {estate.accounts[tenant].id for tenant in TENANTS if wanted[tenant]}
    for tenant in TENANTS:
        denied = bool(estate.accounts[tenant].client("iam").list_user_policies(UserName="ci")["PolicyNames"])
        assert denied is estate.denied[tenant] or denied in wanted[tenant], "nobody else's write landed here"
        estate.denied[tenant] = denied
        for name in HOSTS:
            assert set(estate.nets[tenant].hosts[f"{tenant}-{name}"].run("ls /tmp").split()) <= {tenant}
        audit = estate.labs[tenant].audit
        assert len(audit) <= len(switched[tenant]), "nobody else's write, and none twice"
        assert {entry["after"]["accountEnabled"] for entry in audit} <= set(switched[tenant])
    for mail in estate.mail.mails:
        assert mail["to"] == [estate.address(mail["subject"])]
        assert mail["text"].strip() == mail["subject"]


STEPS = ("directory", "cloud", "host", "mail")
RUNBOOK = """
id: everywhere
version: 1
title: Everywhere
description: One effect in each of a client's systems.
kind: incident
params:
  account: {type: string, title: Account, description: Of the directory.}
  host: {type: string, title: Host, description: Its name.}
  only: {type: list, title: Only, description: Which effects.}
phases: [analyse, contain]
steps:
  - {id: looked, title: The host, phase: analyse, uses: host.read_host, with: {host: "${params.host}"}}
  - {id: who, title: The user, phase: analyse, uses: cloud.read_principal, with: {principal: user/ci}}
  - {id: whom, title: The person, phase: analyse, uses: identity.read_account, with: {account: "${params.account}"}}
  - id: directory
    title: Out of the directory
    phase: contain
    when: '"directory" in params.only'
    needs: [whom]
    uses: identity.disable_sign_in
    with: {account: "${params.account}"}
  - id: cloud
    title: Out of the account
    phase: contain
    when: '"cloud" in params.only'
    needs: [who]
    uses: cloud.deny_principal
    with: {principal: user/ci}
  - id: host
    title: Out of the host
    phase: contain
    when: '"host" in params.only'
    needs: [looked]
    uses: host.lock_account
    with: {host: "${params.host}", account: intruder}
  - id: mail
    title: The client is told
    phase: contain
    when: '"mail" in params.only'
    needs: [looked]
    uses: messenger.notify
    with:
      template: incident_confirmation_asked
      to: [primary]
      facts:
        client: ${tenant.display_name}
        reference: ${run.id}
        question: Was it you?
        if_yes: we stop
        if_no: we go on
        ask_until: "2027-01-01T00:00:00Z"
        next_update: "2027-01-01T00:00:00Z"
        meanwhile: ${steps.looked.output.facts.hostname}
"""
SOON = Policy(
    read_attempts=6,
    effect_attempts=6,
    backoff=0.01,
    backoff_cap=0.1,
    settle=0.05,
    poll=0.01,
    poll_cap=0.2,
    effect_timeout_cap=4.0,
)
TIMES = 12
"""A run is carried on this often at most: each fault is met once."""


@settings(
    max_examples=3,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    only=st.tuples(*[st.tuples(st.sets(st.sampled_from(STEPS), min_size=1), st.sampled_from(HOSTS)) for _ in TENANTS]),
    stumbling=st.sets(st.sampled_from(TENANTS), min_size=2),
    withdrawing=st.sampled_from(SHARED),
    seed=st.integers(0, 10**6),
)
async def test_what_a_run_is_given_of_one_client_is_all_that_it_reaches(
    relay: Estate, only: tuple[tuple[set[str], str], ...], stumbling: set[str], withdrawing: str, seed: int
) -> None:
    """One run for each client at the same moment, with the same names, some of them stumbling and carried on. One client takes its consent
    to the MSP's application back in mid-run, and gives it again."""
    estate, chosen = relay, dict(zip(TENANTS, only, strict=True))
    chosen[withdrawing] = (chosen[withdrawing][0] | {"directory"}, chosen[withdrawing][1])
    clean(estate)
    for tenant in stumbling:
        plan = {"error_rate": 0.1, "throttle_rate": 0.1, "retry_after_s": 0, "timeout_after_effect_rate": 0.5}
        estate.labs[tenant].faults.set(FaultPlan.model_validate({**plan, "seed": seed}))
        estate.aws.fault("iam", "PutUserPolicy", Reply.query_error(500, "InternalFailure"), after=True)
        estate.aws.fault("iam", "GetUserPolicy", Reply.query_error(403, "ExpiredToken"))
    runbook = parse_runbook(RUNBOOK, source="everywhere.yaml", registry=estate.installation.registry)

    async def carried(tenant: str) -> RunState:
        effects, host = chosen[tenant]
        estate.runs += 1
        run_id = f"{tenant}-{estate.runs}"
        values = validate_params(runbook, {"account": estate.person(tenant), "host": host, "only": sorted(effects)})
        create(
            estate.installation.surroundings(),
            run_id=run_id,
            runbook=runbook,
            tenant=tenant,
            params=values,
            mode="run",
            requester={"person": None, "proven": False, "via": "test"},
            subject=tenant,
        )
        lab, withdrawn = estate.labs[tenant], tenant != withdrawing

        def watched(state: RunState, record: Any) -> None:
            """Before the first intent of the directory's is acted upon, there is no consent any more."""
            nonlocal withdrawn
            if not withdrawn and record.event == "step.intent" and record.step == "directory":
                withdrawn = True
                lab.administrator.withdraw()

        for _ in range(TIMES):
            async with estate.installation.access(tenant, "run") as access:
                engine = Engine(estate.installation.surroundings(), access, policy=SOON, observe=watched)
                state = await engine.run(run_id)
                if state.ended is not None:
                    return state
            if not lab.known:
                _without_consent(estate, run_id, lab)
                lab.known = True
        raise AssertionError(estate.installation.view(run_id))

    states = dict(zip(TENANTS, await asyncio.gather(*(carried(tenant) for tenant in TENANTS)), strict=True))
    for tenant, state in states.items():
        effects, host = chosen[tenant]
        assert state.ended is Status.COMPLETED, estate.installation.view(state.run_id)
        seen = estate.installation.view(state.run_id)
        output = {step["id"]: step["output"] for step in seen["steps"]}
        assert output["looked"]["facts"]["hostname"] == f"{tenant}-{host}"
        assert estate.accounts[tenant].id in output["who"]["arn"]
        assert output["whom"]["upn"] == estate.person(tenant)
    for tenant, state in states.items():
        effects, host = chosen[tenant]
        reached(estate, tenant, effects, host)
        assert estate.installation.journal.run(state.run_id).tenant == tenant


def _without_consent(estate: Estate, run_id: str, lab: Lab) -> None:
    """What the run says then: nothing was done, and what a person can do about it."""
    step = next(step for step in estate.installation.view(run_id)["steps"] if step["id"] == "directory")
    assert step["outcome"] == "failed", step
    assert step["error"]["code"] == "sign_in_failed", step
    assert "consent" in step["error"]["remedy"]
    assert lab.audit == []


def clean(estate: Estate) -> None:
    """Nothing is cut off anywhere, nobody was written to."""
    estate.aws.forget()
    estate.mail.mails.clear()
    _as_they_began(estate)
    for tenant in TENANTS:
        iam = estate.accounts[tenant].client("iam")
        for name in iam.list_user_policies(UserName="ci")["PolicyNames"]:
            iam.delete_user_policy(UserName="ci", PolicyName=name)
        estate.denied[tenant] = False
        for host in HOSTS:
            estate.nets[tenant].hosts[f"{tenant}-{host}"].run("usermod -U -e '' intruder", check=False)


def reached(estate: Estate, tenant: str, effects: set[str], host: str) -> None:
    """Each system of the client shows what its own run was told to do there, once, and nothing else."""
    audit = [(entry["method"], entry["after"]) for entry in estate.labs[tenant].audit]
    assert audit == ([("PATCH", {"accountEnabled": False})] if "directory" in effects else [])
    iam = estate.accounts[tenant].client("iam")
    assert bool(iam.list_user_policies(UserName="ci")["PolicyNames"]) is ("cloud" in effects)
    for name in HOSTS:
        state = estate.nets[tenant].hosts[f"{tenant}-{name}"].run("passwd -S intruder").split()[1]
        assert (state == "L") is ("host" in effects and name == host), (tenant, name, state)
    mails = [mail for mail in estate.mail.mails if estate.address(tenant) in mail["to"]]
    assert len(mails) == ("mail" in effects)
    assert all(mail["to"] == [estate.address(tenant)] and tenant in mail["text"] for mail in mails)
