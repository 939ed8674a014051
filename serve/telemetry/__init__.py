"""Log lines and metrics of the server."""
