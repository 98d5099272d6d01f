"""Alembic's entry point; the connection and its transaction come from :mod:`tenantry.journal.migrate`."""

from alembic import context

from tenantry.journal.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
