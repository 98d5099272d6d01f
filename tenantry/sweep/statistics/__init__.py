"""Checks for what no rule about one event can say: what is new, rare, sudden, or refused, for this account or this tenant.

Each compares an account with its own past or with the others in the same log, and says in its evidence with what. First
seen alone is no finding: a finding needs something sensitive behind it, or two rare things at once.
"""

from tenantry.sweep.statistics.activity import Statistics

__all__ = ["Statistics"]
