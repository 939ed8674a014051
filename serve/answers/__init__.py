"""From rows to bytes: the envelope, tags, pages of a list, the cache of answers."""
