-- What bootstrap.sql would make and is missing, as statements for an administrator, in its order.
WITH roles AS (SELECT name FROM unnest(%(roles)s::text[]) AS name),
needed AS (
    SELECT 1 AS place, format('CREATE ROLE %%I NOLOGIN', name) AS statement FROM roles
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
    UNION ALL
    SELECT 2, format('GRANT %%I TO %%I', name, session_user) FROM roles
    WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = name AND pg_has_role(session_user, r.oid, 'MEMBER'))
    UNION ALL
    SELECT 3, format('GRANT %%I TO almanac_owner', name)
    FROM (VALUES ('almanac_worker'), ('almanac_operator')) AS owned(name)
    WHERE NOT EXISTS (
        SELECT FROM pg_roles AS r JOIN pg_roles AS o ON o.rolname = 'almanac_owner'
        WHERE r.rolname = name AND pg_has_role(o.oid, r.oid, 'MEMBER')
    )
    UNION ALL
    SELECT 4, format('CREATE SCHEMA %%I AUTHORIZATION almanac_owner', name)
    FROM unnest(%(schemas)s::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)
)
SELECT string_agg(statement || ';', ' ' ORDER BY place, statement) FROM needed
