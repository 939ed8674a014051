"""What the server and the notebooks both need beside the contract."""
