"""Where events come from: traces to replay, and the queue's own batches and arrivals."""
