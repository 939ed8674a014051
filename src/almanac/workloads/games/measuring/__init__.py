"""How good the lists are, with or without recorded plays."""
