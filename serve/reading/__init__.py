"""Which rows answer: the database, the live releases, and the release that a request names."""
