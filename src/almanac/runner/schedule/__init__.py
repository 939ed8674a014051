"""Schedules: which slots are due, who runs them, and what became of each. Light: no pandas, no SQLAlchemy."""
