"""Write, audit, publish: staged partitions, releases, pruning."""
