"""Whatever several clients do at the same moment, with each other's names, after errors and through credentials that are the estate's: what is
read is a client's own, and what is written lands with it alone. Opened as runs open it, by the assembly, on real parts: accounts at moto behind one
hub key, sshds in namespaces, one mail relay."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Iterator
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
from integrations.linux.command import Command
from tenantry.capabilities import Message
from tenantry.errors import OutOfScope, ProviderError, TargetNotFound
from tenantry.home import Home
from tenantry.vault import MSP
from tests.integrations.messages.conftest import PASSWORD, MailServer
from tests.support.aws_gaps import Reply
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, Account, AwsStand, the_stand
from tests.support.hosts import HostNet, Key, host_net
from tests.support.tls import authority

TENANTS = ("acme", "beta", "corp")
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
    "throttle",
    "expire",
    "break",
)


@dataclass
class Estate:
    """Three clients of one MSP; each calls its host, user and contact alike."""

    installation: Installation
    aws: AwsStand
    accounts: dict[str, Account]
    nets: dict[str, HostNet]
    mail: MailServer = field(default_factory=MailServer)
    denied: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(TENANTS, False))
    """Whether each client's user ``ci`` was found denied everything."""

    def address(self, tenant: str) -> str:
        return f"owner@{tenant}.example"


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("isolation")
    aws = the_stand()
    aws.forget()
    with host_net(folder) as net:
        nets = {}
        for tenant in TENANTS:
            net.key = Key()
            net.add(f"{tenant}-web")
            nets[tenant] = HostNet(net.folder, net.name, net.subnet, net.key, net.authority, dict(net.hosts))
        accounts = {tenant: aws.new_account() for tenant in TENANTS}
        for account in accounts.values():
            for name in ("ci", f"only-{account.id}"):
                account.client("iam").create_user(UserName=name)
        home = Home(folder / "home").ensure()
        with Installation.open(home) as installation:
            yield Estate(installation, aws, accounts, nets)
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
    }
    home.estate.write_text(yaml.safe_dump({"providers": providers}))
    for name, value in (("aws-access-key", HUB_KEY), ("aws-secret-key", HUB_SECRET), ("smtp", PASSWORD)):
        installation.vault.put(MSP, name, SecretStr(value), kind="key")
    for tenant in TENANTS:
        net, account = estate.nets[tenant], estate.accounts[tenant]
        hosts = net.settings(f"{tenant}-web")
        hosts["hosts"] = {"web": hosts["hosts"][f"{tenant}-web"]}
        installation.vault.create_tenant_key(tenant)
        installation.vault.put(tenant, "ssh-key", SecretStr(net.key.pem.decode()), kind="key")
        file = {
            "name": tenant,
            "display_name": tenant,
            "contacts": [{"id": "owner", "name": "The Owner", "email": estate.address(tenant), "role": "primary"}],
            "estate_handles": {"hub": account.id, "mail": tenant},
            "providers": {
                "aws": {"vendor": "aws", "settings": account.settings()},
                "hosts": {"vendor": "linux", "settings": hosts, "secrets": {"key": f"vault:{tenant}/ssh-key"}},
            },
        }
        (home.tenants / f"{tenant}.yaml").write_text(yaml.safe_dump(file))
    installation.__dict__.pop("tenants", None)  # they are read once
    installation.__dict__.pop("estate", None)


@settings(
    max_examples=6,
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
    wanted: dict[str, list[bool]] = {tenant: [] for tenant in TENANTS}

    async def act(access: Any, tenant: str, what: str, number: int) -> None:
        other = dice.choice([one for one in TENANTS if one != tenant])
        account, cloud = estate.accounts[tenant], await access.capability("cloud_identity")
        host, messenger = await access.capability("host"), await access.capability("messenger")
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
                await host._to("web").write(Command.of("touch", f"/tmp/{tenant}"))
            case "facts":
                assert (await host.facts("web")).hostname == f"{tenant}-web"
            case "mail":
                await messenger.send(message)
            case "strange arn":
                with pytest.raises(OutOfScope):
                    await cloud.set_denied(f"arn:aws:iam::{estate.accounts[other].id}:user/ci", True)
            case "strange host":
                with pytest.raises(TargetNotFound):
                    await host.facts(f"{other}-web")
            case "strange mail":
                with pytest.raises(OutOfScope):
                    await messenger.send(message.model_copy(update={"to": (*message.to, estate.address(other))}))
            case "throttle" | "expire":
                code = "Throttling" if what == "throttle" else "ExpiredToken"
                estate.aws.fault("iam", "ListUsers|PutUserPolicy", Reply.query_error(403, code))
            case _:
                if host._to("web")._opened is not None:
                    host._to("web")._opened.transport.close()

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
            await in_turn(access, tenant, acts if part == 0 else [(tenant, "principals"), (tenant, "facts")])

    await asyncio.gather(*(run(tenant, part) for tenant in TENANTS for part in (0, 1)))
    written = {c.account for c in estate.aws.calls if c.operation in ("PutUserPolicy", "DeleteUserPolicy")}
    estate.aws.forget()
    assert written <= {estate.accounts[tenant].id for tenant in TENANTS if wanted[tenant]}
    for tenant in TENANTS:
        denied = bool(estate.accounts[tenant].client("iam").list_user_policies(UserName="ci")["PolicyNames"])
        assert denied is estate.denied[tenant] or denied in wanted[tenant], "nobody else's write landed here"
        estate.denied[tenant] = denied
        assert set(estate.nets[tenant].hosts[f"{tenant}-web"].run("ls /tmp").split()) <= {tenant}
    for mail in estate.mail.mails:
        assert mail["to"] == [estate.address(mail["subject"])]
        assert mail["text"].strip() == mail["subject"]
