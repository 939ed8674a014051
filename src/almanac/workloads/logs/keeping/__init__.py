"""The entries in the database: intake, numbers, search, alerts, deletion and retention."""
