"""The records of the platform: runs, model versions, decisions, the ledger of releases."""
