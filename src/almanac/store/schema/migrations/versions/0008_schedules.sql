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
