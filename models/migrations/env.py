"""Alembic's environment: runs the migrations on the engine that ``models.database`` hands over."""

from alembic import context
from sqlmodel import SQLModel

import models.tables  # noqa: F401  (its classes fill the metadata)

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
