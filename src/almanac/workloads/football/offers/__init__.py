"""Markets, picks and value made from the chances of a match."""
