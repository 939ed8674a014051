"""Connections: the roles and pools of a database, the embedded server, locks."""
