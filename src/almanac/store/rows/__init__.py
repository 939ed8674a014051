"""Rows in and out: frames, binary COPY, raw tables."""
