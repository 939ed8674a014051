"""Deployment choices, read once from the environment and passed down."""

import getpass
import os
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from almanac.errors import UsageError

PROJECT = Path(__file__).resolve().parents[2]


# Variables whose name has one of these words hold what no message may show.
SECRET_WORDS = ("URL", "KEY", "TOKEN", "SECRET")


class Settings(BaseModel):
    """Every variable Almanac reads; `.env.example` explains them in the same order.

    Keyword arguments, by the name of a field or of its variable, come before the environment.
    """

    model_config = ConfigDict(populate_by_name=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(PROJECT, alias="ALMANAC_HOME")
    state: Path = Field(Path(".almanac"), alias="ALMANAC_STATE")
    actor: str = Field("", alias="ALMANAC_ACTOR")
    commit: str = Field("", alias="ALMANAC_COMMIT")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")
    log_format: Literal["auto", "json"] = Field("auto", alias="LOG_FORMAT")
    sample: Literal["full", "mock"] = Field("full", alias="ALMANAC_SAMPLE")

    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    worker_database_url: SecretStr | None = Field(None, alias="ALMANAC_WORKER_DATABASE_URL")
    reader_database_url: SecretStr | None = Field(None, alias="ALMANAC_READER_DATABASE_URL")
    ingest_database_url: SecretStr | None = Field(None, alias="ALMANAC_INGEST_DATABASE_URL")
    access_database_url: SecretStr | None = Field(None, alias="ALMANAC_ACCESS_DATABASE_URL")

    mlflow_tracking_uri: SecretStr | None = Field(None, alias="MLFLOW_TRACKING_URI")
    mlflow_url: str = Field("", alias="ALMANAC_MLFLOW_URL", pattern=r"^(https?://[^\s\"'<>]+)?$")
    artifact_root: str = Field("", alias="ALMANAC_ARTIFACT_ROOT")

    mirror: str = Field("", alias="ALMANAC_MIRROR")
    offline: bool = Field(False, alias="ALMANAC_OFFLINE")
    source_head: bool = Field(False, alias="ALMANAC_SOURCE_HEAD")
    github_token: SecretStr | None = Field(None, alias="GITHUB_TOKEN")

    football_data_org_token: SecretStr | None = Field(None, alias="FOOTBALL_DATA_ORG_TOKEN")
    football_data_org_url: str = Field("https://api.football-data.org/v4", alias="FOOTBALL_DATA_ORG_URL")
    odds_api_key: SecretStr | None = Field(None, alias="ODDS_API_KEY")
    odds_api_url: str = Field("https://api.the-odds-api.com/v4", alias="ODDS_API_URL")
    accept_loghub: bool = Field(False, alias="ALMANAC_ACCEPT_LOGHUB")

    igdb_client_id: SecretStr | None = Field(None, alias="IGDB_CLIENT_ID")
    igdb_client_secret: SecretStr | None = Field(None, alias="IGDB_CLIENT_SECRET")
    igdb_url: str = Field("https://api.igdb.com/v4", alias="IGDB_URL")
    igdb_token_url: str = Field("https://id.twitch.tv/oauth2/token", alias="IGDB_TOKEN_URL")

    events_objective_seconds: float = Field(2.0, alias="ALMANAC_EVENTS_OBJECTIVE", gt=0, le=86_400)
    events_missed_share: float = Field(0.002, alias="ALMANAC_EVENTS_MISSED_SHARE", ge=0, le=0.5)
    events_far_share: float = Field(0.0, alias="ALMANAC_EVENTS_FAR_SHARE", ge=0, le=0.01)
    events_fixed_cost: float = Field(0.10, alias="ALMANAC_EVENTS_FIXED_COST", ge=0, le=1e9)
    events_event_cost: float = Field(0.005, alias="ALMANAC_EVENTS_EVENT_COST", ge=0, le=1e9)
    events_second_price: float = Field(0.02, alias="ALMANAC_EVENTS_SECOND_PRICE", ge=0, le=1e9)
    events_batch_minimum: int = Field(1, alias="ALMANAC_EVENTS_BATCH_MINIMUM", ge=1, le=500)
    events_batch_maximum: int = Field(500, alias="ALMANAC_EVENTS_BATCH_MAXIMUM", ge=1, le=500)
    events_batch_step: int = Field(1, alias="ALMANAC_EVENTS_BATCH_STEP", ge=1, le=500)
    events_default_size: int = Field(50, alias="ALMANAC_EVENTS_DEFAULT_SIZE", ge=1, le=500)
    events_explore_share: float = Field(0.05, alias="ALMANAC_EVENTS_EXPLORE", ge=0, le=0.5)
    events_keep_days: float = Field(7.0, alias="ALMANAC_EVENTS_KEEP_DAYS", gt=0, le=3_650)

    host: str = Field("127.0.0.1", alias="ALMANAC_HOST")
    port: int = Field(8000, alias="PORT", ge=0, le=65535)
    tls_cert: Path | None = Field(None, alias="ALMANAC_TLS_CERT")
    tls_key: Path | None = Field(None, alias="ALMANAC_TLS_KEY")
    statement_timeout_seconds: float = Field(3.0, alias="ALMANAC_STATEMENT_TIMEOUT", gt=0, le=60)
    deadline_seconds: float = Field(5.0, alias="ALMANAC_DEADLINE", gt=0, le=60)
    pool_size: int = Field(8, alias="ALMANAC_POOL_SIZE", ge=1, le=200)
    cache_mb: float = Field(8.0, alias="ALMANAC_CACHE_MB", ge=0, le=4096)
    body_limit_bytes: int = Field(1_048_576, alias="ALMANAC_BODY_LIMIT", ge=0)
    cors_origins: str = Field("", alias="ALMANAC_CORS_ORIGINS")

    ingest: bool = Field(False, alias="ALMANAC_INGEST")
    ingest_pool_size: int = Field(2, alias="ALMANAC_INGEST_POOL_SIZE", ge=1, le=200)
    allowed_hosts: str = Field("", alias="ALMANAC_ALLOWED_HOSTS")
    root_path: str = Field("", alias="ALMANAC_ROOT_PATH", pattern=r"^(/[A-Za-z0-9._~-]+)*/?$")

    auth: Literal["off", "on"] | None = Field(None, alias="ALMANAC_AUTH")
    secret: SecretStr | None = Field(None, alias="ALMANAC_SECRET")
    previous_secret: SecretStr | None = Field(None, alias="ALMANAC_PREVIOUS_SECRET")
    public_read: bool = Field(False, alias="ALMANAC_PUBLIC_READ")
    metrics_open: bool = Field(False, alias="ALMANAC_METRICS_OPEN")
    oidc_issuer: str = Field("", alias="ALMANAC_OIDC_ISSUER")
    oidc_client_id: str = Field("", alias="ALMANAC_OIDC_CLIENT_ID")
    oidc_client_secret: SecretStr | None = Field(None, alias="ALMANAC_OIDC_CLIENT_SECRET")
    oidc_redirect_uri: str = Field("", alias="ALMANAC_OIDC_REDIRECT_URI")
    oidc_groups: str = Field("", alias="ALMANAC_OIDC_GROUPS")
    audit_days: int = Field(400, alias="ALMANAC_AUDIT_DAYS", ge=30, le=36_500)
    trusted_proxies: int = Field(0, alias="ALMANAC_TRUSTED_PROXIES", ge=0, le=10)
    read_limit: int = Field(60_000, alias="ALMANAC_READ_LIMIT", ge=0, le=10_000_000)
    write_limit: int = Field(6_000, alias="ALMANAC_WRITE_LIMIT", ge=1, le=10_000_000)

    def __init__(self, **values: Any) -> None:
        super().__init__(**self._variables(os.environ, without=values), **values)

    @classmethod
    def _variables(cls, environment: Mapping[str, str], *, without: Collection[str]) -> dict[str, str]:
        """Return the documented variables of all fields but those in `without`; an empty one counts as unset.

        Other names do not count, so that HOME does not pass for ALMANAC_HOME. Upper and lower case are the
        same.
        """
        texts = {name.upper(): text for name, text in environment.items() if text}
        variables = {
            str(info.alias) for name, info in cls.model_fields.items() if not {name, info.alias} & {*without}
        }
        return {variable: texts[variable] for variable in variables if variable in texts}

    @classmethod
    def read(cls) -> Self:
        """Read the environment; raises UsageError that names the variable, its value and what fits."""
        try:
            return cls()
        except ValidationError as error:
            raise UsageError(cls._described(error)) from None

    @classmethod
    def _described(cls, error: ValidationError) -> str:
        first = error.errors(include_url=False)[0]
        variable = str(first["loc"][0])
        is_secret = any(word in variable for word in SECRET_WORDS)
        value = "(hidden)" if is_secret else repr(first["input"])
        return f"{variable} has value {value}: {first['msg']}. .env.example explains it."

    @property
    def state_folder(self) -> Path:
        """Where the embedded database and the cache live."""
        return self.state if self.state.is_absolute() else self.home / self.state

    @property
    def cache_folder(self) -> Path:
        """Where downloaded source files are kept."""
        return self.state_folder / "cache"

    @property
    def notebooks_folder(self) -> Path:
        """Where the notebooks of all workloads live."""
        return self.home / "notebooks"

    @property
    def path_prefix(self) -> str:
        """What addresses in the server's answers begin with behind a proxy, without a slash at the end."""
        return self.root_path.rstrip("/")

    @property
    def who(self) -> str:
        """The self-declared actor that the ledger records."""
        return self.actor or os.environ.get("GITHUB_ACTOR", "") or _account()

    @property
    def has_access_control(self) -> bool:
        """Whether the server asks who reads and writes."""
        return self.auth == "on"

    @property
    def is_local(self) -> bool:
        """Whether the server listens on the loopback only."""
        host = self.host.strip("[]")
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def secrets(self) -> list[str]:
        """Return every secret value, so that it can be kept out of notebooks and logs."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def _account() -> str:
    """Return the name of the account, or its number: in a container it may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
