"""Events: batch sizes and waits for a queue, at the least cost within a latency objective."""
