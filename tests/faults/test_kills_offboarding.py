"""An offboarding killed by SIGKILL around what it records: the run, the delivery, and the deletion after it. It ends as one that was not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bagit
import pytest

from tenantry.run import Status
from tests.console.desk import Desk
from tests.support.leaving import Leaver, Stages, age_key, killed, leaver
from tests.support.tools import needs_program

SIGKILL = 9
WHERE = ["append_before", "append_after"]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    needs_program("age-keygen")
    folder = tmp_path_factory.mktemp("leaving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENANTRY_HOME", str(folder / "home"))
        with leaver(Desk(folder / "home"), folder, age_key(folder)[1]) as client:
            yield Stages(client, folder)


def closed(client: Leaver) -> None:
    """Deleted, answered for, attested; and the record verifies."""
    shown = client.close()
    assert {place["left"] for place in shown["places"]} == {0}
    assert not client.file.exists()
    client.verify()
    client.validate()
    assert client.attest().is_file()
    assert client.desk.json("journal", "verify")["ok"]


@pytest.mark.parametrize(
    ("where", "nth"), [("append_after", 1), ("append_before", 4), ("append_after", 6), ("append_before", 20)]
)
def test_the_deletion_is_killed_and_goes_on(
    where: str, nth: int, stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = stages.at("ready", tmp_path, monkeypatch)
    assert killed(client.close_by_hand, where, nth) == SIGKILL
    closed(client)


@pytest.mark.parametrize(("where", "nth"), [("append_after", 9), ("append_before", 14)])
def test_the_run_and_its_delivery_are_killed_and_go_on(
    where: str, nth: int, stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _elsewhere(stages.at("to_deliver", tmp_path, monkeypatch), tmp_path)
    assert killed(lambda: client.on_to_the_end(stages.run), where, nth) == SIGKILL
    assert client.on_to_the_end(stages.run).ended is Status.COMPLETED
    (bag,) = client.place.iterdir()
    bagit.Bag(str(bag)).validate(processes=1)


def _elsewhere(client: Leaver, folder: Path) -> Leaver:
    """Another place to deliver to: the first run's package lies at the first."""
    client.place = folder / "theirs"
    client.edit(lambda file: file["offboarding"].update(deliver_to={"folder": str(client.place)}))
    return client


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_the_deletion_is_killed_everywhere(
    where: str, stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nth in range(1, 10_000):
        client = stages.at("ready", tmp_path / str(nth), monkeypatch)
        ended = killed(client.close_by_hand, where, nth)
        closed(client)
        if ended != SIGKILL:
            assert nth > 20
            return


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
def test_everything_is_killed_again_and_again(
    seed: int, stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _elsewhere(stages.at("to_deliver", tmp_path, monkeypatch), tmp_path)
    client.kill_access()  # here: a child has a lab of its own
    dice = random.Random(seed)

    def both() -> Any:
        client.on_to_the_end(stages.run)
        client.close_by_hand()

    for _ in range(8):
        killed(both, dice.choice(WHERE), dice.randint(1, 25))
        client.past += timedelta(hours=1)  # the child's codes are used up
    with client.opened() as installation:
        known = client.name in installation.vault.tenants()
    if known:
        assert client.on_to_the_end(stages.run).ended is Status.COMPLETED
    closed(client)
