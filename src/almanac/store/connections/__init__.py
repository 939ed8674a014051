"""Connections: the roles of a database, the embedded server, locks."""
