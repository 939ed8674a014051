CREATE OR REPLACE VIEW api.runs AS SELECT * FROM almanac.runs;
CREATE OR REPLACE VIEW api.model_versions AS
    SELECT workload, version, run_id, mlflow_run_id, artifact_hash, data_hash, trained_until, parameters, metrics, simulated, created_at,
           newest_data
    FROM almanac.model_versions;
CREATE OR REPLACE VIEW api.releases AS
    SELECT l.release_id, l.workload, l.run_id, l.run_ids, l.model_version, l.kind, l.previous_release_id, l.who, l.why, l.released_at,
           r.data_as_of, r.demo, r.simulated, r.source, r.rows, r.pruned_at, r.newest_data
    FROM almanac.releases AS l JOIN almanac.runs AS r USING (run_id);
