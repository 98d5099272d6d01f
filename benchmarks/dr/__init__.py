"""How long a disaster recovery plan takes beyond what its steps take."""
