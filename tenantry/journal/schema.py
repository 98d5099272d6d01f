"""Tables of the record. Every change here is an Alembic migration (``migrations/versions``)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

HEAD: Final = "0004"
"""Newest migration. A database already there is opened without importing Alembic."""

EVERYWHERE: Final = "*"
"""The scope of a freeze of all tenants."""

metadata = MetaData()

trees = Table(
    "trees",
    metadata,
    Column("tree", Text, primary_key=True),  # opaque random id: what entries name
    Column("tenant", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("head", Text, nullable=False),  # leaf of the newest entry, hex
    Column("last_ts", Text, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("tree", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("run_id", Text),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    # The payload, in the entry's own row: one page to write and one to read. NULL, as a migration leaves it where it was gone, is
    # a fault that verification names.
    Column("sealed", LargeBinary),
    Index("entries_run", "run_id"),
)

runs = (
    Table(  # an index over entries of runs: to find a run's tree, to list runs, and to find those that nobody carries
        "runs",
        metadata,
        Column("run_id", Text, primary_key=True),
        Column("tree", Text, nullable=False),
        Column("runbook", Text, nullable=False),
        Column("created_at", Text, nullable=False),
        # How the newest entry that says so left it: "created", "running" (an attempt began), or a run's status.
        Column("standing", Text, nullable=False, server_default="created"),
        Column("due_us", BigInteger),  # Unix time in microseconds from when on a waiting run is worth another look
        Index("runs_created", "created_at"),
        Index("runs_standing", "standing"),
    )
)

leases = Table(
    "leases",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("token", Integer, nullable=False),  # fencing token: grows with every new owner
    Column("owner", Text, nullable=False),
    Column("expires_us", BigInteger, nullable=False),  # Unix time in microseconds; 0: released
)

freezes = Table(
    "freezes",
    metadata,
    Column("scope", Text, primary_key=True),  # tenant name, or EVERYWHERE
    Column("since", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

signing_keys = Table(  # an index over the `signing_key.begun` entries of the MSP's tree
    "signing_keys",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),  # counted from 1
    Column("from_index", BigInteger, nullable=False),  # the entry that began it
    Column("since", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # Ed25519, 32 bytes
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("tree", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("witness", BigInteger),  # the entry of the MSP's tree that holds it; none for the MSP's own
    Column("at", Text, nullable=False),  # time of the witness; of the newest entry for the MSP's own
    Column("note", LargeBinary, nullable=False),  # the signed note
)

nodes = Table(  # hashes of complete subtrees of 256 ** level leaves, so that a proof need not read every entry
    "nodes",
    metadata,
    Column("tree", Text, primary_key=True),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

timestamps = Table(  # RFC 3161 responses over checkpoints
    "timestamps",
    metadata,
    Column("tree", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("authority", Text, primary_key=True),
    Column("response", LargeBinary, nullable=False),
)
