"""Reads pinned public files: from a mirror, the cache or the network, each checked by sha-256."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from almanac.download.client import Client, NoConnection, RequestRefused
from almanac.errors import SourceCorrupt, SourceUnavailable, UsageError
from almanac.settings import Settings

RAW_URL = "https://raw.githubusercontent.com"
API_URL = "https://api.github.com"
THREADS = 8
WAY_OUT = (
    "Connect to the network, or let ALMANAC_MIRROR name a folder or URL that holds owner/repository/path."
)

Where = Literal["mirror", "cache", "network"]
Progress = Callable[[int, int], object]


class NoFilesAvailable(SourceUnavailable):
    """Not one of the files is there: no mirror, no cache, no network."""


@dataclass(frozen=True)
class PublicFile:
    """One file of a public repository; without sha256 it is not pinned and is only read from the network."""

    repository: str
    commit: str
    path: str
    sha256: str | None


@dataclass(frozen=True)
class Copy:
    """What was read of a file, and where it was found."""

    file: PublicFile
    content: bytes
    where: Where

    @property
    def sha256(self) -> str:
        """The sha-256 of what was read."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class _Places:
    folder: Path | None
    mirror: Client | None
    cache: Path
    network: Client | None


def read(file: PublicFile, settings: Settings) -> Copy:
    """Return one file; raises SourceUnavailable, SourceCorrupt."""
    with _places(settings) as places:
        return _read(file, places)


def read_all(
    files: Sequence[PublicFile], settings: Settings, *, progress: Progress | None = None
) -> list[Copy]:
    """Return all files in their order; `progress` gets the number of files read and of all files.

    Raises SourceCorrupt, or SourceUnavailable that says how many of the files were there.
    """
    copies = read_existing(files, settings, progress=progress)
    missing = [file for file, copy in zip(files, copies, strict=True) if copy is None]
    if missing:
        raise SourceUnavailable(
            f"{len(missing)} of {len(files)} files do not exist, first {name(missing[0])}."
        )
    return [copy for copy in copies if copy is not None]


def read_existing(
    files: Sequence[PublicFile], settings: Settings, *, progress: Progress | None = None
) -> list[Copy | None]:
    """Return all files in their order, with None for each the public source answers 404 for."""
    with _places(settings) as places, ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(_read, file, places) for file in files]
        for done, _ in enumerate(as_completed(futures), start=1):
            if progress:
                progress(done, len(files))
    errors = [
        error for error in (future.exception() for future in futures) if error and not _is_missing(error)
    ]
    if errors:
        raise _summary(errors, len(files))
    return [None if future.exception() else future.result() for future in futures]


def head(repository: str, branch: str, settings: Settings) -> str:
    """Return the commit at the head of a branch, asked from the GitHub API; raises SourceUnavailable."""
    if settings.offline:
        raise SourceUnavailable(
            f"The head of {repository} needs the network. Unset ALMANAC_OFFLINE or ALMANAC_SOURCE_HEAD."
        )
    token = settings.github_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else None
    with Client(API_URL, headers=headers) as client:
        answer = client.json(f"repos/{repository}/commits/{branch}")
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str):
        raise SourceUnavailable(f"{API_URL} names no commit for branch '{branch}' of {repository}.")
    return commit


def name(file: PublicFile) -> str:
    """Return a file's name in messages."""
    return f"{file.repository}/{file.path} at {file.commit[:7]}"


@contextmanager
def _places(settings: Settings) -> Iterator[_Places]:
    with ExitStack() as stack:
        is_url = settings.mirror.startswith(("http://", "https://"))
        folder = Path(settings.mirror) if settings.mirror and not is_url else None
        if folder and not folder.is_dir():
            raise UsageError(f"ALMANAC_MIRROR names '{folder}', which is not a folder. Correct or unset it.")
        mirror = stack.enter_context(Client(settings.mirror)) if is_url and not settings.offline else None
        network = None if settings.offline else stack.enter_context(Client(RAW_URL))
        yield _Places(folder, mirror, settings.cache_folder / "public", network)


def _read(file: PublicFile, places: _Places) -> Copy:
    reasons: list[str] = []
    if file.sha256:
        found = _from_mirror(file, places, reasons) or _from_cache(file, places, reasons)
        if found:
            return found
    return _from_network(file, places, reasons)


def _from_network(file: PublicFile, places: _Places, reasons: list[str]) -> Copy:
    try:
        if places.network is None:
            raise NoConnection("the network is off (ALMANAC_OFFLINE).")
        content = places.network.get(quote(f"{file.repository}/{file.commit}/{file.path}")).content
    except NoConnection as error:
        raise NoConnection(
            f"{name(file)} cannot be read: {'; '.join([*reasons, str(error)])} {WAY_OUT}"
        ) from None
    copy = Copy(file, _checked(file, content, RAW_URL), "network")
    if file.sha256:
        _keep(_cached(file, places), content)
    return copy


def _from_mirror(file: PublicFile, places: _Places, reasons: list[str]) -> Copy | None:
    place = f"{file.repository}/{file.path}"
    try:
        if places.folder:
            content = (places.folder / place).read_bytes()
        elif places.mirror:
            content = places.mirror.get(quote(place)).content
        else:
            return None
    except (OSError, SourceUnavailable) as error:
        reasons.append(f"the mirror lacks it ({error})")
        return None
    return Copy(file, _checked(file, content, "the mirror"), "mirror")


def _from_cache(file: PublicFile, places: _Places, reasons: list[str]) -> Copy | None:
    try:
        content = _cached(file, places).read_bytes()
        return Copy(file, _checked(file, content, "the cache"), "cache")
    except (OSError, SourceCorrupt) as error:
        reasons.append(f"the cache lacks it ({type(error).__name__})")
        return None


def _checked(file: PublicFile, content: bytes, place: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if file.sha256 and found != file.sha256:
        raise SourceCorrupt(
            f"{name(file)} from {place} has sha-256 {found}, expected {file.sha256}. Mend the mirror, or leave it out."
        )
    return content


def _cached(file: PublicFile, places: _Places) -> Path:
    return places.cache / file.repository / file.commit / file.path


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as beside:
        beside.write(content)
    Path(beside.name).replace(path)


def _is_missing(error: BaseException) -> bool:
    return isinstance(error, RequestRefused) and error.status == 404


def _summary(errors: list[BaseException], total: int) -> BaseException:
    """Return the error that says most: a corrupt file or a bug as it is, otherwise how many files are missing."""
    for error in errors:
        if isinstance(error, SourceCorrupt) or not isinstance(error, SourceUnavailable):
            return error
    kind = NoFilesAvailable if len(errors) == total else SourceUnavailable
    return kind(f"{len(errors)} of {total} public files cannot be read. The first: {errors[0]}")
