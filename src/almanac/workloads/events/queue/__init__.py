"""The queue in PostgreSQL, its worker, and the simulator that fills it."""
