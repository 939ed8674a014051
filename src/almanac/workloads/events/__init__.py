"""Events: the batch size to take from a queue and how long it may still wait, for the least cost within a latency objective."""
