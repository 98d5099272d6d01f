"""A web service with PostgreSQL is destroyed with its host, and comes back on another: from restic and a dump, with its name switched.

Hosts, systemd, sshd, PostgreSQL, restic and HTTP are real; Route 53 is moto's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.probing import TenantProbing
from integrations.linux.provider import PROVIDER
from integrations.probes import ask_http, ask_tcp
from tenantry.clock import rfc3339
from tenantry.disaster.compile import compiled
from tenantry.disaster.load import parse_plan
from tenantry.disaster.probes import HttpProbe, TcpProbe
from tenantry.run import Policy, Status
from tests.support import shop
from tests.support.aws_stand import AwsStand
from tests.support.disaster import BASE, TODAY, _Messenger, _Recorded, registry
from tests.support.hosts import HostNet, host_net
from tests.support.stand import Access, Stand

CALM = Policy(lease_life=15.0, settle=0.05, poll=0.05, poll_cap=0.5)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("recovery")) as made:
        yield made


@pytest.fixture
def aws() -> Iterator[AwsStand]:
    stand = AwsStand()
    yield stand
    stand.close()


async def test_a_destroyed_host_comes_back_on_another(net: HostNet, aws: AwsStand, tmp_path: Path) -> None:
    web1, web2 = shop.hosts(net, "web1", "web2")
    shop.install(web1)
    shop.back_up(web1)
    shop.carried(web1, web2)
    account = aws.new_account()
    route53 = account.client("route53")
    zone = route53.create_hosted_zone(Name="shop.example", CallerReference="one")["HostedZone"]["Id"].rpartition("/")[2]
    record = {"Name": "www.shop.example.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": web1.address}]}
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    tasks = registry()
    stand = Stand(tmp_path / "home", tasks)
    stand.person("ann", "approver", "engineer")
    loaded = parse_plan(
        shop.plan(web1.address, web2.address, "shop.example"), "shop.yaml", tasks, today=TODAY, known={"ann"}
    )

    # The host is gone, all at once.
    web1.process.kill()
    web1.process.wait()
    gone = datetime.now(UTC)

    settings = net.settings("web2")
    settings["hosts"]["web2"]["backup"] = {"repository": "/srv/repo", "paths": ["/srv/shop"]}
    linux = await PROVIDER.open(settings, net.secrets(restic_password=shop.PASSWORD))
    cloud = await account.open()
    access: Any = Access(
        subject={"name": "acme", "display_name": "Acme", "contacts": []},
        capabilities={
            **{name: linux.capability(name) for name in ("host", "host_service", "host_backup", "backup")},
            "dns": cloud.capability("dns"),
            "messenger": _Messenger(),
            "recorded": _Recorded(stand),
        },
    )
    access.capabilities["probing"] = TenantProbing(access, {HttpProbe: ask_http, TcpProbe: ask_tcp})
    try:
        stand.create(
            compiled(loaded, BASE, purpose="failover", graceful=False),
            {"plan": "shop", "outage_began": rfc3339(gone)},
        )
        await stand.run("run-1", access, CALM)
        assessed = stand.state().items["assess", None].output
        assert sorted(assessed["down"]) == ["database", "files", "shop"]
        stand.answer("run-1", "ann", steps=["declared"], reason="the host is dead")
        await stand.run("run-1", access, CALM)
        measured = stand.state().items["recovered", None].output
        assert measured["not_shown"] == [], [
            (step["id"], step["error"]) for step in stand.view()["steps"] if step["error"]
        ]
        rows = {one["id"]: one for one in measured["systems"]}
        assert all(one["rto_kept"] for one in rows.values())
        # Measured in what came back: the newest order is as old as the dump, not as the run.
        assert 0 < rows["database"]["lost_seconds"] < timedelta(minutes=30).total_seconds()
        assert rows["database"]["rpo_kept"] is True
        assert web2.run("runuser -u postgres -- psql -XAtq -d shop -c 'SELECT count(*) FROM orders'").strip() == str(
            shop.ROWS
        )
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        assert [one["ResourceRecords"] for one in found if one["Type"] == "A"] == [[{"Value": web2.address}]]
        page = await ask_http(
            HttpProbe(kind="http", url="http://www.shop.example:8080/", address=web2.address, contains="x")
        )
        assert (page.status, page.text) == (200, f"Add to basket: {shop.ROWS} orders")
        for step in ("service_back", "lessons"):
            stand.answer("run-1", "ann", steps=[step], reason="as planned")
            state = await stand.run("run-1", access, CALM)
        troubles = [(step["id"], step["error"]) for step in stand.view()["steps"] if step["error"]]
        assert [name for name, _ in troubles if "__" in name] == []
        assert state.ended in (Status.COMPLETED, Status.EXCEPTIONS)
        assert {"disaster-report.html", "disaster-report.pdf"} <= {one["name"] for one in state.evidence}
    finally:
        await linux.aclose()
        await cloud.aclose()
        stand.close()
