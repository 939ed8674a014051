"""Scores of entries and sessions, and the side tables made from them."""
