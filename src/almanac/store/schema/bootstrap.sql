-- Roles and schemas; needs CREATEROLE the first time and does nothing where they exist.
DO $$
DECLARE
    wanted text;
BEGIN
    -- Two programs may start at once; roles belong to the whole server.
    PERFORM pg_advisory_xact_lock(hashtext('almanac bootstrap'));
    FOREACH wanted IN ARRAY ARRAY['almanac_owner', 'almanac_worker', 'almanac_reader', 'almanac_ingest', 'almanac_access', 'almanac_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
        IF NOT pg_has_role(current_user, wanted, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
    -- The owner takes over tables that a worker has staged.
    IF NOT pg_has_role('almanac_owner', 'almanac_worker', 'MEMBER') THEN
        GRANT almanac_worker TO almanac_owner;
    END IF;
    -- It hands over the functions of operators, which then run with fewer rights than its own.
    IF NOT pg_has_role('almanac_owner', 'almanac_operator', 'MEMBER') THEN
        GRANT almanac_operator TO almanac_owner;
    END IF;
    FOREACH wanted IN ARRAY ARRAY['almanac', 'staging', 'api'] LOOP
        IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = wanted) THEN
            EXECUTE format('CREATE SCHEMA %I AUTHORIZATION almanac_owner', wanted);
        END IF;
    END LOOP;
END
$$;
