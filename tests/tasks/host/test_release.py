from __future__ import annotations

from tasks.host.release import Release
from tenantry.capabilities import Isolation
from tests.support.effects import Case, EffectContract
from tests.support.fake_host import web
from tests.support.fakes import FakeTenant

ON = Isolation(active=True, confirmed=True, allowed=())


def prepare(tenant: FakeTenant) -> dict[str, str]:
    web(tenant).isolation = ON
    return {"host": "web1"}


class TestRelease(EffectContract):
    case = Case(
        task=Release,
        prepare=prepare,
        writes=[("release", "web1", None)],
        undo_writes=[("isolate", "web1", ())],
        seen=lambda tenant: web(tenant).isolation,
    )
