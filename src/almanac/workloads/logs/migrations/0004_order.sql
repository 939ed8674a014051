-- As before, but the numbers of entries grow with their places in the array: "step 1" comes before "step 2".
CREATE OR REPLACE FUNCTION api.log_ingest(given jsonb) RETURNS TABLE (place integer, entry_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    today date := (moment AT TIME ZONE 'UTC')::date;
BEGIN
    PERFORM almanac.log_open_day(today);
    PERFORM pg_advisory_xact_lock_shared(hashtext('almanac numbers log_entries'));
    RETURN QUERY
    WITH told AS MATERIALIZED (
        SELECT ordinality::integer AS at, item,
               -- Who sends no id gets a key of the server's, so that a call that is repeated after a lost connection stores nothing twice.
               CASE WHEN item ->> 'id' IS NULL THEN (item ->> 'key')::uuid ELSE almanac.log_id('client ', item ->> 'id') END AS key
        FROM jsonb_array_elements(given) WITH ORDINALITY AS each(item, ordinality)
    ), firsts AS MATERIALIZED (
        SELECT DISTINCT ON (key) key, at, item FROM told ORDER BY key, at
    ), chosen AS MATERIALIZED (
        -- The numbers are drawn in the order of the places.
        SELECT key, at, item, nextval('almanac.log_numbers') AS number FROM (SELECT * FROM firsts ORDER BY at) AS ordered
    ), fresh AS (
        -- In the order of their keys: two calls that share ids then wait for each other and never both.
        INSERT INTO almanac.log_ids AS stored (id, entry_id, day) SELECT key, number, today FROM chosen ORDER BY key ON CONFLICT DO NOTHING
        RETURNING stored.id, stored.entry_id
    ), written AS (
        INSERT INTO almanac.log_entries (entry_id, day, received_at, event_time, source, session, level, logger, client_id, text)
        SELECT fresh.entry_id, today, moment, coalesce((item ->> 'time')::timestamptz, moment), coalesce(item ->> 'source', 'http'),
               item ->> 'session', item ->> 'level', item ->> 'logger', item ->> 'id', item ->> 'text'
        FROM fresh JOIN chosen ON chosen.key = fresh.id
    )
    SELECT told.at, coalesce(fresh.entry_id, known.entry_id), fresh.entry_id IS NOT NULL AND chosen.at = told.at
    FROM told JOIN chosen USING (key) LEFT JOIN fresh ON fresh.id = told.key LEFT JOIN almanac.log_ids AS known ON known.id = told.key
    ORDER BY told.at;
END
$$;
