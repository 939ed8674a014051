-- What operators do by HTTP: roll back, promote, resume. The functions belong to almanac_operator, which has no login and only
-- the rights that follow; the server's role may call the three that begin with api.

-- A promotion moves the alias of the model registry too, which the server does not know: the next run or command carries it there.
CREATE TABLE almanac.pending_aliases (
    workload text NOT NULL PRIMARY KEY,
    model_version integer NOT NULL,
    decision_id bigint NOT NULL,
    who text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- What an operation has answered: asked once more with the same id, it does nothing and answers so again.
CREATE TABLE almanac.operations (
    event_id uuid NOT NULL PRIMARY KEY,
    answer jsonb NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The live release of a workload; none where its run was pruned.
CREATE FUNCTION almanac.operate_live(place text) RETURNS TABLE (
    release_id bigint, run_id text, model_version integer, release_hash text, demo boolean, simulated boolean, covered_until bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT newest.release_id, newest.run_id, newest.model_version, newest.release_hash, r.demo, r.simulated, r.covered_until
    FROM (SELECT * FROM almanac.releases AS l WHERE l.workload = place ORDER BY l.release_id DESC LIMIT 1) AS newest
    JOIN almanac.runs AS r USING (run_id) WHERE r.pruned_at IS NULL
$$;

CREATE FUNCTION almanac.operate_is_incremental(place text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT (w.contract ->> 'incremental')::boolean FROM almanac.workloads AS w WHERE w.workload = place), false)
$$;

-- The newest run with rows of a version.
CREATE FUNCTION almanac.operate_newest(place text, version integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.run_id FROM almanac.runs AS r
    WHERE r.workload = place AND r.model_version = version AND r.status = 'succeeded' AND r.rows IS NOT NULL AND r.pruned_at IS NULL
    ORDER BY r.finished_at DESC LIMIT 1
$$;

CREATE FUNCTION almanac.operate_refusal(status integer, reason text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('status', status, 'detail', reason)
$$;

-- Release a run by the rules of the ledger, and return its number or a refusal. The caller holds the lock of the ledger.
CREATE FUNCTION almanac.operate_release(place text, target text, act text, actor text, reason text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run almanac.runs;
    live record;
    fresh almanac.releases;
    is_incremental boolean := almanac.operate_is_incremental(place);
    instant text;
BEGIN
    SELECT * INTO run FROM almanac.runs AS r WHERE r.run_id = target AND r.workload = place;
    IF run.run_id IS NULL THEN
        RETURN almanac.operate_refusal(404, format('''%s'' has no run ''%s''. GET /v1/%s/releases names its runs.', place, left(target, 64), place));
    ELSIF run.status <> 'succeeded' OR run.rows IS NULL THEN
        RETURN almanac.operate_refusal(409, format('Run %s has no complete set of predictions and cannot be released.', target));
    ELSIF run.pruned_at IS NOT NULL THEN
        RETURN almanac.operate_refusal(409, format('The predictions of run %s were pruned and cannot be released again.', target));
    END IF;
    SELECT * INTO live FROM almanac.operate_live(place);
    IF live.release_id IS NOT NULL THEN
        IF (CASE WHEN run.simulated THEN 0 WHEN run.demo THEN 1 ELSE 2 END)
            < (CASE WHEN live.simulated THEN 0 WHEN live.demo THEN 1 ELSE 2 END) THEN
            RETURN almanac.operate_refusal(409, format(
                'Release %s answers from data of a higher rank; simulated data never replace others, and demo data no real ones.', live.release_id
            ));
        ELSIF is_incremental AND coalesce(run.covered_until, 0) < coalesce(live.covered_until, 0) THEN
            RETURN almanac.operate_refusal(409, format(
                'Version %s has predicted the entries up to number %s, release %s those up to %s; it cannot answer before it has scored '
                'the rest. `almanac promote` makes it champion: the next predict scores what it lacks.',
                run.model_version, run.covered_until, live.release_id, live.covered_until
            ));
        END IF;
    END IF;
    fresh.released_at := clock_timestamp();
    fresh.run_ids := ARRAY[run.run_id];
    IF is_incremental THEN
        SELECT array_agg(r.run_id ORDER BY r.finished_at) INTO fresh.run_ids FROM almanac.runs AS r
        WHERE r.workload = place AND r.model_version = run.model_version AND r.status = 'succeeded' AND r.rows IS NOT NULL
            AND r.pruned_at IS NULL AND r.absorbed_by IS NULL;
    END IF;
    SELECT encode(sha256(convert_to(jsonb_strip_nulls(to_jsonb(r) - 'pruned_at' - 'absorbed_by')::text || coalesce((
        SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) ORDER BY s.started_at, s.step)::text
        FROM almanac.run_steps AS s WHERE s.run_id = r.run_id
    ), ''), 'UTF8')), 'hex') INTO fresh.run_hash FROM almanac.runs AS r WHERE r.run_id = run.run_id;
    -- As Python writes an instant.
    instant := to_char(fresh.released_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || CASE
        WHEN to_char(fresh.released_at, 'US') = '000000' THEN '' ELSE to_char(fresh.released_at, '.US') END || '+00:00';
    -- As `canonical_json` writes these columns, their names in order.
    fresh.release_hash := encode(sha256(convert_to(coalesce(live.release_hash, '') || E'\n{'
        || '"kind":' || to_json(act) || ',"model_version":' || coalesce(run.model_version::text, 'null')
        || ',"previous_release_id":' || coalesce(live.release_id::text, 'null') || ',"released_at":' || to_json(instant)
        || ',"run_hash":' || to_json(fresh.run_hash) || ',"run_id":' || to_json(run.run_id)
        || ',"run_ids":' || to_json(fresh.run_ids) || ',"who":' || to_json(actor) || ',"why":' || to_json(reason)
        || ',"workload":' || to_json(place) || '}', 'UTF8')), 'hex');
    INSERT INTO almanac.releases (
        workload, run_id, run_ids, model_version, kind, previous_release_id, who, why, run_hash, released_at, release_hash
    ) VALUES (
        place, run.run_id, fresh.run_ids, run.model_version, act, live.release_id, actor, reason, fresh.run_hash, fresh.released_at,
        fresh.release_hash
    ) RETURNING release_id INTO fresh.release_id;
    PERFORM pg_notify('almanac_release', place || ' ' || fresh.release_id);
    RETURN jsonb_build_object(
        'workload', place, 'release', fresh.release_id, 'run', run.run_id, 'model_version', run.model_version
    );
END
$$;

-- Where an operation begins: one at a time for a workload, and one with the same id only once.
CREATE FUNCTION almanac.operate_begin(place text, event jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('almanac ledger ' || place));
    RETURN (SELECT o.answer FROM almanac.operations AS o WHERE o.event_id = (event ->> 'event_id')::uuid);
END
$$;

-- Where it ends: a refusal changes nothing; everything else goes into the audit trail in the same transaction.
CREATE FUNCTION almanac.operate_end(answer jsonb, event jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF answer ? 'status' THEN
        PERFORM api.audit_append(event || jsonb_build_object('outcome', 'refused'));
    ELSE
        PERFORM api.audit_append(jsonb_set(event, '{detail}', event -> 'detail' || jsonb_strip_nulls(answer - 'workload')));
    END IF;
    INSERT INTO almanac.operations (event_id, answer) VALUES ((event ->> 'event_id')::uuid, answer);
    RETURN answer;
END
$$;

CREATE FUNCTION api.operate_rollback(place text, target text, actor text, why text, event jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb := almanac.operate_begin(place, event);
    live record;
    chosen text := target;
    version integer;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT * INTO live FROM almanac.operate_live(place);
    IF live.release_id IS NULL THEN
        RETURN almanac.operate_end(almanac.operate_refusal(409, format('''%s'' has no release yet, so there is nothing to roll back.', place)), event);
    END IF;
    IF target IS NULL THEN
        SELECT newest.run_id INTO chosen FROM almanac.releases AS l CROSS JOIN LATERAL (
            SELECT r.run_id FROM almanac.runs AS r
            WHERE r.pruned_at IS NULL AND r.rows IS NOT NULL AND CASE
                WHEN almanac.operate_is_incremental(place)
                THEN l.model_version <> live.model_version AND r.workload = l.workload AND r.model_version = l.model_version
                    AND r.status = 'succeeded'
                ELSE r.run_id = l.run_id AND l.run_id <> live.run_id END
            ORDER BY r.finished_at DESC LIMIT 1
        ) AS newest
        WHERE l.workload = place AND l.release_id < live.release_id ORDER BY l.release_id DESC LIMIT 1;
        IF chosen IS NULL THEN
            RETURN almanac.operate_end(almanac.operate_refusal(409, format(
                'Release %s of ''%s'' is the first that is kept; there is no earlier run to go back to.', live.release_id, place
            )), event);
        END IF;
    ELSIF almanac.operate_is_incremental(place) THEN
        SELECT r.model_version INTO version FROM almanac.runs AS r WHERE r.run_id = target AND r.workload = place;
        chosen := coalesce(almanac.operate_newest(place, version), target);
    END IF;
    answer := almanac.operate_release(
        place, chosen, 'rollback', actor, format('rolled back from release %s: %s', live.release_id, why)
    );
    IF NOT answer ? 'status' THEN
        UPDATE almanac.workloads AS w SET on_hold = true WHERE w.workload = place;
        answer := answer || '{"on_hold": true}';
    END IF;
    RETURN almanac.operate_end(answer, event);
END
$$;

CREATE FUNCTION api.operate_promote(place text, version integer, actor text, why text, event jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb := almanac.operate_begin(place, event);
    chosen text := almanac.operate_newest(place, version);
    before integer;
    decision bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT l.model_version INTO before FROM almanac.operate_live(place) AS l;
    IF NOT EXISTS (SELECT FROM almanac.model_versions AS m WHERE m.workload = place AND m.version = operate_promote.version) THEN
        answer := almanac.operate_refusal(404, format('''%s'' has no model version %s.', place, version));
    ELSIF chosen IS NULL THEN
        answer := almanac.operate_refusal(409, format(
            'Version %s of ''%s'' has no complete run that is kept. `almanac promote` on the machine makes it champion: the next predict '
            'releases it.', version, place
        ));
    ELSE
        answer := almanac.operate_release(place, chosen, 'promote', actor, why);
    END IF;
    IF NOT answer ? 'status' THEN
        UPDATE almanac.workloads AS w SET on_hold = false WHERE w.workload = place;
        INSERT INTO almanac.decisions (workload, challenger, champion, promoted, reason, who)
        VALUES (place, version, before, true, why, actor) RETURNING decision_id INTO decision;
        INSERT INTO almanac.pending_aliases AS p (workload, model_version, decision_id, who) VALUES (place, version, decision, actor)
        ON CONFLICT (workload) DO UPDATE SET model_version = excluded.model_version, decision_id = excluded.decision_id,
            who = excluded.who, requested_at = excluded.requested_at;
        answer := answer || '{"on_hold": false}';
    END IF;
    RETURN almanac.operate_end(answer, event);
END
$$;

CREATE FUNCTION api.operate_resume(place text, event jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb := almanac.operate_begin(place, event);
    live record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    UPDATE almanac.workloads AS w SET on_hold = false WHERE w.workload = place;
    SELECT * INTO live FROM almanac.operate_live(place);
    RETURN almanac.operate_end(jsonb_build_object(
        'workload', place, 'release', live.release_id, 'run', live.run_id, 'model_version', live.model_version, 'on_hold', false
    ), event);
END
$$;

REVOKE EXECUTE ON FUNCTION
    almanac.operate_live(text), almanac.operate_is_incremental(text), almanac.operate_newest(text, integer),
    almanac.operate_refusal(integer, text), almanac.operate_release(text, text, text, text, text),
    almanac.operate_begin(text, jsonb), almanac.operate_end(jsonb, jsonb), api.operate_rollback(text, text, text, text, jsonb),
    api.operate_promote(text, integer, text, text, jsonb), api.operate_resume(text, jsonb)
FROM PUBLIC;
GRANT USAGE ON SCHEMA almanac, api TO almanac_operator;
GRANT SELECT ON almanac.runs, almanac.run_steps, almanac.workloads, almanac.releases, almanac.model_versions TO almanac_operator;
GRANT INSERT ON almanac.releases TO almanac_operator;
GRANT INSERT, SELECT (decision_id) ON almanac.decisions TO almanac_operator;
GRANT UPDATE (on_hold) ON almanac.workloads TO almanac_operator;
GRANT SELECT, INSERT, UPDATE ON almanac.pending_aliases TO almanac_operator;
GRANT SELECT, INSERT ON almanac.operations TO almanac_operator;
GRANT EXECUTE ON FUNCTION api.audit_append(jsonb) TO almanac_operator;
-- To own a function a role may create in its schema, for this moment.
GRANT CREATE ON SCHEMA almanac, api TO almanac_operator;
ALTER FUNCTION almanac.operate_live(text) OWNER TO almanac_operator;
ALTER FUNCTION almanac.operate_is_incremental(text) OWNER TO almanac_operator;
ALTER FUNCTION almanac.operate_newest(text, integer) OWNER TO almanac_operator;
ALTER FUNCTION almanac.operate_refusal(integer, text) OWNER TO almanac_operator;
ALTER FUNCTION almanac.operate_release(text, text, text, text, text) OWNER TO almanac_operator;
ALTER FUNCTION almanac.operate_begin(text, jsonb) OWNER TO almanac_operator;
ALTER FUNCTION almanac.operate_end(jsonb, jsonb) OWNER TO almanac_operator;
ALTER FUNCTION api.operate_rollback(text, text, text, text, jsonb) OWNER TO almanac_operator;
ALTER FUNCTION api.operate_promote(text, integer, text, text, jsonb) OWNER TO almanac_operator;
ALTER FUNCTION api.operate_resume(text, jsonb) OWNER TO almanac_operator;
REVOKE CREATE ON SCHEMA almanac, api FROM almanac_operator;
GRANT EXECUTE ON FUNCTION
    api.operate_rollback(text, text, text, text, jsonb), api.operate_promote(text, integer, text, text, jsonb),
    api.operate_resume(text, jsonb)
TO almanac_access;
