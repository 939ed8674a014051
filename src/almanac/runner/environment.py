"""Which variables of this process the kernel of a notebook gets, and which texts are secrets."""

import html
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote, unquote

from almanac.settings import Settings
from almanac.store.connections.database import Database

# docs/operate.md lists the same names and prefixes.
ALLOWED = frozenset(
    "PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONUTF8 LOG_LEVEL "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE ALL_PROXY GITHUB_TOKEN JAVA_HOME "
    "LD_LIBRARY_PATH LD_PRELOAD DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH".split()
)
ALLOWED_PREFIXES = tuple(
    "ALMANAC_ MLFLOW_ FOOTBALL_DATA_ORG_ ODDS_API_ IGDB_ AWS_ GOOGLE_ LC_ OMP_ OPENBLAS_ MKL_ NUMEXPR_ CUDA_ "
    "MPL XDG_ FONTCONFIG_ HTTP_ HTTPS_ NO_".split()
)
FIXED = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONHASHSEED": "0",
    # tqdm, which MLflow brings along, advises on widgets that an executed notebook cannot show.
    "PYTHONWARNINGS": "ignore:IProgress not found",
}
# Models thread by joblib. Libraries that spin beside it slow everything on few cores.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "_KEY")
SHORTEST_SECRET = 6
REPLACEMENT = "***"
# In a URL after the user, in a connection string after its name.
PASSWORD = re.compile(r"://[^:/@\s]*:([^@\s]+)@|password=([^\s&]+)")
CONNECTION = re.compile(r"://|\b(?:host|dbname|password)=")


def kernel_environment(settings: Settings, worker: Database, further: Collection[str] = ()) -> dict[str, str]:
    """Return the environment of a kernel: an allow-list, with the database in the role of a worker only.

    `further` are the names that the contract of the workload lists.
    """
    threads = {name: os.environ.get(name, "1") for name in ONE_THREAD}
    own = {"ALMANAC_HOME": str(settings.home), "ALMANAC_WORKER_DATABASE_URL": worker.url}
    allowed = {
        name: value for name, value in os.environ.items() if _is_allowed(name.upper()) or name in further
    }
    return allowed | FIXED | threads | own


def _is_allowed(name: str) -> bool:
    return name in ALLOWED or name.startswith(ALLOWED_PREFIXES)


def secrets(settings: Settings, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return every text that no file may keep: keys, tokens, and the passwords inside URLs.

    A password is listed as it is spelt in its URL and as it is meant. The longest texts come first.
    """
    return secrets_of(environment, settings.secrets())


def secrets_of(environment: Mapping[str, str], further: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the secrets of environment variables alone, and those among `further` values."""
    values = [*further, *(value for name, value in environment.items() if _is_secret(name))]
    texts = {value for value in values if not CONNECTION.search(value)}
    for value in [*values, *environment.values()]:
        texts |= _passwords(value)
    return tuple(sorted((text for text in texts if len(text) >= SHORTEST_SECRET), key=len, reverse=True))


def _is_secret(name: str) -> bool:
    return any(word in name.upper() for word in SECRET_WORDS)


def _passwords(text: str) -> set[str]:
    """Return the password of a URL or connection string, as it is spelt and as it is meant."""
    spelt = {match[1] or match[2] for match in PASSWORD.finditer(text)}
    return spelt | {unquote(word) for word in spelt}


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets, also where they are spelt as in JSON, HTML or a URL."""
    for secret in secrets:
        for spelling in _spellings(secret):
            text = text.replace(spelling, REPLACEMENT)
    return text


def _spellings(secret: str) -> list[str]:
    """Return every spelling of a secret, the longest first."""
    plain = {secret, html.escape(secret), quote(secret, safe="")}
    in_json = {json.dumps(word)[1:-1] for word in plain}
    return sorted(plain | in_json, key=len, reverse=True)
