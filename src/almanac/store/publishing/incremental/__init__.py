"""Publishing for workloads that score only what is new."""
