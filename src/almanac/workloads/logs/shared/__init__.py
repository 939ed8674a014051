"""Rules for log entries that the server and the notebooks share, beside the contract."""
