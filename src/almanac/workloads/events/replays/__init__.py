"""Replays of recorded or generated load: rules side by side, hindsight, tuning."""
