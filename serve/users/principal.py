"""Who a request comes from, and which scopes that gives."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["user", "key", "anonymous"]
Role = Literal["viewer", "operator", "admin"]
READ, INGEST, OPERATE, ADMIN, METRICS = "read", "ingest", "operate", "admin", "metrics"
# What each role may do. An admin may do everything, as a key with the scope `admin` may.
SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    "viewer": frozenset({READ}),
    "operator": frozenset({READ, OPERATE, METRICS}),
    "admin": frozenset({READ, INGEST, OPERATE, ADMIN, METRICS}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, a key, or nobody; `id` is the id of the user or of the key."""

    name: str
    kind: Kind
    role: str | None
    scopes: frozenset[str]
    id: str
    # The session that a user's token or cookie belongs to.
    session: str = ""

    def may(self, scope: str) -> bool:
        """Tell whether this principal has a scope; `read` includes `read:football`, and `admin` every one."""
        return scope in self.scopes or scope.partition(":")[0] in self.scopes or ADMIN in self.scopes

    @property
    def may_read_something(self) -> bool:
        """Whether this principal may read at least one workload."""
        return any(scope.partition(":")[0] in (READ, ADMIN) for scope in self.scopes)


ANONYMOUS = Principal("anonymous", "anonymous", None, frozenset(), "")
