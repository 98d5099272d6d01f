"""Backup of a whole home while it is in use, and its restoration on an empty machine.

`tenantry.backup.stream` encrypts, `tenantry.backup.snapshot` takes the parts in an order that fits them together,
`tenantry.backup.restore` brings them back, records that it did, and gives the vault a new master key; `tenantry.backup.kept` knows until when each is kept.
"""

from tenantry.backup.kept import KEEP_DAYS
from tenantry.backup.restore import Restored, restore
from tenantry.backup.snapshot import Taken, take
from tenantry.backup.stream import Key, PassphraseKey, PrivateKey, RecipientKey

__all__ = ["KEEP_DAYS", "Key", "PassphraseKey", "PrivateKey", "RecipientKey", "Restored", "Taken", "restore", "take"]
