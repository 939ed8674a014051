"""What the server and the laboratory both need of events beside the contract."""
