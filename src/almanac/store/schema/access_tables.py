"""Tables of users, sessions, keys, limits, audit and use; Alembic creates them, functions alone fill them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from almanac.store.schema.tables import NOW, Instant, metadata

PLAIN_NAME = "^[a-z0-9][a-z0-9._@-]{0,63}$"

users = sa.Table(
    "users",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("created_at", Instant, nullable=False, server_default=NOW),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("changed_at", Instant, nullable=False, server_default=NOW),
    sa.Column("disabled_at", Instant),
    sa.CheckConstraint(f"name ~ '{PLAIN_NAME}'", name="name_is_plain"),
    sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role_is_known"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("session_id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey(users.c.user_id), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("cookie_hash", sa.LargeBinary, unique=True),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False, server_default=NOW),
    sa.Column("seen_at", Instant, nullable=False, server_default=NOW),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_why", sa.Text),
    sa.CheckConstraint("kind IN ('token', 'browser')", name="kind_of_session"),
    sa.Index("sessions_of_user", "user_id", "created_at"),
    sa.Index("sessions_by_end", "expires_at"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column(
        "session_id", sa.Uuid, sa.ForeignKey(sessions.c.session_id, ondelete="CASCADE"), nullable=False
    ),
    sa.Column("created_at", Instant, nullable=False, server_default=NOW),
    sa.Column("used_at", Instant),
    sa.Column("successor", sa.LargeBinary),
    sa.Index("refresh_tokens_of_session", "session_id"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", Instant, nullable=False, server_default=NOW),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("last_used_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.Column("revoked_by", sa.Text),
    sa.CheckConstraint("key_id ~ '^[0-9A-Za-z]{8}$'", name="key_id_is_plain"),
    sa.CheckConstraint(f"name ~ '{PLAIN_NAME}'", name="key_name_is_plain"),
)

access_state = sa.Table(
    "access_state",
    metadata,
    sa.Column("is_only", sa.Boolean, primary_key=True, server_default=sa.text("true")),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.CheckConstraint("is_only", name="one_row"),
)

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
