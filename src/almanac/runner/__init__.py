"""The only home of papermill: finds a workload's notebooks, checks parameters, runs them, records, publishes."""
