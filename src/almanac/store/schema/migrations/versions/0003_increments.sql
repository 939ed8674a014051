CREATE OR REPLACE VIEW api.runs AS SELECT * FROM almanac.runs;
CREATE TRIGGER erasures_append_only BEFORE UPDATE OR DELETE ON almanac.erasures FOR EACH ROW EXECUTE FUNCTION almanac.refuse_change();
CREATE TRIGGER erasures_not_emptied BEFORE TRUNCATE ON almanac.erasures EXECUTE FUNCTION almanac.refuse_change();
CREATE VIEW api.erasures AS SELECT * FROM almanac.erasures;
GRANT SELECT ON api.erasures TO almanac_reader, almanac_worker;
GRANT SELECT ON almanac.erasures TO almanac_worker;

-- Before INSERT on a table of entries: a run that asks how far the numbers are settled waits for whoever holds this.
CREATE FUNCTION almanac.number_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('almanac numbers ' || TG_TABLE_NAME));
    RETURN NULL;
END
$$;
