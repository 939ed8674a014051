"""Entries as they are stored: intake, search, rules of alerts."""
