"""Checks for what no rule about one event can say: what is new, rare, sudden, or refused, for this account or this tenant.

Each compares an account with its own past or with the others in the same log, and says in its evidence with what. First
seen alone is no finding: a finding needs something sensitive behind it, or two rare things at once.
"""

from collections.abc import Mapping
from typing import Final

from tenantry.sweep.statistics.activity import Statistics

__all__ = ["STATISTICS", "Statistics"]

_ANY: Final = frozenset({"new_origin_then_sensitive", "session_from_two_places"})
_SIGN_INS: Final = frozenset(
    {"impossible_travel", "password_spray", "password_spray_opened", "password_guessing", "password_guessed"}
)
STATISTICS: Final[Mapping[str, frozenset[str]]] = {
    "cloudtrail": _ANY | {"aws_denied_probing", "aws_enumeration_burst", "aws_new_region"},
    "ual": _ANY | _SIGN_INS | {"m365_mass_download", "m365_mass_mail_read", "m365_mass_delete", "m365_mass_send"},
    "entra-signin": _ANY | _SIGN_INS,
    "entra-audit": _ANY,
    "sshd": frozenset(),
}
"""Format of a log → the checks that look at it, by the name that their findings have."""
