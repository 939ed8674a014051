"""Pinned public files: read from a mirror, the cache or the network, each checked by sha-256."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from almanac.download.client import Client, NoConnection, RequestRefused
from almanac.errors import SourceCorrupt, SourceUnavailable, UsageError
from almanac.settings import Settings
from almanac.writing import write_whole

RAW_URL = "https://raw.githubusercontent.com"
API_URL = "https://api.github.com"
THREADS = 8
WAY_OUT = (
    "Connect to the network, or let ALMANAC_MIRROR name a folder or URL that holds owner/repository/path."
)
OTHER_CONTENT = (
    "{name} from {place} has sha-256 {actual}, expected {expected}. Mend the mirror, or leave it out."
)
HEAD_OFFLINE = "The head of {repository} needs the network. Unset ALMANAC_OFFLINE or ALMANAC_SOURCE_HEAD."

Where = Literal["mirror", "cache", "network"]
Progress = Callable[[int, int], object]


class NoFilesAvailable(SourceUnavailable):
    """Not one of the files can be read: no mirror, no cache, no network."""


@dataclass(frozen=True)
class PublicFile:
    """One file of a public repository; without sha256 it is not pinned and is only read from the network."""

    repository: str
    commit: str
    path: str
    sha256: str | None

    @property
    def name(self) -> str:
        """The file's name in messages."""
        return f"{self.repository}/{self.path} at {self.commit[:7]}"

    @property
    def mirror_path(self) -> str:
        """The file's path in a mirror."""
        return f"{self.repository}/{self.path}"


@dataclass(frozen=True)
class Copy:
    """The content of a file, and the place from which it was read."""

    file: PublicFile
    content: bytes
    where: Where

    @property
    def sha256(self) -> str:
        """The sha-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class _Places:
    """The places to read from; a mirror is a folder or a server."""

    folder: Path | None
    mirror: Client | None
    cache: Path
    network: Client | None

    def cached(self, file: PublicFile) -> Path:
        """Return the path of a file in the cache."""
        return self.cache / file.repository / file.commit / file.path


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
        count = f"{len(missing)} of {len(files)}"
        raise SourceUnavailable(f"{count} files do not exist, first {missing[0].name}.")
    return [copy for copy in copies if copy is not None]


def read_existing(
    files: Sequence[PublicFile], settings: Settings, *, progress: Progress | None = None
) -> list[Copy | None]:
    """Return all files in their order, with None for each the public source answers 404 for."""
    with _places(settings) as places, ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(_read, file, places) for file in files]
        for count, _ in enumerate(as_completed(futures), start=1):
            if progress:
                progress(count, len(files))
    _refuse_errors(futures)
    return [None if future.exception() else future.result() for future in futures]


def head(repository: str, branch: str, settings: Settings) -> str:
    """Return the commit at the head of a branch, as the GitHub API names it; raises SourceUnavailable."""
    if settings.offline:
        raise SourceUnavailable(HEAD_OFFLINE.format(repository=repository))
    token = settings.github_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else None
    with Client(API_URL, headers=headers) as client:
        answer = client.json(f"repos/{repository}/commits/{branch}")
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str):
        raise SourceUnavailable(f"{API_URL} names no commit for branch '{branch}' of {repository}.")
    return commit


@contextmanager
def _places(settings: Settings) -> Iterator[_Places]:
    """Open the places that the settings allow; raises UsageError where the mirror is no folder."""
    with ExitStack() as stack:
        is_url = settings.mirror.startswith(("http://", "https://"))
        folder = Path(settings.mirror) if settings.mirror and not is_url else None
        if folder and not folder.is_dir():
            raise UsageError(f"ALMANAC_MIRROR names '{folder}', which is not a folder. Correct or unset it.")
        has_mirror = is_url and not settings.offline
        mirror = stack.enter_context(Client(settings.mirror)) if has_mirror else None
        network = None if settings.offline else stack.enter_context(Client(RAW_URL))
        yield _Places(folder, mirror, settings.cache_folder / "public", network)


def _read(file: PublicFile, places: _Places) -> Copy:
    """Read a file from the first place that has it; only a pinned file is read from mirror or cache."""
    reasons: list[str] = []
    if file.sha256:
        copy = _from_mirror(file, places, reasons) or _from_cache(file, places, reasons)
        if copy:
            return copy
    return _from_network(file, places, reasons)


def _from_mirror(file: PublicFile, places: _Places, reasons: list[str]) -> Copy | None:
    """Read a file from the mirror; without one return None, and where it lacks the file, add the reason."""
    try:
        if places.folder:
            content = (places.folder / file.mirror_path).read_bytes()
        elif places.mirror:
            content = places.mirror.get(quote(file.mirror_path)).content
        else:
            return None
    except (OSError, SourceUnavailable) as error:
        reasons.append(f"the mirror lacks it ({error})")
        return None
    return Copy(file, _checked(file, content, "the mirror"), "mirror")


def _from_cache(file: PublicFile, places: _Places, reasons: list[str]) -> Copy | None:
    """Read a file from the cache; where it lacks the file or has another content, add the reason."""
    try:
        content = places.cached(file).read_bytes()
        return Copy(file, _checked(file, content, "the cache"), "cache")
    except (OSError, SourceCorrupt) as error:
        reasons.append(f"the cache lacks it ({type(error).__name__})")
        return None


def _from_network(file: PublicFile, places: _Places, reasons: list[str]) -> Copy:
    """Read a file from the public server and cache a pinned one; `reasons` say why no place had it."""
    try:
        if places.network is None:
            raise NoConnection("the network is off (ALMANAC_OFFLINE).")
        content = places.network.get(quote(f"{file.repository}/{file.commit}/{file.path}")).content
    except NoConnection as error:
        text = "; ".join([*reasons, str(error)])
        raise NoConnection(f"{file.name} cannot be read: {text} {WAY_OUT}") from None
    copy = Copy(file, _checked(file, content, RAW_URL), "network")
    if file.sha256:
        write_whole(places.cached(file), content)
    return copy


def _checked(file: PublicFile, content: bytes, place: str) -> bytes:
    """Return the content of a file; raises SourceCorrupt unless it has the pinned hash."""
    actual = hashlib.sha256(content).hexdigest()
    if file.sha256 and actual != file.sha256:
        facts = {"name": file.name, "place": place, "actual": actual, "expected": file.sha256}
        raise SourceCorrupt(OTHER_CONTENT.format(**facts))
    return content


def _refuse_errors(futures: Sequence["Future[Copy]"]) -> None:
    """Raise the error that says most: a corrupt file or a bug as it is, else how many files are missing."""
    errors = [error for future in futures if (error := future.exception()) and not _is_missing(error)]
    for error in errors:
        if isinstance(error, SourceCorrupt) or not isinstance(error, SourceUnavailable):
            raise error
    if errors:
        kind = NoFilesAvailable if len(errors) == len(futures) else SourceUnavailable
        count = f"{len(errors)} of {len(futures)}"
        raise kind(f"{count} public files cannot be read. The first: {errors[0]}")


def _is_missing(error: BaseException) -> bool:
    return isinstance(error, RequestRefused) and error.status == 404
