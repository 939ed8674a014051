"""Who asks: principals, sessions, tokens, keys, and what each may do."""
