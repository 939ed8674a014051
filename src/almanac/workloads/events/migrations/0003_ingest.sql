-- As before, but an event that is forgotten between the two questions is stored after all, so that each place has an answer.
CREATE OR REPLACE FUNCTION api.events_ingest(given jsonb, is_simulated boolean DEFAULT false) RETURNS TABLE (place bigint, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    stored text[] := '{}';
    fresh text[];
    outcomes text[];
BEGIN
    LOOP
        -- In the order of ids, so that two calls with the same ones wait for each other instead of dying.
        WITH told AS (
            SELECT DISTINCT ON (event_id COLLATE "C") *
            FROM ROWS FROM (jsonb_to_recordset(given)
                AS (event_id text, event_type text, event_time timestamptz, size_kb double precision, priority smallint, payload jsonb))
                WITH ORDINALITY AS item (event_id, event_type, event_time, size_kb, priority, payload, place)
            ORDER BY event_id COLLATE "C", place
        ), kept AS (
            INSERT INTO almanac.events_queue (event_id, event_type, event_time, size_kb, priority, payload, simulated, received_at, rank_at)
            SELECT event_id, event_type, event_time, size_kb, priority, payload, is_simulated,
                moment + place * interval '1 microsecond', moment + place * interval '1 microsecond' - priority * interval '30 seconds'
            FROM told ORDER BY event_id COLLATE "C"
            ON CONFLICT DO NOTHING RETURNING event_id
        )
        SELECT coalesce(array_agg(event_id), '{}') INTO fresh FROM kept;
        stored := stored || fresh;
        IF cardinality(stored) = jsonb_array_length(given) THEN
            RETURN QUERY SELECT number, 'accepted' FROM generate_series(1, jsonb_array_length(given)::bigint) AS number;
            RETURN;
        END IF;
        -- A statement of its own sees what others have stored, or forgotten, meanwhile.
        SELECT array_agg(CASE
                WHEN known.event_id IS NULL THEN NULL
                WHEN item.event_id = ANY (stored) AND item.nth = 1 THEN 'accepted'
                WHEN (known.event_type, known.event_time, known.size_kb, known.priority, known.payload)
                    IS NOT DISTINCT FROM (item.event_type, item.event_time, item.size_kb, item.priority, item.payload) THEN 'duplicate'
                ELSE 'conflict' END ORDER BY item.place) INTO outcomes
            FROM (
                SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY place) AS nth FROM ROWS FROM (jsonb_to_recordset(given)
                    AS (event_id text, event_type text, event_time timestamptz, size_kb double precision, priority smallint, payload jsonb))
                    WITH ORDINALITY AS given_item (event_id, event_type, event_time, size_kb, priority, payload, place)
            ) AS item LEFT JOIN almanac.events_queue AS known ON known.event_id = item.event_id;
        IF array_position(outcomes, NULL) IS NULL THEN
            RETURN QUERY SELECT number, told FROM unnest(outcomes) WITH ORDINALITY AS answered (told, number) ORDER BY number;
            RETURN;
        END IF;
    END LOOP;
END
$$;
