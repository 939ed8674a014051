"""The policy: the batch size for a state of the queue, and how long to wait before a start."""
