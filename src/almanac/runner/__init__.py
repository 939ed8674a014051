"""Runs: takes a slot, executes the notebooks of a workload, records, publishes."""
