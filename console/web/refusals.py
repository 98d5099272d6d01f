"""Refusals that have a status of their own and are nobody else's."""

from __future__ import annotations

from tenantry.errors import InvalidInput, Refused

__all__ = ["Unproven", "WrongType"]


class Unproven(Refused):
    """A message that nobody proved. (`NotAuthenticated` here means that the broker no longer knows this process.)"""

    code = "unproven"
    remedy = "Check the source's secret on both sides, and its clock."


class WrongType(InvalidInput):
    """A body that does not say it is JSON."""

    code = "wrong_type"
    remedy = "Send application/json."
