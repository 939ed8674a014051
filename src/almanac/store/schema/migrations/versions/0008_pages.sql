CREATE VIEW api.notebooks_html AS
    SELECT run_id, step, workload, content, html_bytes, stored_at FROM almanac.notebooks_html;
GRANT SELECT ON api.notebooks_html TO almanac_reader, almanac_worker;

-- Whoever listens to this channel hears the name of a workload of which a run, a step or the hold has changed.
CREATE FUNCTION almanac.notify_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'run_steps' THEN
        PERFORM pg_notify('almanac_runs', workload) FROM almanac.runs WHERE run_id = NEW.run_id;
    ELSE
        PERFORM pg_notify('almanac_runs', NEW.workload);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER runs_heard AFTER INSERT OR UPDATE OF status ON almanac.runs
    FOR EACH ROW EXECUTE FUNCTION almanac.notify_runs();
CREATE TRIGGER run_steps_heard AFTER INSERT OR UPDATE OF status ON almanac.run_steps
    FOR EACH ROW EXECUTE FUNCTION almanac.notify_runs();
CREATE TRIGGER holds_heard AFTER UPDATE OF on_hold ON almanac.workloads
    FOR EACH ROW EXECUTE FUNCTION almanac.notify_runs();
