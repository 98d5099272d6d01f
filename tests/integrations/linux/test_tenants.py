"""A handle never reaches another tenant's host: many tenants at once that call their hosts alike, under errors too."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes

from integrations.lab import Lab
from integrations.labhosts.provider import PROVIDER as LAB
from integrations.linux.command import Command
from integrations.linux.provider import PROVIDER
from tenantry.errors import ProviderError, SignInFailed, TargetNotFound
from tests.support.hosts import HostNet, Key, host_net

NAMES = ("web", "db")
TENANTS = ("acme", "beta", "corp")


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, HostNet]]:
    """One network; each tenant has a key of its own that its own hosts know alone."""
    with host_net(tmp_path_factory.mktemp("tenants")) as net:
        made = {}
        for tenant in TENANTS:
            net.key = Key()
            net.add(*(f"{tenant}-{name}" for name in NAMES))
            made[tenant] = HostNet(net.folder, net.name, net.subnet, net.key, net.authority, dict(net.hosts))
        yield made


def settings_of(nets: dict[str, HostNet], tenant: str) -> dict[str, Any]:
    """Both hosts under the names that every tenant gives them."""
    own = nets[tenant].settings(*(f"{tenant}-{name}" for name in NAMES))
    own["hosts"] = {name.removeprefix(f"{tenant}-"): host for name, host in own["hosts"].items()}
    return own


@pytest.fixture
async def handles(nets: dict[str, HostNet]) -> AsyncIterator[dict[str, Any]]:
    opened = {tenant: await PROVIDER.open(settings_of(nets, tenant), nets[tenant].secrets()) for tenant in TENANTS}
    yield opened
    await asyncio.gather(*(handle.aclose() for handle in opened.values()))


async def test_it_knows_the_key_that_it_signs_in_with(nets: dict[str, HostNet], handles: dict[str, Any]) -> None:
    for tenant in TENANTS:
        ours = await handles[tenant].ours()
        assert ours.keys == {nets[tenant].key.fingerprint.removeprefix("SHA256:")}


@pytest.mark.parametrize("seed", [1, 2])
async def test_at_once_and_after_errors(seed: int, handles: dict[str, Any]) -> None:
    dice = random.Random(seed)

    async def act(tenant: str, name: str, what: str) -> None:
        handle = handles[tenant]
        connection = dict(zip(NAMES, handle.connections(), strict=True))[name]
        if what == "break":
            opened = connection._opened
            if opened is not None:
                opened.transport.close()
        elif what == "elsewhere":
            other = dice.choice([t for t in TENANTS if t != tenant])
            with pytest.raises(TargetNotFound):
                await handle.capability("host").facts(f"{other}-{name}")
        elif what == "write":
            try:
                await connection.write(Command.of("sh", "-c", f"echo {tenant} >> /tmp/{tenant}"))
            except ProviderError:
                return  # its connection was broken meanwhile
        else:
            try:
                facts = await handle.capability("host").facts(name)
            except ProviderError:
                return
            assert facts.hostname == f"{tenant}-{name}"

    await asyncio.gather(
        *(
            act(dice.choice(TENANTS), dice.choice(NAMES), dice.choice(["read", "read", "write", "break", "elsewhere"]))
            for _ in range(40)
        )
    )


async def test_what_was_written_lies_with_its_own_tenant_alone(nets: dict[str, HostNet]) -> None:
    for tenant in TENANTS:
        for name in NAMES:
            found = nets[tenant].hosts[f"{tenant}-{name}"].run("ls /tmp").split()
            assert set(found) <= {tenant}


async def test_the_key_of_one_tenant_opens_no_other(nets: dict[str, HostNet]) -> None:
    handle = await PROVIDER.open(settings_of(nets, "beta"), nets["acme"].secrets())
    for name in NAMES:
        with pytest.raises(SignInFailed):
            await handle.capability("host").facts(name)
    await handle.aclose()


async def test_an_address_that_leads_to_another_tenants_host_is_refused(nets: dict[str, HostNet]) -> None:
    """Addresses are used again; keys are not."""
    wrong = settings_of(nets, "acme")
    wrong["hosts"]["web"]["address"] = nets["beta"].hosts["beta-web"].address
    handle = await PROVIDER.open(wrong, nets["acme"].secrets())
    with pytest.raises(SignInFailed):
        await handle.capability("host").facts("web")
    await handle.aclose()


OPERATIONS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["lock", "isolate", "unknown", "end"])), min_size=1, max_size=15
)


@settings(max_examples=15, deadline=None)
@given(OPERATIONS)
def test_in_the_lab_each_write_lands_with_its_own_tenant(operations: list[tuple[int, str]]) -> None:
    async def run() -> None:
        labs = [Lab("compromised_host", seed=number, users=20) for number in range(4)]
        handles = [await _lab(lab) for lab in labs]

        async def act(number: int, what: str) -> None:
            host = handles[number].capability("host")
            if what == "lock":
                await host.lock_account("web1", "sysupd")
            elif what == "end":
                await host.end_sessions("web1", "sysupd")
            elif what == "isolate":
                await host.isolate("web1", [])
            else:
                with pytest.raises(TargetNotFound):
                    await host.lock_account("web1", "nobody-here")

        await asyncio.gather(*(act(number, what) for number, what in operations))
        for number, lab in enumerate(labs):
            expected = sorted(what for n, what in operations if n == number and what != "unknown")
            short = {"lock_account": "lock", "isolate": "isolate", "end_sessions": "end"}
            assert sorted(short[entry["method"]] for entry in lab.audit) == expected
        for handle in handles:
            await handle.aclose()

    asyncio.run(run())


async def _lab(lab: Lab) -> Any:
    async def secret(_: str) -> SecretBytes:
        return SecretBytes(lab.sink_token.encode())

    return await LAB.open({"base_url": "https://lab.invalid"}, secret, transport=httpx.ASGITransport(lab.app))
