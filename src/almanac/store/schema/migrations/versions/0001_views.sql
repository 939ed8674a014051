-- The ledger is append-only, whoever asks.
CREATE FUNCTION almanac.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING HINT = 'Write a new row instead.';
END
$$;
CREATE TRIGGER releases_append_only BEFORE UPDATE OR DELETE ON almanac.releases FOR EACH ROW EXECUTE FUNCTION almanac.refuse_change();
CREATE TRIGGER releases_not_emptied BEFORE TRUNCATE ON almanac.releases EXECUTE FUNCTION almanac.refuse_change();
CREATE TRIGGER decisions_append_only BEFORE UPDATE OR DELETE ON almanac.decisions FOR EACH ROW EXECUTE FUNCTION almanac.refuse_change();
CREATE TRIGGER decisions_not_emptied BEFORE TRUNCATE ON almanac.decisions EXECUTE FUNCTION almanac.refuse_change();

CREATE VIEW api.schema_version AS SELECT version_num AS revision FROM almanac.alembic_version;
CREATE VIEW api.workloads AS SELECT workload, contract, on_hold FROM almanac.workloads;
CREATE VIEW api.runs AS SELECT * FROM almanac.runs;
CREATE VIEW api.run_steps AS SELECT * FROM almanac.run_steps;
CREATE VIEW api.decisions AS SELECT * FROM almanac.decisions;
CREATE VIEW api.model_versions AS
    SELECT workload, version, run_id, mlflow_run_id, artifact_hash, data_hash, trained_until, parameters, metrics, simulated, created_at
    FROM almanac.model_versions;
CREATE VIEW api.releases AS
    SELECT l.release_id, l.workload, l.run_id, l.run_ids, l.model_version, l.kind, l.previous_release_id, l.who, l.why, l.released_at,
           r.data_as_of, r.demo, r.simulated, r.source, r.rows, r.pruned_at
    FROM almanac.releases AS l JOIN almanac.runs AS r USING (run_id);

GRANT USAGE ON SCHEMA api TO almanac_reader, almanac_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA api TO almanac_reader, almanac_worker;

-- The worker fills raw tables, stages predictions, registers model versions and reports; it publishes nothing.
GRANT USAGE ON SCHEMA almanac TO almanac_worker;
GRANT USAGE, CREATE ON SCHEMA staging TO almanac_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA almanac TO almanac_worker;
GRANT INSERT ON almanac.raw_changes TO almanac_worker;
GRANT INSERT, UPDATE (metrics) ON almanac.model_versions TO almanac_worker;
GRANT UPDATE (results, reported) ON almanac.run_steps TO almanac_worker;
