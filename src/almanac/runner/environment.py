"""What of this process's environment a notebook's kernel may see, and which texts may never be kept."""

import html
import json
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from almanac.settings import Settings
from almanac.store.connections.database import Database

PASSED = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "TZ",
        "TMPDIR",
        "VIRTUAL_ENV",
        "PYTHONPATH",
        "LOG_LEVEL",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "GITHUB_TOKEN",
    }
)
PASSED_PREFIXES = (
    "ALMANAC_",
    "MLFLOW_",
    "FOOTBALL_DATA_ORG_",
    "ODDS_API_",
    "IGDB_",
    "AWS_",
    "GOOGLE_",
    "LC_",
    "OMP_",
    "OPENBLAS_",
    "HTTP_",
    "HTTPS_",
    "NO_",
)
SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "_KEY")
SHORTEST_SECRET = 6
# In a URL after the user, in a connection string after its name.
PASSWORD = re.compile(r"://[^:/@\s]*:([^@\s]+)@|password=([^\s&]+)")
CONNECTION = re.compile(r"://|\b(?:host|dbname|password)=")


def kernel_environment(settings: Settings, worker: Database) -> dict[str, str]:
    """Return the environment of a kernel: an allow-list, with the database in the worker's role only."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in PASSED or name.upper().startswith(PASSED_PREFIXES)
    }
    own = {
        "ALMANAC_HOME": str(settings.home),
        "ALMANAC_WORKER_DATABASE_URL": worker.url,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONHASHSEED": "0",
        # Models thread by joblib; libraries that spin beside it slow everything on few cores.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
        # tqdm, which MLflow brings along, advises on widgets that an executed notebook cannot show.
        "PYTHONWARNINGS": "ignore:IProgress not found",
    }
    return passed | own


def secrets(settings: Settings, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return every text that may not be kept: keys, tokens, and the passwords inside URLs (also as they are spelt there)."""
    named = [
        value for name, value in environment.items() if any(word in name.upper() for word in SECRET_WORDS)
    ]
    held = [*settings.secrets(), *named]
    found = {password for value in [*held, *environment.values()] for password in _passwords(value)}
    found |= {value for value in held if not CONNECTION.search(value)}
    return tuple(sorted((text for text in found if len(text) >= SHORTEST_SECRET), key=len, reverse=True))


def _passwords(text: str) -> set[str]:
    """Return the password of a URL or connection string, as it is spelt and as it is meant."""
    spelt = {match[1] or match[2] for match in PASSWORD.finditer(text)}
    return spelt | {unquote(word) for word in spelt}


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets, also where they are spelt as in JSON, HTML or a URL."""
    for secret in secrets:
        plain = (secret, html.escape(secret), quote(secret, safe=""))
        for spelling in sorted(
            {form for word in plain for form in (word, json.dumps(word)[1:-1])}, key=len, reverse=True
        ):
            text = text.replace(spelling, "***")
    return text
