"""Retention: entries of days that are over go as whole tables."""

from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from almanac.workloads.logs.keeping import queries, search_index

Connection = psycopg.Connection[Any]
DAYS = """
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD')
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'almanac.log_entries'::regclass ORDER BY 1"""
NUMBERS = sql.SQL("SELECT entry_id FROM {}")
DELETE_DAY = sql.SQL("DELETE FROM {} WHERE day = {}")
TABLES_WITH_DAY = ("log_ids", "log_layouts")


def expired_days(connection: Connection, before: date) -> list[date]:
    """Return the days of receipt before `before` that still have a table of entries, oldest first."""
    return [day for day in queries.column(connection, DAYS) if day < before]


def drop_day(connection: Connection, day: date) -> list[int]:
    """Drop the tables of a day with what refers to them; return the numbers of its entries."""
    entries = _identifier(f"log_entries_{day:%Y%m%d}")
    search = _identifier(search_index.partition(day))
    numbers = queries.column(connection, NUMBERS.format(entries))
    connection.execute(sql.SQL("DROP TABLE {}").format(entries))
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(search))
    for table in TABLES_WITH_DAY:
        connection.execute(DELETE_DAY.format(_identifier(table), day))
    return numbers


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier("almanac", table)
