-- Log entries by the day they were received, so that retention drops whole tables. Their numbers grow in the order of arrival.
CREATE SEQUENCE almanac.log_numbers;
CREATE TABLE almanac.log_entries (
    entry_id bigint NOT NULL DEFAULT nextval('almanac.log_numbers'),
    day date NOT NULL,
    received_at timestamptz NOT NULL,
    event_time timestamptz NOT NULL CONSTRAINT event_time_is_readable CHECK (event_time >= '1970-01-01' AND event_time < '9999-12-31'),
    source text COLLATE "C" NOT NULL CHECK (length(source) BETWEEN 1 AND 200),
    session text COLLATE "C",
    level text COLLATE "C",
    logger text COLLATE "C",
    client_id text COLLATE "C",
    text text COLLATE "C" NOT NULL CHECK (length(text) <= 65536),
    raw boolean NOT NULL DEFAULT false,
    demo boolean NOT NULL DEFAULT false,
    PRIMARY KEY (entry_id, day)
) PARTITION BY LIST (day);
CREATE TRIGGER number_entries BEFORE INSERT ON almanac.log_entries EXECUTE FUNCTION almanac.number_entries();

-- Which entries are there, by a hash of the id that the client gave or of what the entry says: so none is stored twice while it is kept.
CREATE TABLE almanac.log_ids (
    id uuid PRIMARY KEY,
    entry_id bigint NOT NULL DEFAULT nextval('almanac.log_numbers'),
    day date NOT NULL
);

-- What can be searched, filled by `predict` after it has published.
CREATE TABLE almanac.log_search (
    entry_id bigint NOT NULL,
    day date NOT NULL,
    event_time timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    session text COLLATE "C",
    document tsvector NOT NULL
) PARTITION BY LIST (day);
CREATE INDEX log_search_by_word ON almanac.log_search USING gin (document);
CREATE INDEX log_search_by_time ON almanac.log_search (event_time, entry_id);
CREATE INDEX log_search_by_session ON almanac.log_search (source, session, event_time, entry_id) WHERE session IS NOT NULL;
CREATE TABLE almanac.log_indexed (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), until bigint NOT NULL DEFAULT 0);
INSERT INTO almanac.log_indexed DEFAULT VALUES;

CREATE TABLE almanac.log_rules (
    rule_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('errors', 'anomalies', 'new_templates')),
    threshold bigint NOT NULL CHECK (threshold > 0),
    window_minutes integer NOT NULL CHECK (window_minutes BETWEEN 5 AND 10080),
    source text COLLATE "C",
    is_active boolean NOT NULL DEFAULT true
);
INSERT INTO almanac.log_rules (name, kind, threshold, window_minutes) VALUES
    ('many errors', 'errors', 100, 15), ('many anomalies', 'anomalies', 50, 15), ('new templates', 'new_templates', 20, 60);

CREATE TABLE almanac.log_alerts (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id bigint NOT NULL REFERENCES almanac.log_rules,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'closed')),
    value bigint NOT NULL,
    highest bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX log_alerts_one_for_each_rule ON almanac.log_alerts (rule_id) WHERE state <> 'closed';

-- Masked texts that somebody asked about and no run has predicted yet.
CREATE TABLE almanac.log_questions (
    text_id text COLLATE "C" PRIMARY KEY CHECK (text_id ~ '^[0-9a-f]{12}$'),
    masked text COLLATE "C" NOT NULL CHECK (length(masked) <= 2000),
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Makes the table of a day; only its owner could otherwise.
CREATE FUNCTION almanac.log_open_day(wanted date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := 'log_entries_' || to_char(wanted, 'YYYYMMDD');
BEGIN
    IF to_regclass('almanac.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('almanac log day'));
    -- Asked of the table itself: what to_regclass has said once is remembered.
    IF NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = 'almanac'::regnamespace) THEN
        EXECUTE format('CREATE TABLE almanac.%I PARTITION OF almanac.log_entries FOR VALUES IN (%L)', name, wanted);
        EXECUTE format('GRANT SELECT, INSERT ON almanac.%I TO almanac_worker', name);
    END IF;
END
$$;

CREATE FUNCTION almanac.log_id(kind text, told text) RETURNS uuid LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(substring(sha256(convert_to(kind || told, 'UTF8')) FOR 16), 'hex')::uuid
$$;

-- Stores up to 1,000 entries that a client sent; says of each, by its place, which number it got, and whether it was there already.
CREATE FUNCTION api.log_ingest(given jsonb) RETURNS TABLE (place integer, entry_id bigint, is_new boolean)
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
    ), chosen AS MATERIALIZED (
        -- In the order of their keys: two calls that share ids then wait for each other and never both.
        SELECT DISTINCT ON (key) key, at, item FROM told ORDER BY key, at
    ), fresh AS (
        INSERT INTO almanac.log_ids AS stored (id, day) SELECT key, today FROM chosen ORDER BY key ON CONFLICT DO NOTHING
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

CREATE FUNCTION api.log_ask(wanted text, told text) RETURNS timestamptz LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO almanac.log_questions (text_id, masked) VALUES (wanted, told)
    ON CONFLICT (text_id) DO UPDATE SET asked_at = clock_timestamp() RETURNING asked_at
$$;

-- Acknowledges or closes an alert and returns it as JSON; NULL where there is none, the alert unchanged where it was closed before.
CREATE FUNCTION api.log_change_alert(wanted bigint, told text) RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE almanac.log_alerts SET state = told, changed_at = clock_timestamp(),
           closed_at = CASE WHEN told = 'closed' THEN clock_timestamp() END
    WHERE alert_id = wanted AND state <> 'closed' AND state <> told;
    RETURN (SELECT row_to_json(changed) FROM api.log_alerts AS changed WHERE changed.alert = wanted);
END
$$;

CREATE VIEW api.log_entries AS
    SELECT entry_id, day, received_at, event_time, source, session, level, logger, client_id, text, raw, demo FROM almanac.log_entries;
CREATE VIEW api.log_search AS SELECT entry_id, day, event_time, source, session, document FROM almanac.log_search;
CREATE VIEW api.log_ids AS SELECT id, entry_id FROM almanac.log_ids;
CREATE VIEW api.log_questions AS SELECT text_id, asked_at FROM almanac.log_questions;
CREATE VIEW api.log_alerts AS
    SELECT alert_id AS alert, rule.name AS rule, kind, source, threshold, window_minutes, state, value, highest, opened_at, changed_at, closed_at
    FROM almanac.log_alerts JOIN almanac.log_rules AS rule USING (rule_id);
GRANT SELECT ON api.log_entries, api.log_search, api.log_ids, api.log_questions, api.log_alerts TO almanac_reader, almanac_worker;

REVOKE EXECUTE ON FUNCTION almanac.log_open_day(date), almanac.log_id(text, text), api.log_ingest(jsonb), api.log_ask(text, text),
    api.log_change_alert(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.log_ingest(jsonb), api.log_ask(text, text), api.log_change_alert(bigint, text) TO almanac_ingest;
GRANT EXECUTE ON FUNCTION almanac.log_open_day(date) TO almanac_worker;
GRANT SELECT, INSERT ON almanac.log_entries, almanac.log_ids TO almanac_worker;
GRANT SELECT ON almanac.log_questions TO almanac_worker;
GRANT USAGE ON SEQUENCE almanac.log_numbers TO almanac_worker;
