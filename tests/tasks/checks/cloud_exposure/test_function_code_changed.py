from __future__ import annotations

from tasks.checks.cloud_exposure.function_code_changed import FunctionCodeChanged
from tests.tasks.checks._cloud_log import holds


async def test_each_of_its_detections_is_enough_and_a_look_alike_is_none() -> None:
    await holds(FunctionCodeChanged())
