"""What an append executes, and what a run looks up, compiled once: composing a statement costs more than running it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tenantry.journal import schema
from tenantry.journal.sql import Prepared

__all__ = ["Statements", "statements"]

_compiled: dict[tuple[str, str], Statements] = {}


def statements(dialect: sa.Dialect) -> Statements:
    """Those for a dialect and its driver, compiled once a process: composing them is a third of what opening a journal takes."""
    kind = (dialect.name, dialect.driver)
    found = _compiled.get(kind)
    if found is None:
        found = _compiled.setdefault(kind, Statements(dialect))
    return found


class Statements:
    """For one dialect."""

    def __init__(self, dialect: sa.Dialect) -> None:
        insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        trees, leases = schema.trees, schema.leases
        self.tree = Prepared(
            sa.select(trees.c.tree, trees.c.size, trees.c.head, trees.c.last_ts)
            .where(trees.c.tenant == sa.bindparam("tenant"))
            .with_for_update(),
            dialect,
        )
        # Two first writers of a tenant may meet: the one that waited finds the other's row.
        self.new_tree = Prepared(insert(trees).on_conflict_do_nothing(), dialect)
        self.grow = Prepared(
            trees.update()
            .where(
                trees.c.tree == sa.bindparam("at"),
                trees.c.size == sa.bindparam("was_size"),
                trees.c.head == sa.bindparam("was_head"),
            )
            .values({name: sa.bindparam(f"new_{name}") for name in ("size", "head", "last_ts")}),
            dialect,
        )
        self.entry = Prepared(schema.entries.insert(), dialect)
        self.run = Prepared(insert(schema.runs).on_conflict_do_nothing(), dialect)
        self.stand = Prepared(
            schema.runs.update()
            .where(schema.runs.c.run_id == sa.bindparam("at_run"))
            .values(standing=sa.bindparam("new_standing"), due_us=sa.bindparam("new_due")),
            dialect,
        )
        self.due = Prepared(
            schema.runs.update()
            .where(
                schema.runs.c.run_id == sa.bindparam("at_run"), schema.runs.c.standing == sa.bindparam("at_standing")
            )
            .values(due_us=sa.bindparam("new_due")),
            dialect,
        )
        self.hold = Prepared(
            leases.update()
            .where(leases.c.run_id == sa.bindparam("at_run"), leases.c.token == sa.bindparam("at_token"))
            .values(expires_us=sa.bindparam("until")),
            dialect,
        )
        self.lease = Prepared(
            sa.select(leases.c.token, leases.c.owner, leases.c.expires_us)
            .where(leases.c.run_id == sa.bindparam("at_run"))
            .with_for_update(),
            dialect,
        )
        self.take = Prepared(
            leases.update()
            .where(leases.c.run_id == sa.bindparam("at_run"))
            .values({name: sa.bindparam(f"new_{name}") for name in ("token", "owner", "expires_us")}),
            dialect,
        )
        self.new_lease = Prepared(insert(leases).on_conflict_do_nothing(), dialect)
        entries, freezes = schema.entries, schema.freezes
        of_run = (trees.c.tenant == sa.bindparam("of_tenant")) & (entries.c.run_id == sa.bindparam("of_run"))
        joined = entries.join(trees, trees.c.tree == entries.c.tree)
        self.records = Prepared(
            sa.select(entries.c.body, entries.c.leaf, entries.c.sealed)
            .select_from(joined)
            .where(of_run, entries.c.seq > sa.bindparam("after"))
            .order_by(entries.c.seq),
            dialect,
        )
        self.count = Prepared(sa.select(sa.func.count()).select_from(joined).where(of_run), dialect)
        self.found = Prepared(
            sa.select(
                schema.runs.c.run_id,
                trees.c.tenant,
                *(schema.runs.c[name] for name in ("runbook", "created_at", "standing")),
            )
            .join(trees, trees.c.tree == schema.runs.c.tree)
            .where(schema.runs.c.run_id == sa.bindparam("wanted")),
            dialect,
        )
        self.frozen = Prepared(
            sa.select(freezes.c.scope, freezes.c.since, freezes.c.by, freezes.c.reason).where(
                (freezes.c.scope == sa.bindparam("wanted")) | (freezes.c.scope == sa.bindparam("everywhere"))
            ),
            dialect,
        )
