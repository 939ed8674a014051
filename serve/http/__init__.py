"""What HTTP asks of every route; it knows no release and no SQL."""
