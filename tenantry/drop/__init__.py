"""Credential drops: a client's contact hands over credentials that nobody on the way can read.

::

    tenantry vault drop ──▶ drops.db: public key, hashes, what is expected        vault: private key
            │ link and, for a contact without a code, a PIN to be told on the telephone
            ▼
    contact's browser ── token, code ──▶ console (no key) ──▶ vault broker: checks both, gives a session
            │ seals each value to the public key                    │ opens it, stores it, records from whom
            └──────── sealed value ──────▶ console ─────────────────┘ after the last: key destroyed, the waiting run told
"""

from tenantry.drop.model import KINDS, LONGEST_LIFE, Drop, Expected, Made, Question
from tenantry.drop.seal import MAX_SEALED, MAX_VALUE
from tenantry.drop.store import Drops

__all__ = ["KINDS", "LONGEST_LIFE", "MAX_SEALED", "MAX_VALUE", "Drop", "Drops", "Expected", "Made", "Question"]
