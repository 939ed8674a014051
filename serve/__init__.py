"""The thin server: reads what was published and hands it out; it needs PostgreSQL and nothing else."""
