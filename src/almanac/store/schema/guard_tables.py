"""Tables of rate limits, audit trail, use and operations; Alembic creates them, functions alone fill them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from almanac.store.schema.tables import NOW, Instant, metadata, users

rate_limits = sa.Table(
    "rate_limits",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("full_at", Instant, nullable=False),
    prefixes=["UNLOGGED"],
)

wrong_passwords = sa.Table(
    "wrong_passwords",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    prefixes=["UNLOGGED"],
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("audit_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("who", sa.Text),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("detail", JSONB, nullable=False),
    sa.Column("previous_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("is_head", sa.Boolean, primary_key=True),
    sa.Column("audit_id", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

audit_seals = sa.Table(
    "audit_seals",
    metadata,
    sa.Column("audit_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("sealed_at", Instant, nullable=False, server_default=NOW),
)

audit_counts = sa.Table(
    "audit_counts",
    metadata,
    sa.Column("minute", Instant, primary_key=True),
    sa.Column("action", sa.Text, primary_key=True),
    sa.Column("who", sa.Text, primary_key=True),
    sa.Column("network", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("who", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("workload", sa.Text, primary_key=True),
    sa.Column("model_version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
)

pending_aliases = sa.Table(
    "pending_aliases",
    metadata,
    sa.Column("workload", sa.Text, primary_key=True),
    sa.Column("model_version", sa.Integer, nullable=False),
    sa.Column("decision_id", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False, server_default=NOW),
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("answer", JSONB, nullable=False),
    sa.Column("answered_at", Instant, nullable=False, server_default=NOW),
)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey(users.c.user_id), nullable=False),
)
