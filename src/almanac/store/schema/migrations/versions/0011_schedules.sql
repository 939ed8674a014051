CREATE OR REPLACE VIEW api.runs AS SELECT * FROM almanac.runs;

-- A slot of each schedule succeeds at most once.
DROP INDEX almanac.runs_one_per_slot;
CREATE UNIQUE INDEX runs_one_per_slot ON almanac.runs (workload, coalesce(schedule, 'default'), slot)
    WHERE kind = 'run' AND status IN ('running', 'succeeded');

-- One row for each slot that a scheduler has seen, and one for the next slot of each schedule.
CREATE TABLE almanac.schedules (
    workload text NOT NULL,
    schedule text NOT NULL,
    slot timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz,
    reason text,
    run_id text,
    code_hash text,
    who text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workload, schedule, slot),
    CONSTRAINT state_is_known CHECK (state IN ('waiting', 'running', 'retrying', 'succeeded', 'failed', 'missed'))
);
CREATE INDEX schedules_open ON almanac.schedules (slot) WHERE state IN ('waiting', 'running', 'retrying');
CREATE INDEX schedules_changed ON almanac.schedules (changed_at);
CREATE VIEW api.schedules AS SELECT * FROM almanac.schedules;
GRANT SELECT ON api.schedules TO almanac_reader, almanac_worker;
GRANT SELECT ON almanac.schedules TO almanac_worker;

-- When entries were last announced, in milliseconds. A sequence is read and set without a lock, outside of transactions.
CREATE SEQUENCE almanac.arrivals MINVALUE 0 START 0;
-- Tell schedulers that entries come in, at most twice a second: NOTIFY lets transactions commit one after another.
CREATE FUNCTION almanac.announce_arrival(place text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
    IF abs(present - (SELECT last_value FROM almanac.arrivals)) >= 500 THEN
        PERFORM setval('almanac.arrivals', present);
        PERFORM pg_notify('almanac_arrivals', place);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION almanac.announce_arrival(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION almanac.announce_arrival(text) TO almanac_worker;

-- The trigger of tables of entries announces them as well.
CREATE OR REPLACE FUNCTION almanac.number_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('almanac numbers ' || TG_TABLE_NAME));
    PERFORM almanac.announce_arrival(TG_TABLE_NAME);
    RETURN NULL;
END
$$;
