"""Linux hosts of the stand-in tenant: in memory, with audit and faults like the rest of the lab."""
