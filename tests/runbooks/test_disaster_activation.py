"""A web service with PostgreSQL is destroyed with its host, and comes back on another: from restic and a dump, with its name switched.

Hosts, systemd, sshd, PostgreSQL, restic and HTTP are real; Route 53 is moto's. The run is ended by SIGKILL again and again on its way, at boundaries of the record and around and
during its writes, and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integrations.probes import ask_http
from tenantry.clock import rfc3339
from tenantry.disaster.compile import compiled
from tenantry.disaster.load import parse_plan
from tenantry.disaster.probes import HttpProbe
from tenantry.run import Status
from tests.support import shop
from tests.support.aws_stand import AwsStand
from tests.support.disaster import BASE, TODAY, registry
from tests.support.faults import Kill, Zygote
from tests.support.hosts import HostNet, host_net
from tests.support.recovery import SIGKILLED, carried, messages, zygote
from tests.support.stand import Stand

KILLS = (
    *(("append_after", 4), ("write_during", 1), ("write_after", 1), ("append_before", 5)),
    *(("write_before", 1), ("append_after", 6), ("write_after", 1), ("write_during", 2)),
)
"""Where each attempt that recovers is ended by SIGKILL, one after the other."""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("recovery")) as made:
        yield made


@pytest.fixture
def aws() -> Iterator[AwsStand]:
    stand = AwsStand()
    yield stand
    stand.close()


@pytest.fixture(scope="module")
def children() -> Iterator[Zygote]:
    with zygote() as made:
        yield made


@pytest.mark.parametrize(
    "places_of_death", [KILLS[1:3], pytest.param(KILLS, marks=pytest.mark.torture)], ids=["two", "all"]
)
async def test_a_destroyed_host_comes_back_on_another(
    children: Zygote, net: HostNet, aws: AwsStand, tmp_path: Path, places_of_death: Sequence[tuple[str, int]]
) -> None:
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
    secrets = {"key": net.key.pem.decode(), "restic_password": shop.PASSWORD.decode()}
    places = {
        "linux": {"settings": settings, "secrets": secrets},
        "aws": {
            "settings": account.settings(),
            "endpoint": aws.base_url,
            "secrets": account.secrets,
            "capabilities": ["dns"],
        },
    }
    try:
        stand.create(
            compiled(loaded, BASE, purpose="failover", graceful=False),
            {"plan": "shop", "outage_began": rfc3339(gone)},
        )
        # The first attempt ends at the declaration. Those after it recover, and are killed on the way.
        kills = [Kill(), *(Kill(where, nth) for where, nth in places_of_death)]
        codes = await asyncio.to_thread(carried, children, stand, "run-1", places, kills)
        assert codes.count(SIGKILLED) >= len(places_of_death) // 2, codes
        state = stand.state()
        assert sorted(state.items["assess", None].output["down"]) == ["database", "files", "shop"]
        measured = state.items["recovered", None].output
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
        databases = web2.run("runuser -u postgres -- psql -XAtq -d postgres -c 'SELECT datname FROM pg_database'")
        assert sorted(databases.split()) == ["postgres", "shop", "template0", "template1"], "none is left half-way"
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        assert [one["ResourceRecords"] for one in found if one["Type"] == "A"] == [[{"Value": web2.address}]]
        page = await ask_http(
            HttpProbe(kind="http", url="http://www.shop.example:8080/", address=web2.address, contains="x")
        )
        assert (page.status, page.text) == (200, f"Add to basket: {shop.ROWS} orders")
        troubles = [(step["id"], step["error"]) for step in stand.view()["steps"] if step["error"]]
        assert [name for name, _ in troubles if "__" in name] == []
        assert state.ended in (Status.COMPLETED, Status.EXCEPTIONS)
        assert {"disaster-report.html", "disaster-report.pdf"} <= {one["name"] for one in state.evidence}
        assert set(messages(stand)) == {1}, "everybody heard once"
        assert stand.journal.verify().ok
    finally:
        stand.close()
