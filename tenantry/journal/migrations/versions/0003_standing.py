"""How each run stands, beside the runs, so that those that nobody carries are found without reading the whole record."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("standing", sa.Text, nullable=False, server_default="created"))
    op.add_column("runs", sa.Column("due_us", sa.BigInteger))
    op.create_index("runs_standing", "runs", ["standing"])
    db = op.get_bind()
    entries = sa.table(
        "entries", sa.column("tree"), sa.column("seq"), sa.column("run_id"), sa.column("body", sa.LargeBinary)
    )
    runs = sa.table("runs", sa.column("run_id"), sa.column("standing"), sa.column("due_us"))
    # What entries say in the clear is enough. When a question of a waiting run expires is not known: it is looked at once.
    query = sa.select(entries.c.run_id, entries.c.body).where(entries.c.run_id.is_not(None))
    standing: dict[str, str] = {}
    for run_id, body in db.execute(query.order_by(entries.c.tree, entries.c.seq).execution_options(yield_per=1000)):
        fields = json.loads(body)
        if fields["event"] == "run.attempt":
            standing[run_id] = "running"
        elif fields["event"] in ("run.stopped", "run.ended"):
            standing[run_id] = fields["outcome"]
    for run_id, found in standing.items():
        due = 0 if found == "waiting_for_approval" else None
        db.execute(runs.update().where(runs.c.run_id == run_id).values(standing=found, due_us=due))
