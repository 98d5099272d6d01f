"""Recoveries on real counterparts under the harness of ``faults.py``: the activation runs in children that are ended by SIGKILL at journal boundaries and
around and during every write to cloud account and hosts, and are resumed. Between two attempts people answer.

A recovery is one run, so it can be killed many times on its way: :func:`carried` does that, and the end is that of one that nobody killed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import SecretBytes

from flows.probing import TenantProbing
from integrations.aws.provider import PROVIDER as AWS
from integrations.linux.provider import PROVIDER as LINUX
from integrations.probes import ask_http, ask_tcp
from tenantry.disaster.probes import HttpProbe, TcpProbe
from tenantry.errors import InvalidTenant
from tenantry.providers import Estate
from tests.support import everywhere
from tests.support.aws_stand import QUICK as AWS_LIMITS
from tests.support.disaster import _Messenger, _Recorded, registry
from tests.support.faults import Errand, Kill, Killer, Zygote, kill_at_append
from tests.support.stand import QUICK, Access, Stand

WHERE = ("append_before", "append_after", "write_before", "write_during", "write_after")
SIGKILLED = -9
CONTACTS = [{"id": "kim", "name": "Kim", "role": "primary", "email": "kim@acme.example", "phone": "1"}]
PATIENT = replace(
    QUICK, lease_life=15.0, effect_timeout_cap=12.0, settle=0.05, poll=0.05, poll_cap=0.5, effect_attempts=8
)


def zygote() -> Zygote:
    """What a recovery imports is imported before the first child is born."""
    return Zygote("tenantry.disaster.report.page", "tenantry.disaster.report.pdf", warm_up=registry)


class KeptMessenger(_Messenger):
    """What was sent is known to whoever comes later: a file for each key."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()

    async def sent(self, key: str, channel: str = "mail") -> bool | None:
        del channel
        return self._file(key).exists()

    async def send(self, message: Any) -> None:
        with self._file(message.key).open("a") as file:
            file.write("sent\n")


def _secrets(known: Mapping[str, str]) -> Any:
    async def secret(name: str) -> SecretBytes:
        if name not in known:
            raise InvalidTenant(f"no {name}")
        return SecretBytes(known[name].encode())

    return secret


async def opened(stand: Stand, places: Mapping[str, Any]) -> tuple[Access, list[Any]]:
    """A client with what ``places`` names, and what has to be closed."""
    capabilities: dict[str, Any] = {
        "messenger": KeptMessenger(stand.home.path.parent / "sent"),
        "recorded": _Recorded(stand),
    }
    handles: list[Any] = []
    if "aws" in places:
        aws = places["aws"]
        estate = Estate({"endpoint_url": aws["endpoint"]}, aws["settings"]["account"])
        cloud = await AWS.open(aws["settings"], _secrets(aws["secrets"]), estate=estate, limits=AWS_LIMITS)
        handles.append(cloud)
        capabilities |= {name: cloud.capability(name) for name in places["aws"]["capabilities"]}
    if "linux" in places:
        linux = await LINUX.open(places["linux"]["settings"], _secrets(places["linux"]["secrets"]))
        handles.append(linux)
        offered = places["linux"].get("capabilities", ("host", "host_service", "host_backup", "backup"))
        capabilities |= {name: linux.capability(name) for name in offered}
    access = Access(subject={"name": "acme", "display_name": "Acme", "contacts": CONTACTS}, capabilities=capabilities)
    capabilities["probing"] = TenantProbing(access, {HttpProbe: ask_http, TcpProbe: ask_tcp})
    return access, handles


async def attempt(kill: Kill, *, folder: str, run_id: str, places: Mapping[str, Any]) -> None:
    """One attempt, in a child."""
    stand = Stand(Path(folder), registry())
    if kill.where.startswith("append"):
        kill_at_append(stand.journal, kill)
    elif kill.where.startswith("write"):
        everywhere.arm(Killer(kill))
    access, handles = await opened(stand, places)
    await stand.run(run_id, access, PATIENT)
    for handle in handles:
        await handle.aclose()


def carried(
    zygote: Zygote, stand: Stand, run_id: str, places: Mapping[str, Any], kills: Sequence[Kill] = (), *, most: int = 60
) -> list[int]:
    """Carry an activation to its end, each attempt killed as told; every question is answered with yes by Ann.

    Returns:
        exit codes of the attempts, negative for signals.
    """
    codes: list[int] = []
    for number in range(most):
        kill = kills[number] if number < len(kills) else Kill()
        given = {"folder": str(stand.home.path), "run_id": run_id, "places": json.loads(json.dumps(places))}
        codes += zygote.run(Errand("tests.support.recovery:attempt", asdict(kill), given))
        if stand.state(run_id).ended is not None:
            return codes
        stand.answer(run_id, "ann", reason="as planned")
    raise AssertionError(f"the recovery did not end: {stand.view(run_id)}")


def outcomes(stand: Stand, run_id: str) -> dict[str, str | None]:
    """How its steps ended."""
    return stand.outcomes(run_id)


def messages(stand: Stand) -> Counter[int]:
    """How often each message was sent → how many messages."""
    files = (stand.home.path.parent / "sent").iterdir()
    return Counter(len(file.read_text().splitlines()) for file in files)
