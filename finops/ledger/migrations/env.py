"""Alembic runs this with the connection it was handed."""

from alembic import context

from finops.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
