from __future__ import annotations

from tasks.checks.cloud_exposure.function_layer_outside import FunctionLayerOutside
from tests.tasks.checks._cloud import HUB, OWN, STRANGER, found, function

CHECK = FunctionLayerOutside()


def layer(owner: str) -> str:
    return f"arn:aws:lambda:eu-central-1:{owner}:layer:x:1"


def test_a_strangers() -> None:
    assert found(CHECK, function(layers=(layer(OWN), layer(STRANGER)))) == [("medium", "fn")]


def test_our_own_the_msps_and_the_vendors_are_none() -> None:
    assert found(CHECK, function(layers=(layer(OWN), layer(HUB), layer("580247275435")))) == []
    assert found(CHECK, function()) == []
