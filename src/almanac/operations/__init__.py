"""Operations on finished runs and on releases: verify, reproduce, compare, promote; and doctor."""
