"""The schema: Alembic's migrations, tables made from contracts, and the SQL of workloads."""
