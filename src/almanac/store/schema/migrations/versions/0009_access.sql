CREATE TABLE almanac.users (
    user_id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CONSTRAINT name_is_plain CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    role text NOT NULL CONSTRAINT role_is_known CHECK (role IN ('viewer', 'operator', 'admin')),
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz
);

-- One row for each login; tokens and cookies are stored as hashes only.
CREATE TABLE almanac.sessions (
    session_id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES almanac.users,
    kind text NOT NULL CONSTRAINT kind_of_session CHECK (kind IN ('token', 'browser')),
    cookie_hash bytea UNIQUE,
    network text NOT NULL,
    agent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_why text
);
CREATE INDEX sessions_of_user ON almanac.sessions (user_id, created_at);
CREATE INDEX sessions_by_end ON almanac.sessions (expires_at);

CREATE TABLE almanac.refresh_tokens (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES almanac.sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at timestamptz,
    successor bytea
);
CREATE INDEX refresh_tokens_of_session ON almanac.refresh_tokens (session_id);

CREATE TABLE almanac.api_keys (
    key_id text PRIMARY KEY CONSTRAINT key_id_is_plain CHECK (key_id ~ '^[0-9A-Za-z]{8}$'),
    name text NOT NULL CONSTRAINT key_name_is_plain CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    key_hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);

-- The epoch grows with each change that takes something away; what was verified at an older epoch is verified again.
CREATE TABLE almanac.access_state (
    is_only boolean PRIMARY KEY DEFAULT true CONSTRAINT one_row CHECK (is_only),
    epoch bigint NOT NULL
);
INSERT INTO almanac.access_state (epoch) VALUES (1);

-- Every function that calls it waits for others that do, until their transactions end.
CREATE FUNCTION almanac.access_changed() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_epoch bigint;
BEGIN
    UPDATE almanac.access_state SET epoch = epoch + 1 RETURNING epoch INTO new_epoch;
    PERFORM pg_notify('almanac_access', new_epoch::text);
    RETURN new_epoch;
END
$$;

CREATE FUNCTION api.access_state() RETURNS TABLE (epoch bigint, has_users boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT state.epoch, EXISTS (SELECT FROM almanac.users WHERE disabled_at IS NULL) FROM almanac.access_state AS state
$$;

-- What a login needs of a user; a name that nobody has gives no row.
CREATE FUNCTION api.access_credentials(of_name text)
RETURNS TABLE (user_id uuid, name text, role text, password_hash text, is_disabled boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.user_id, u.name, u.role, u.password_hash, u.disabled_at IS NOT NULL FROM almanac.users AS u WHERE u.name = of_name
$$;

CREATE FUNCTION api.access_rehash(of_user uuid, old_hash text, new_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE almanac.users SET password_hash = new_hash WHERE user_id = of_user AND password_hash = old_hash
$$;

-- Begins a session and returns when it ends at the latest, or nothing where the user was disabled meanwhile. `token` is the hash of the cookie
-- of a browser, or of the first refresh token. A user has at most 100 sessions: the oldest end.
CREATE FUNCTION api.access_begin(session uuid, of_user uuid, session_kind text, token bytea, lifetime interval, from_network text, from_agent text)
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ends CONSTANT timestamptz := clock_timestamp() + lifetime;
BEGIN
    PERFORM FROM almanac.users AS u WHERE u.user_id = of_user AND u.disabled_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    DELETE FROM almanac.sessions AS s WHERE s.expires_at < clock_timestamp();
    DELETE FROM almanac.sessions AS s WHERE s.session_id IN (
        SELECT newest.session_id FROM almanac.sessions AS newest WHERE newest.user_id = of_user ORDER BY newest.created_at DESC OFFSET 99
    );
    INSERT INTO almanac.sessions (session_id, user_id, kind, cookie_hash, network, agent, expires_at)
    VALUES (session, of_user, session_kind, CASE session_kind WHEN 'browser' THEN token END, from_network, from_agent, ends)
    ON CONFLICT (session_id) DO NOTHING;
    IF session_kind = 'token' THEN
        INSERT INTO almanac.refresh_tokens (token_hash, session_id) VALUES (token, session) ON CONFLICT (token_hash) DO NOTHING;
    END IF;
    RETURN ends;
END
$$;

-- The user of a session that goes on. The epoch is read first: whatever changes later makes the answer one to ask for again.
CREATE FUNCTION api.access_session(of_session uuid, of_cookie bytea)
RETURNS TABLE (session_id uuid, user_id uuid, name text, role text, expires_at timestamptz, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before bigint;
BEGIN
    SELECT state.epoch INTO before FROM almanac.access_state AS state;
    UPDATE almanac.sessions AS s SET seen_at = clock_timestamp()
    WHERE (s.session_id = of_session OR s.cookie_hash = of_cookie) AND s.seen_at < clock_timestamp() - interval '1 minute';
    RETURN QUERY
        SELECT s.session_id, u.user_id, u.name, u.role, s.expires_at, before
        FROM almanac.sessions AS s JOIN almanac.users AS u ON u.user_id = s.user_id
        WHERE (s.session_id = of_session OR s.cookie_hash = of_cookie)
            AND s.ended_at IS NULL AND s.expires_at > clock_timestamp() AND u.disabled_at IS NULL;
END
$$;

-- Exchanges a refresh token for its child. Within the grace the same child is named again; a token that is used later ends its session.
CREATE FUNCTION api.access_refresh(token bytea, child bytea, grace interval)
RETURNS TABLE (outcome text, session_id uuid, user_id uuid, name text, role text, successor bytea, expires_at timestamptz, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    parent record;
    before bigint;
BEGIN
    SELECT state.epoch INTO before FROM almanac.access_state AS state;
    SELECT t.used_at, t.successor, s.session_id, s.expires_at, u.user_id, u.name, u.role,
        s.ended_at IS NULL AND s.expires_at > clock_timestamp() AND u.disabled_at IS NULL AS is_alive
    INTO parent
    FROM almanac.refresh_tokens AS t JOIN almanac.sessions AS s ON s.session_id = t.session_id JOIN almanac.users AS u ON u.user_id = s.user_id
    WHERE t.token_hash = token FOR UPDATE OF t;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL, NULL, NULL::bytea, NULL::timestamptz, before;
        RETURN;
    END IF;
    outcome := CASE
        WHEN NOT parent.is_alive THEN 'ended'
        WHEN parent.used_at IS NULL THEN 'first'
        WHEN parent.used_at > clock_timestamp() - grace THEN 'again'
        ELSE 'reused'
    END;
    IF outcome = 'first' THEN
        UPDATE almanac.refresh_tokens AS t SET used_at = clock_timestamp(), successor = child WHERE t.token_hash = token;
        INSERT INTO almanac.refresh_tokens (token_hash, session_id) VALUES (child, parent.session_id);
        parent.successor := child;
    ELSIF outcome = 'reused' THEN
        UPDATE almanac.sessions AS s SET ended_at = clock_timestamp(), ended_why = 'a refresh token was used twice'
        WHERE s.session_id = parent.session_id;
        before := almanac.access_changed();
    END IF;
    RETURN QUERY
        SELECT outcome, parent.session_id, parent.user_id, parent.name, parent.role, parent.successor, parent.expires_at, before;
END
$$;

-- Ends one session of a user, or all of them without a number; returns how many, and the epoch.
CREATE FUNCTION api.access_end(of_user uuid, session uuid, why text) RETURNS TABLE (ended bigint, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    epoch := almanac.access_changed();
    UPDATE almanac.sessions AS s SET ended_at = clock_timestamp(), ended_why = why
    WHERE s.user_id = of_user AND (session IS NULL OR s.session_id = session) AND s.ended_at IS NULL AND s.expires_at > clock_timestamp();
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN NEXT;
END
$$;

CREATE FUNCTION api.access_sessions(of_user uuid)
RETURNS TABLE (session_id uuid, kind text, network text, agent text, created_at timestamptz, seen_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.session_id, s.kind, s.network, s.agent, s.created_at, s.seen_at, s.expires_at FROM almanac.sessions AS s
    WHERE s.user_id = of_user AND s.ended_at IS NULL AND s.expires_at > clock_timestamp() ORDER BY s.created_at DESC, s.session_id
$$;

-- The scopes of a key that is valid; its last use is noted once a minute.
CREATE FUNCTION api.access_key(of_hash bytea) RETURNS TABLE (key_id text, name text, scopes text[], expires_at timestamptz, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before bigint;
BEGIN
    SELECT state.epoch INTO before FROM almanac.access_state AS state;
    UPDATE almanac.api_keys AS k SET last_used_at = clock_timestamp()
    WHERE k.key_hash = of_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        AND (k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - interval '1 minute');
    RETURN QUERY
        SELECT k.key_id, k.name, k.scopes, k.expires_at, before FROM almanac.api_keys AS k
        WHERE k.key_hash = of_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
END
$$;

CREATE FUNCTION api.access_users()
RETURNS TABLE (name text, role text, created_at timestamptz, created_by text, disabled_at timestamptz, has_password boolean, sessions bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.name, u.role, u.created_at, u.created_by, u.disabled_at, u.password_hash IS NOT NULL, (
        SELECT count(*) FROM almanac.sessions AS s WHERE s.user_id = u.user_id AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()
    ) FROM almanac.users AS u ORDER BY u.name
$$;

-- Whether the user was added; the same id again is the same user.
CREATE FUNCTION api.access_add_user(id uuid, new_name text, new_role text, new_hash text, by_whom text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO almanac.users (user_id, name, role, password_hash, created_by) VALUES (id, new_name, new_role, new_hash, by_whom)
    ON CONFLICT DO NOTHING;
    RETURN EXISTS (SELECT FROM almanac.users AS u WHERE u.user_id = id);
END
$$;

-- Changes what is not NULL. A new password and disabling end all sessions. The outcome is changed, unknown or last_admin.
CREATE FUNCTION api.access_change_user(of_name text, new_role text, new_hash text, shall_be_disabled boolean)
RETURNS TABLE (outcome text, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    epoch := almanac.access_changed();
    IF NOT EXISTS (SELECT FROM almanac.users AS u WHERE u.name = of_name) THEN
        outcome := 'unknown';
    ELSIF (new_role <> 'admin' OR shall_be_disabled)
        AND EXISTS (SELECT FROM almanac.users AS u WHERE u.name = of_name AND u.role = 'admin' AND u.disabled_at IS NULL)
        AND NOT EXISTS (SELECT FROM almanac.users AS u WHERE u.name <> of_name AND u.role = 'admin' AND u.disabled_at IS NULL) THEN
        outcome := 'last_admin';
    ELSE
        outcome := 'changed';
        UPDATE almanac.users AS u SET
            role = coalesce(new_role, u.role),
            password_hash = coalesce(new_hash, u.password_hash),
            disabled_at = CASE shall_be_disabled
                WHEN true THEN coalesce(u.disabled_at, clock_timestamp()) WHEN false THEN NULL ELSE u.disabled_at END,
            changed_at = clock_timestamp()
        WHERE u.name = of_name;
        IF new_hash IS NOT NULL OR shall_be_disabled THEN
            UPDATE almanac.sessions AS s SET ended_at = clock_timestamp(), ended_why = 'the user was changed'
            WHERE s.ended_at IS NULL AND s.user_id = (SELECT u.user_id FROM almanac.users AS u WHERE u.name = of_name);
        END IF;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION api.access_keys()
RETURNS TABLE (key_id text, name text, scopes text[], created_at timestamptz, created_by text, expires_at timestamptz, last_used_at timestamptz,
    revoked_at timestamptz, revoked_by text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.key_id, k.name, k.scopes, k.created_at, k.created_by, k.expires_at, k.last_used_at, k.revoked_at, k.revoked_by
    FROM almanac.api_keys AS k ORDER BY k.created_at, k.key_id
$$;

-- When the key expires. `lifetime` NULL makes a key that does not.
CREATE FUNCTION api.access_add_key(id text, new_name text, new_hash bytea, new_scopes text[], lifetime interval, by_whom text)
RETURNS TABLE (expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO almanac.api_keys (key_id, name, key_hash, scopes, expires_at, created_by)
    VALUES (id, new_name, new_hash, new_scopes, clock_timestamp() + lifetime, by_whom) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT k.expires_at FROM almanac.api_keys AS k WHERE k.key_id = id AND k.key_hash = new_hash;
END
$$;

-- Whether there is such a key; one that was revoked before keeps its first moment.
CREATE FUNCTION api.access_revoke_key(id text, by_whom text) RETURNS TABLE (is_revoked boolean, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    epoch := almanac.access_changed();
    UPDATE almanac.api_keys AS k SET revoked_at = coalesce(k.revoked_at, clock_timestamp()), revoked_by = coalesce(k.revoked_by, by_whom)
    WHERE k.key_id = id;
    is_revoked := FOUND;
    RETURN NEXT;
END
$$;

GRANT USAGE ON SCHEMA api TO almanac_access;
GRANT EXECUTE ON FUNCTION
    api.access_state(), api.access_credentials(text), api.access_rehash(uuid, text, text),
    api.access_begin(uuid, uuid, text, bytea, interval, text, text), api.access_session(uuid, bytea), api.access_refresh(bytea, bytea, interval),
    api.access_end(uuid, uuid, text), api.access_sessions(uuid), api.access_key(bytea), api.access_users(),
    api.access_add_user(uuid, text, text, text, text), api.access_change_user(text, text, text, boolean), api.access_keys(),
    api.access_add_key(text, text, bytea, text[], interval, text), api.access_revoke_key(text, text)
TO almanac_access;
