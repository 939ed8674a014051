"""What the server says of itself: a line for each request, and metrics."""
