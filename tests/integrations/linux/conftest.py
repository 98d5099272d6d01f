"""Real hosts for a module's tests: started once, about 0.1 s each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from integrations.linux.provider import PROVIDER, LinuxHandle
from tests.support.compromised import plant
from tests.support.hosts import HostNet, host_net


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("hosts")) as made:
        plant(made)
        yield made


@pytest.fixture
async def handle(net: HostNet) -> AsyncIterator[LinuxHandle]:
    opened = await PROVIDER.open(net.settings("web1", "db1", "mon1", "bastion"), net.secrets())
    yield opened
    await opened.aclose()
