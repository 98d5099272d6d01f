"""The vault broker: one process that alone holds the master key, and hands a run the secrets of its own tenant.

::

    supervisor ──grant(run, tenant, pid)──▶ broker ──▶ token
        │ token                               ▲ │ vault.db, master key
        ▼                                     │ ▼
      child of one run ── token, request ─────┘ journal: every read, every refusal

It listens on a Unix socket (0600) in the home's ``run`` folder. Who connects is known by the kernel (`SO_PEERCRED`): another
account is turned away before a byte is read. A token is signed for one run, one tenant and one process; nothing else can use
it, and it outlives the broker, so a broker that died and was started again serves the runs that are under way. What a child
may ask for: its own tenant's secrets, the keys for its own tenant's record and evidence, a password to be made and kept, and
whether a person's code is right. It sees neither the master key, nor the tenants' keys, nor what the codes are made from.

Known limit: processes of one account can read each other's files. Where the master key lies in a key file, whoever takes over
a child can read that file; a passphrase closes this. The broker itself cannot be traced or dumped by its account.
"""

from tenantry.broker.client import BrokeredVault, Supervisor
from tenantry.broker.console import ConsoleHand
from tenantry.broker.people import BrokeredPeople
from tenantry.broker.process import BrokerProcess
from tenantry.broker.server import Broker, Limits
from tenantry.broker.tokens import Grant

__all__ = ["Broker", "BrokerProcess", "BrokeredPeople", "BrokeredVault", "ConsoleHand", "Grant", "Limits", "Supervisor"]
