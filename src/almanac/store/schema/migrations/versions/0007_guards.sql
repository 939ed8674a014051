-- Rate limits, the delay after wrong passwords, the audit trail and the counts of use. The role almanac_access calls
-- functions; it has no right on a table.

-- Generic cell rate algorithm: `full_at` is when a bucket is full again. A crash empties the table, which forgives.
CREATE UNLOGGED TABLE almanac.rate_limits (
    key text NOT NULL PRIMARY KEY,
    full_at timestamptz NOT NULL
);

-- Take one turn of a bucket of `quota` turns in `seconds`. `wait` is 0 where there was one, else the seconds until the next.
-- PostgreSQL computes SET and WHERE after it has locked the row, so that many processes together never take one too many.
CREATE FUNCTION api.limit_take(bucket text, quota integer, seconds double precision)
RETURNS TABLE (remaining integer, wait double precision, reset double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span interval := make_interval(secs => seconds);
    turn interval := make_interval(secs => floor(seconds * 1e6 / quota) / 1e6);
    own text := CASE WHEN length(bucket) > 100 THEN encode(sha256(convert_to(bucket, 'UTF8')), 'hex') ELSE bucket END;
    later timestamptz;
    instant timestamptz;
BEGIN
    -- A row whose bucket is full says no more than no row.
    IF random() < 0.01 THEN
        DELETE FROM almanac.rate_limits WHERE key IN (
            SELECT l.key FROM almanac.rate_limits AS l WHERE l.full_at < clock_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED
        );
    END IF;
    INSERT INTO almanac.rate_limits AS l (key, full_at) VALUES (own, clock_timestamp() + turn)
    ON CONFLICT (key) DO UPDATE
        -- Further away than a whole bucket: the clock was set back.
        SET full_at = CASE WHEN l.full_at > clock_timestamp() + span + interval '1 second' THEN clock_timestamp()
            ELSE greatest(l.full_at, clock_timestamp()) END + turn
        WHERE greatest(l.full_at, clock_timestamp()) + turn <= clock_timestamp() + span
            OR l.full_at > clock_timestamp() + span + interval '1 second'
    RETURNING l.full_at INTO later;
    instant := clock_timestamp();
    IF later IS NULL THEN
        SELECT l.full_at INTO later FROM almanac.rate_limits AS l WHERE l.key = own;
        later := coalesce(later, instant);
        remaining := 0;
        wait := greatest(extract(epoch FROM later + turn - span - instant), 0.001);
    ELSE
        remaining := greatest(floor(extract(epoch FROM instant + span - later) / extract(epoch FROM turn)), 0);
        wait := 0;
    END IF;
    reset := greatest(extract(epoch FROM later - instant), 0);
    RETURN NEXT;
END
$$;

-- How often a password was wrong: of an account from a network, and of all accounts from a network.
CREATE UNLOGGED TABLE almanac.wrong_passwords (
    key text NOT NULL PRIMARY KEY,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL
);

-- The seconds until the next attempt: nothing for the first `free` failures, then twice as long each time up to a minute.
CREATE FUNCTION api.login_wait(bucket text, free integer) RETURNS double precision
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(least(60, greatest(0, extract(epoch FROM
        last_at + make_interval(secs => least(60, power(2, least(failures - free, 10) - 1))) - clock_timestamp()
    )))), 0)::double precision
    FROM almanac.wrong_passwords
    WHERE key = encode(sha256(convert_to(bucket, 'UTF8')), 'hex') AND failures > free
        AND last_at > clock_timestamp() - interval '15 minutes'
$$;

CREATE FUNCTION api.login_failed(bucket text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM almanac.wrong_passwords WHERE random() < 0.01 AND last_at < clock_timestamp() - interval '15 minutes';
    INSERT INTO almanac.wrong_passwords AS w (key, failures, last_at)
    VALUES (encode(sha256(convert_to(bucket, 'UTF8')), 'hex'), 1, clock_timestamp())
    ON CONFLICT (key) DO UPDATE SET last_at = excluded.last_at, failures = CASE
        WHEN w.last_at < excluded.last_at - interval '15 minutes' THEN 1 ELSE w.failures + 1 END
$$;

CREATE FUNCTION api.login_succeeded(bucket text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM almanac.wrong_passwords WHERE key = encode(sha256(convert_to(bucket, 'UTF8')), 'hex')
$$;

-- The audit trail: each row has the hash of the row before it.
CREATE TABLE almanac.audit (
    audit_id bigint NOT NULL PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    recorded_at timestamptz NOT NULL,
    action text NOT NULL,
    who text,
    subject text NOT NULL,
    outcome text NOT NULL,
    address text NOT NULL,
    request_id text NOT NULL,
    detail jsonb NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL
);
-- The newest row once more: who takes rows from the end of the chain has to change this too.
CREATE TABLE almanac.audit_head (
    is_head boolean NOT NULL PRIMARY KEY CHECK (is_head),
    audit_id bigint NOT NULL,
    hash text NOT NULL
);
INSERT INTO almanac.audit_head VALUES (true, 0, '');
-- Where pruning has cut the chain: rows up to `audit_id` were taken away, the last of them had this hash.
CREATE TABLE almanac.audit_seals (
    audit_id bigint NOT NULL PRIMARY KEY,
    hash text NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Refusals beyond the limits, counted by minute until they become a row of the trail.
CREATE TABLE almanac.audit_counts (
    minute timestamptz NOT NULL,
    action text NOT NULL,
    who text NOT NULL,
    network text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (minute, action, who, network)
);

-- A row goes only where a seal has taken its place.
CREATE FUNCTION almanac.audit_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit' THEN
        IF OLD.audit_id <= (SELECT max(s.audit_id) FROM almanac.audit_seals AS s) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING HINT = 'Rows past retention go by: almanac prune';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON almanac.audit FOR EACH ROW EXECUTE FUNCTION almanac.audit_refuse_change();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON almanac.audit EXECUTE FUNCTION almanac.audit_refuse_change();
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON almanac.audit_seals FOR EACH ROW EXECUTE FUNCTION almanac.audit_refuse_change();
CREATE TRIGGER audit_seals_not_emptied BEFORE TRUNCATE ON almanac.audit_seals EXECUTE FUNCTION almanac.audit_refuse_change();

-- The text of a row that its hash is made of, after the hash of the row before.
CREATE FUNCTION almanac.audit_text(a almanac.audit) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_array(
        a.audit_id, a.event_id, to_char(a.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.action, a.who,
        a.subject, a.outcome, a.address, a.request_id, a.detail
    )::text
$$;

-- Write the next row; a second call with the same `event_id` changes nothing. The caller holds the lock.
CREATE FUNCTION almanac.audit_write(event jsonb) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a almanac.audit;
BEGIN
    SELECT r.audit_id INTO a.audit_id FROM almanac.audit AS r WHERE r.event_id = (event ->> 'event_id')::uuid;
    IF FOUND THEN
        RETURN a.audit_id;
    END IF;
    SELECT h.audit_id + 1, h.hash INTO a.audit_id, a.previous_hash FROM almanac.audit_head AS h;
    a.event_id := (event ->> 'event_id')::uuid;
    a.recorded_at := clock_timestamp();
    a.action := left(event ->> 'action', 64);
    a.who := left(event ->> 'who', 256);
    a.subject := left(coalesce(event ->> 'subject', ''), 256);
    a.outcome := left(coalesce(event ->> 'outcome', 'ok'), 64);
    a.address := left(coalesce(event ->> 'address', ''), 64);
    a.request_id := left(coalesce(event ->> 'request_id', ''), 64);
    a.detail := coalesce(event -> 'detail', '{}');
    a.hash := encode(sha256(convert_to(a.previous_hash || almanac.audit_text(a), 'UTF8')), 'hex');
    INSERT INTO almanac.audit SELECT a.*;
    UPDATE almanac.audit_head SET audit_id = a.audit_id, hash = a.hash;
    RETURN a.audit_id;
END
$$;

-- Make rows of the counts of minutes that are over. The caller holds the lock.
CREATE FUNCTION almanac.audit_settle() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c almanac.audit_counts;
BEGIN
    FOR c IN
        DELETE FROM almanac.audit_counts WHERE minute < date_trunc('minute', clock_timestamp()) RETURNING *
    LOOP
        PERFORM almanac.audit_write(jsonb_build_object(
            'event_id', gen_random_uuid(), 'action', c.action, 'who', nullif(c.who, ''), 'outcome', 'refused', 'address', c.network,
            'detail', jsonb_build_object('count', c.count, 'minute', to_char(c.minute AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'))
        ));
    END LOOP;
END
$$;

CREATE FUNCTION api.audit_append(event jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('almanac audit'));
    PERFORM almanac.audit_settle();
    RETURN almanac.audit_write(event);
END
$$;

-- Count a refusal beyond the limits. Past a thousand pairs of account and network in one minute, the others share one row.
CREATE FUNCTION api.audit_count(action text, who text, network text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present timestamptz := date_trunc('minute', clock_timestamp());
    account text := left(who, 256);
    origin text := left(network, 64);
BEGIN
    UPDATE almanac.audit_counts AS c SET count = c.count + 1
    WHERE c.minute = present AND c.action = audit_count.action AND c.who = account AND c.network = origin;
    IF FOUND THEN
        RETURN;
    END IF;
    IF (SELECT count(*) FROM almanac.audit_counts AS c WHERE c.minute = present) >= 1000 THEN
        account := '';
        origin := 'others';
    END IF;
    INSERT INTO almanac.audit_counts AS c VALUES (present, action, account, origin, 1)
    ON CONFLICT ON CONSTRAINT audit_counts_pkey DO UPDATE SET count = c.count + 1;
END
$$;

-- A page of the trail, newest first. NULL in a filter is every value.
CREATE FUNCTION api.audit_read(filters jsonb, before bigint, most integer) RETURNS TABLE (entry json, audit_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('almanac audit'));
    PERFORM almanac.audit_settle();
    RETURN QUERY
    SELECT json_build_object(
        'number', a.audit_id, 'recorded_at', to_char(a.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'action', a.action, 'who', a.who, 'subject', a.subject, 'outcome', a.outcome, 'address', a.address,
        'request_id', a.request_id, 'detail', a.detail, 'hash', a.hash
    ), a.audit_id
    FROM almanac.audit AS a
    WHERE a.audit_id < before
        AND (filters ->> 'action' IS NULL OR a.action = filters ->> 'action')
        AND (filters ->> 'who' IS NULL OR a.who = filters ->> 'who')
        AND (filters ->> 'subject' IS NULL OR a.subject = filters ->> 'subject')
        AND (filters ->> 'outcome' IS NULL OR a.outcome = filters ->> 'outcome')
        AND (filters ->> 'from' IS NULL OR a.recorded_at >= (filters ->> 'from')::timestamptz)
        AND (filters ->> 'to' IS NULL OR a.recorded_at < (filters ->> 'to')::timestamptz)
    ORDER BY a.audit_id DESC LIMIT most;
END
$$;

-- Take away the rows before `instant` and leave a seal; return how many there were.
CREATE FUNCTION almanac.audit_prune(instant timestamptz, by text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last almanac.audit;
    pruned bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('almanac audit'));
    PERFORM almanac.audit_settle();
    SELECT * INTO last FROM almanac.audit AS a
    WHERE a.audit_id < coalesce(
        (SELECT min(k.audit_id) FROM almanac.audit AS k WHERE k.recorded_at >= instant), (SELECT h.audit_id + 1 FROM almanac.audit_head AS h)
    ) ORDER BY a.audit_id DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    INSERT INTO almanac.audit_seals (audit_id, hash) VALUES (last.audit_id, last.hash);
    DELETE FROM almanac.audit AS a WHERE a.audit_id <= last.audit_id;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    PERFORM almanac.audit_write(jsonb_build_object(
        'event_id', gen_random_uuid(), 'action', 'audit_prune', 'who', by,
        'detail', jsonb_build_object('up_to', last.audit_id, 'hash', last.hash, 'rows', pruned)
    ));
    RETURN pruned;
END
$$;

-- Who reads what: counts by day, without addresses.
CREATE TABLE almanac.usage (
    day date NOT NULL,
    who text NOT NULL,
    route text NOT NULL,
    workload text NOT NULL,
    model_version integer NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (day, who, route, workload, model_version)
);

CREATE FUNCTION api.usage_add(counts jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO almanac.usage AS u (day, who, route, workload, model_version, count)
    SELECT c.day, c.who, c.route, c.workload, c.model_version, sum(c.count)
    FROM jsonb_to_recordset(counts)
        AS c(day date, who text, route text, workload text, model_version integer, count bigint)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT ON CONSTRAINT usage_pkey DO UPDATE SET count = u.count + excluded.count
$$;

CREATE FUNCTION api.usage_read(first date, last date, most integer) RETURNS TABLE (entry json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT json_build_object(
        'day', u.day, 'who', u.who, 'route', u.route, 'workload', nullif(u.workload, ''),
        'model_version', nullif(u.model_version, 0), 'count', u.count
    )
    FROM almanac.usage AS u WHERE u.day BETWEEN first AND last
    ORDER BY u.day DESC, u.count DESC, u.who, u.route, u.workload, u.model_version LIMIT most
$$;

REVOKE EXECUTE ON FUNCTION
    api.limit_take(text, integer, double precision), api.login_wait(text, integer), api.login_failed(text),
    api.login_succeeded(text), almanac.audit_refuse_change(), almanac.audit_text(almanac.audit), almanac.audit_write(jsonb),
    almanac.audit_settle(), api.audit_append(jsonb), api.audit_count(text, text, text), api.audit_read(jsonb, bigint, integer),
    almanac.audit_prune(timestamptz, text), api.usage_add(jsonb), api.usage_read(date, date, integer)
FROM PUBLIC;
GRANT USAGE ON SCHEMA api TO almanac_access;
GRANT EXECUTE ON FUNCTION
    api.limit_take(text, integer, double precision), api.login_wait(text, integer), api.login_failed(text),
    api.login_succeeded(text), api.audit_append(jsonb), api.audit_count(text, text, text),
    api.audit_read(jsonb, bigint, integer), api.usage_add(jsonb), api.usage_read(date, date, integer)
TO almanac_access;
