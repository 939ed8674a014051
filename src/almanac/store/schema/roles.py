"""The roles and schemas that Almanac needs, and the SQL by which an administrator makes what is missing."""

from collections.abc import Sequence
from typing import Any

import psycopg

ROLES = ("owner", "worker", "reader", "ingest", "access", "operator")
SCHEMAS = ("almanac", "staging", "api")
# What bootstrap.sql would do, as statements for somebody who may.
MISSING = b"""
WITH names AS (SELECT 'almanac_' || role AS name FROM unnest(%(roles)s::text[]) AS role),
members AS (
    SELECT granted.rolname AS granted, member.rolname AS member FROM pg_auth_members
    JOIN pg_roles AS granted ON granted.oid = roleid
    JOIN pg_roles AS member ON member.oid = pg_auth_members.member
)
SELECT statement FROM (
    SELECT 1 AS place, format('CREATE ROLE %%I NOLOGIN', name) AS statement FROM names
    WHERE name NOT IN (SELECT rolname FROM pg_roles)
    UNION ALL
    SELECT 2, format('GRANT %%I TO %%I', name, current_user) FROM names
    WHERE NOT EXISTS (SELECT FROM members WHERE granted = name AND member = current_user)
    UNION ALL
    SELECT 3, format('GRANT %%I TO almanac_owner', name)
    FROM (VALUES ('almanac_worker'), ('almanac_operator')) AS lent(name)
    WHERE NOT EXISTS (SELECT FROM members WHERE granted = name AND member = 'almanac_owner')
    UNION ALL
    SELECT 4, format('CREATE SCHEMA %%I AUTHORIZATION almanac_owner', name)
    FROM unnest(%(schemas)s::text[]) AS name
    WHERE name NOT IN (SELECT nspname FROM pg_namespace)
) AS missing ORDER BY place, statement
"""


def missing_statements(connection: psycopg.Connection[Any], roles: Sequence[str] = ROLES) -> list[str]:
    """Return the statements that make the roles and schemas which the user of a connection lacks."""
    rows = connection.execute(MISSING, {"roles": list(roles), "schemas": list(SCHEMAS)}).fetchall()
    return [str(statement) for (statement,) in rows]
