"""Nothing happened: the ordinary tenant alone. A sweep that finds a compromise here is wrong."""

from __future__ import annotations

from integrations.lab.scenarios.stage import FINANCE, SECOND, Stage


def build(stage: Stage) -> None:
    """Nobody is compromised, and everybody of the cast is innocent."""
    stage.innocent(f"users/{stage.upn(FINANCE)}", f"users/{stage.upn(SECOND)}")
