"""Logs: the level every entry deserves, and which entries and sessions are abnormal."""
