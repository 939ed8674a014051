"""Scores entries and sessions, and makes the side tables from the scores."""

from almanac.workloads.logs.scoring.tables import Past, Stamp, nothing_past, past_of, score

__all__ = ["Past", "Stamp", "nothing_past", "past_of", "score"]
