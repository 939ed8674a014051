"""Public files over HTTPS, or from a mirror of them."""
