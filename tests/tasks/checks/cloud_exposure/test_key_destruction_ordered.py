from __future__ import annotations

from tasks.checks.cloud_exposure.key_destruction_ordered import KeyDestructionOrdered
from tests.tasks.checks._cloud_log import holds


async def test_each_of_its_detections_is_enough_and_a_look_alike_is_none() -> None:
    await holds(KeyDestructionOrdered())
