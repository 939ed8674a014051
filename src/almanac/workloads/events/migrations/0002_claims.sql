-- What each worker is at, written before the work: an event that kills its worker leaves no other trace, and would be tried for ever.
-- Not logged, so a crash of the server, which is no event's fault, empties it.
CREATE UNLOGGED TABLE almanac.events_claims (
    worker text PRIMARY KEY,
    event_ids text[] NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON almanac.events_claims TO almanac_worker;
