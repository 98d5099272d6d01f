"""Schema migrations of the record, with Alembic."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlalchemy as sa

from tenantry.errors import RecordError
from tenantry.journal import schema


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest schema. Several processes may call it at once: the first one does the work.

    Raises:
        RecordError: no release that this one knows wrote it.
    """
    with engine.connect() as db:
        if sa.inspect(db).has_table("alembic_version"):
            versions = db.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
            if versions == [schema.HEAD]:
                return
    _upgrade(engine)


def blank() -> bytes:
    """The file of a record in which nothing stands yet, as SQLite keeps it: what the migrations come to, without the time that they take."""
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as db:
            schema.metadata.create_all(db)
            db.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            db.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": schema.HEAD})
        with engine.connect() as db:
            kept: sqlite3.Connection = db.connection.dbapi_connection  # type: ignore[assignment]  # it is SQLite's
            return kept.serialize()
    finally:
        engine.dispose()


def _upgrade(engine: sa.Engine) -> None:
    # Alembic costs 0.2 s: only when there is something to migrate.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.execution_options(write=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            # One at a time, until the transaction ends; SQLite's write lock does the same.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise RecordError(
                "the journal has a schema that this release does not know",
                remedy="Upgrade this installation, or restore the journal from the last backup.",
            ) from error


_LOCK = 0x74656E616E747279
"""``tenantry`` in ASCII."""
