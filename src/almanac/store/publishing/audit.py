"""Audit: the staged rows of a run are checked against the contract before anybody can read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from almanac.contract import Column, Contract, SumRule, Table
from almanac.errors import AuditFailed
from almanac.store.publishing.staging_tables import staging_table

COUNT_BROKEN = sql.SQL(", count(*) FILTER (WHERE NOT ({}))")
COUNT_ROWS = sql.SQL("SELECT count(*){} FROM {}")


@dataclass(frozen=True)
class Rule:
    """A rule in words, and as an SQL condition that is true (or NULL) for a good row."""

    text: str
    condition: sql.Composable


def audit(connection: psycopg.Connection[Any], contract: Contract, run_id: str) -> int:
    """Check the staged rows of a run against the contract and return how many predictions they are.

    Raises AuditFailed that names every broken rule with its count.
    """
    faults: list[str] = []
    prediction_count = 0
    for table in contract.released_tables:
        rules = _rules(contract, table)
        rows, broken_counts = _counts(connection, staging_table(contract, table, run_id), rules)
        if table is contract.predictions:
            prediction_count = rows
            faults += _row_count_faults(contract, rows)
        faults += _rule_faults(table, rules, broken_counts)
    if faults:
        raise AuditFailed(f"The predictions of run {run_id} were not published: {'; '.join(faults)}.")
    return prediction_count


def _counts(
    connection: psycopg.Connection[Any], place: sql.Composable, rules: list[Rule]
) -> tuple[int, list[int]]:
    """Return how many rows there are, and how many break each rule."""
    broken = sql.SQL("").join(COUNT_BROKEN.format(rule.condition) for rule in rules)
    (counts,) = connection.execute(COUNT_ROWS.format(broken, place)).fetchall()
    return counts[0], list(counts[1:])


def _row_count_faults(contract: Contract, rows: int) -> list[str]:
    least, most = contract.minimum_rows, contract.maximum_rows
    if least <= rows <= most:
        return []
    return [f"{contract.predictions.name}: {rows} rows, the contract allows {least} to {most}"]


def _rule_faults(table: Table, rules: list[Rule], broken_counts: list[int]) -> list[str]:
    pairs = zip(rules, broken_counts, strict=True)
    return [f"{table.name}: {count} rows break '{rule.text}'" for rule, count in pairs if count]


def _rules(contract: Contract, table: Table) -> list[Rule]:
    rules = [rule for column in table.columns for rule in _range_rules(column)]
    if table is contract.predictions:
        rules += [_sum_rule(rule) for rule in contract.sums]
    return rules


def _range_rules(column: Column) -> Iterator[Rule]:
    name = sql.Identifier(column.name)
    if column.minimum is not None:
        yield Rule(f"{column.name} >= {column.minimum:g}", sql.SQL("{} >= {}").format(name, column.minimum))
    if column.maximum is not None:
        yield Rule(f"{column.name} <= {column.maximum:g}", sql.SQL("{} <= {}").format(name, column.maximum))


def _sum_rule(rule: SumRule) -> Rule:
    total = sql.SQL(" + ").join(map(sql.Identifier, rule.columns))
    condition = sql.SQL("abs({} - {}) <= {}").format(total, rule.total, rule.tolerance)
    return Rule(f"{' + '.join(rule.columns)} = {rule.total:g}", condition)
