"""What every provider of ``cloud_watch`` must do."""

from __future__ import annotations

from dataclasses import dataclass

from tenantry.capabilities import CloudWatch


@dataclass
class CloudWatchWorld:
    """An account with a trail that records everything, one that was stopped and records writes alone, those to objects too, into a bucket that forgets after
    three days, a recorder that was stopped, a flow log, and a DNS log that nothing feeds."""

    provider: CloudWatch
    whole: str
    narrow: str
    excluded: str
    region: str
    flow: str
    network: str
    names: str


class CloudWatchConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudWatchWorld) -> None:
        assert isinstance(world.provider, CloudWatch)

    async def test_trails(self, world: CloudWatchWorld) -> None:
        trails = {found.id: found async for found in world.provider.trails()}
        assert set(trails) == {world.whole, world.narrow}
        whole, narrow = trails[world.whole], trails[world.narrow]
        assert (whole.recording, whole.every_region, whole.reads, whole.writes, whole.excluded) == (
            *(True, True, True, True),
            (),
        )
        assert (whole.own, whole.bucket_known, whole.expires_days) == (True, True, None)
        assert (whole.objects, narrow.objects) == (False, True)
        assert (narrow.recording, narrow.reads, narrow.writes, narrow.excluded) == (
            *(False, False, True),
            (world.excluded,),
        )
        assert (narrow.bucket_known, narrow.expires_days) == (True, 3)

    async def test_recorders(self, world: CloudWatchWorld) -> None:
        [recorder] = [found async for found in world.provider.recorders()]
        assert (recorder.region, recorder.recording, recorder.everything) == (world.region, False, True)

    async def test_network_logs(self, world: CloudWatchWorld) -> None:
        logs = {found.id: found async for found in world.provider.network_logs()}
        assert (logs[world.flow].kind, logs[world.flow].about, logs[world.flow].active) == ("flow", world.network, True)
        assert (logs[world.names].kind, logs[world.names].fed) == ("dns", False)
