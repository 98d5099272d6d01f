from __future__ import annotations

from tasks.checks._collect.cloud import Consoles
from tasks.checks.cloud_exposure.serial_console_open import SerialConsoleOpen
from tests.tasks.checks._cloud import found

CHECK = SerialConsoleOpen()


def test_where_it_is_open() -> None:
    assert found(CHECK, Consoles(("eu-central-1", "us-east-1"))) == [("low", "eu-central-1"), ("low", "us-east-1")]


def test_nowhere() -> None:
    assert found(CHECK, Consoles(())) == []
