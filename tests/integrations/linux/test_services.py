"""Services and PostgreSQL on a real host with a real systemd."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from integrations.linux.provider import PROVIDER
from tests.conformance.host_service import HostServiceConformance, HostServiceWorld
from tests.support import shop
from tests.support.hosts import HostNet, host_net


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("services")) as made:
        (web2,) = shop.hosts(made, "web2")
        shop.install(web2)
        web2.run(
            "systemctl stop shop.service; cd /srv/shop && chmod 755 . && runuser -u postgres -- pg_dump -Fc -d shop > shop.dump;"
            " runuser -u postgres -- pg_dump -d shop > shop.sql; head -c 1500 shop.dump > broken.dump;"
            " runuser -u postgres -- dropdb shop"
        )
        yield made


class TestLinuxServices(HostServiceConformance):
    @pytest.fixture
    async def world(self, net: HostNet) -> AsyncIterator[HostServiceWorld]:
        handle = await PROVIDER.open(net.settings("web2"), net.secrets())
        yield HostServiceWorld(
            services=handle.capability("host_service"),
            host="web2",
            unit="shop.service",
            database="shop",
            dump="/srv/shop/shop.dump",
            plain="/srv/shop/shop.sql",
            broken="/srv/shop/broken.dump",
            count="SELECT count(*) FROM orders",
            rows=shop.ROWS,
            folder="/srv/shop",
            files=4,
        )
        await handle.aclose()
