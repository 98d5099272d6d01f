"""Of what a live sweep could not check, what its checks say; what the logs of a short made-up past do not hold is another matter."""

from __future__ import annotations

from tenantry.sweep.model import Sweep

__all__ = ["unsure"]


def unsure(found: Sweep) -> list[dict[str, str]]:
    """Without what a log's events did not say."""
    return [one for one in found.could_not_check if not one["check"].startswith("log ")]
