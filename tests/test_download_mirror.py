"""Pinned public files: mirror, cache, network, in this order."""

import hashlib
import time
from pathlib import Path

import pytest

from almanac.download import mirror
from almanac.download.mirror import NoFilesAvailable, PublicFile
from almanac.errors import SourceCorrupt, SourceUnavailable, UsageError
from almanac.settings import Settings
from tests.local_server import LocalServer, Response

COMMIT = "a" * 40
HELLO = PublicFile("someone/things", COMMIT, "2024/hello world.txt", hashlib.sha256(b"hello").hexdigest())
OTHER = PublicFile("someone/things", COMMIT, "2024/other.txt", hashlib.sha256(b"other").hexdigest())
RAW_HELLO = f"/someone/things/{COMMIT}/2024/hello%20world.txt"
RAW_OTHER = f"/someone/things/{COMMIT}/2024/other.txt"


@pytest.fixture
def network(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    """The server in the place of GitHub's raw files and its API."""
    monkeypatch.setattr(mirror, "RAW_URL", server.url)
    monkeypatch.setattr(mirror, "API_URL", server.url)
    server.answer(RAW_HELLO, Response(b"hello"))
    server.answer(RAW_OTHER, Response(b"other"))
    return server


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on port 9 of the loopback."""
    monkeypatch.setattr(mirror, "RAW_URL", "http://127.0.0.1:9")


def settings(folder: Path, **changes: object) -> Settings:
    return Settings(
        home=folder, state=Path("state"), **{"mirror": "", "offline": False, "source_head": False, **changes}
    )  # type: ignore[arg-type]


def mirrored(folder: Path, file: PublicFile, content: bytes) -> str:
    path = folder / "mirror" / file.repository / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(folder / "mirror")


def cached(folder: Path, file: PublicFile) -> Path:
    return settings(folder).cache_folder / "public" / file.repository / file.commit / file.path


def test_a_mirror_folder_comes_before_the_network(tmp_path: Path, network: LocalServer) -> None:
    copy = mirror.read(HELLO, settings(tmp_path, mirror=mirrored(tmp_path, HELLO, b"hello")))
    assert (copy.content, copy.where, copy.sha256) == (b"hello", "mirror", HELLO.sha256)
    assert network.requests == []


def test_a_mirror_may_be_a_url_with_the_same_layout(tmp_path: Path, network: LocalServer) -> None:
    network.answer("/lib/someone/things/2024/hello%20world.txt", Response(b"hello"))
    copy = mirror.read(HELLO, settings(tmp_path, mirror=f"{network.url}/lib"))
    assert (copy.content, copy.where) == (b"hello", "mirror")


def test_a_file_missing_in_the_mirror_comes_from_the_network_and_then_from_the_cache(
    tmp_path: Path, network: LocalServer
) -> None:
    choice = settings(tmp_path, mirror=mirrored(tmp_path, OTHER, b"other"))
    assert mirror.read(HELLO, choice).where == "network"
    assert mirror.read(HELLO, choice).where == "cache"
    assert network.paths == [RAW_HELLO]


def test_the_cache_is_separate_for_each_commit(tmp_path: Path, network: LocalServer) -> None:
    mirror.read(HELLO, settings(tmp_path))
    moved = PublicFile(HELLO.repository, "b" * 40, HELLO.path, HELLO.sha256)
    network.answer(f"/someone/things/{'b' * 40}/2024/hello%20world.txt", Response(b"hello"))
    assert mirror.read(moved, settings(tmp_path)).where == "network"


def test_a_corrupt_cache_entry_is_fetched_again(tmp_path: Path, network: LocalServer) -> None:
    mirror.read(HELLO, settings(tmp_path))
    cached(tmp_path, HELLO).write_bytes(b"hell")
    assert mirror.read(HELLO, settings(tmp_path)).where == "network"
    assert cached(tmp_path, HELLO).read_bytes() == b"hello"
    assert [path.name for path in cached(tmp_path, HELLO).parent.iterdir()] == ["hello world.txt"]


def test_a_corrupt_mirror_names_the_file_and_both_digests(tmp_path: Path, network: LocalServer) -> None:
    digest = hashlib.sha256(b"hullo").hexdigest()
    choice = settings(tmp_path, mirror=mirrored(tmp_path, HELLO, b"hullo"))
    with pytest.raises(SourceCorrupt, match=rf"2024/hello world.txt .*the mirror.*{digest}.*{HELLO.sha256}"):
        mirror.read(HELLO, choice)


def test_a_corrupt_answer_of_the_network_is_refused_and_not_cached(
    tmp_path: Path, network: LocalServer
) -> None:
    network.answer(RAW_HELLO, Response(b"hullo"))
    with pytest.raises(SourceCorrupt, match=f"from {network.url}"):
        mirror.read(HELLO, settings(tmp_path))
    assert not cached(tmp_path, HELLO).exists()


def test_the_network_is_not_used_offline(tmp_path: Path, network: LocalServer) -> None:
    with pytest.raises(SourceUnavailable, match=r"the network is off \(ALMANAC_OFFLINE\).*ALMANAC_MIRROR"):
        mirror.read(HELLO, settings(tmp_path, offline=True, mirror=f"{network.url}/lib"))
    with pytest.raises(SourceUnavailable, match="Unset ALMANAC_OFFLINE or ALMANAC_SOURCE_HEAD"):
        mirror.head("someone/things", "master", settings(tmp_path, offline=True))
    assert network.requests == []


def test_offline_the_cache_still_answers(tmp_path: Path, network: LocalServer) -> None:
    mirror.read(HELLO, settings(tmp_path))
    assert mirror.read(HELLO, settings(tmp_path, offline=True)).where == "cache"


def test_a_mirror_that_is_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ALMANAC_MIRROR names '.*nowhere', which is not a folder"):
        mirror.read(HELLO, settings(tmp_path, mirror=str(tmp_path / "nowhere")))


def test_many_files_keep_their_order_and_report_progress(tmp_path: Path, network: LocalServer) -> None:
    steps: list[tuple[int, int]] = []
    copies = mirror.read_all(
        [OTHER, HELLO] * 20, settings(tmp_path), progress=lambda done, total: steps.append((done, total))
    )
    assert [copy.content for copy in copies] == [b"other", b"hello"] * 20
    assert steps == [(number, 40) for number in range(1, 41)]


def test_without_any_source_all_files_fail_in_one_error_that_suggests_a_remedy(
    tmp_path: Path, no_network: None
) -> None:
    started = time.monotonic()
    with pytest.raises(
        NoFilesAvailable, match=r"200 of 200 public files cannot be read.*cannot be reached.*ALMANAC_MIRROR"
    ):
        mirror.read_all([HELLO, OTHER] * 100, settings(tmp_path))
    assert time.monotonic() - started < 5.0


def test_some_missing_files_are_a_different_error(tmp_path: Path, no_network: None) -> None:
    choice = settings(tmp_path, mirror=mirrored(tmp_path, HELLO, b"hello"))
    with pytest.raises(
        SourceUnavailable, match=r"other\.txt at aaaaaaa cannot be read: the mirror lacks it"
    ) as caught:
        mirror.read_all([HELLO, OTHER], choice)
    assert not isinstance(caught.value, NoFilesAvailable)


def test_a_corrupt_file_among_many_is_named_before_those_that_are_missing(
    tmp_path: Path, no_network: None
) -> None:
    choice = settings(tmp_path, mirror=mirrored(tmp_path, OTHER, b"changed"))
    with pytest.raises(SourceCorrupt, match=r"other\.txt"):
        mirror.read_all([HELLO, OTHER], choice)


def test_a_nonexistent_file_is_none_where_that_is_allowed(tmp_path: Path, network: LocalServer) -> None:
    gone = PublicFile("someone/things", COMMIT, "2031/not yet.txt", None)
    copies = mirror.read_existing([HELLO, gone], settings(tmp_path))
    assert [copy and copy.content for copy in copies] == [b"hello", None]
    with pytest.raises(
        SourceUnavailable, match=r"1 of 2 files do not exist, first someone/things/2031/not yet\.txt"
    ):
        mirror.read_all([HELLO, gone], settings(tmp_path))


def test_a_file_without_pin_is_read_from_the_network_only(tmp_path: Path, network: LocalServer) -> None:
    loose = PublicFile(HELLO.repository, COMMIT, HELLO.path, None)
    choice = settings(tmp_path, mirror=mirrored(tmp_path, HELLO, b"older"))
    assert [mirror.read(loose, choice).where for _ in range(2)] == ["network", "network"]
    assert not cached(tmp_path, HELLO).exists()


def test_the_head_of_a_branch_comes_from_the_api(tmp_path: Path, network: LocalServer) -> None:
    network.answer("/repos/someone/things/commits/master", Response({"sha": "c" * 40, "commit": {}}))
    assert mirror.head("someone/things", "master", settings(tmp_path)) == "c" * 40


def test_an_api_without_a_commit_is_an_error(tmp_path: Path, network: LocalServer) -> None:
    network.answer("/repos/someone/things/commits/master", Response({"message": "?"}))
    with pytest.raises(SourceUnavailable, match="names no commit for branch 'master' of someone/things"):
        mirror.head("someone/things", "master", settings(tmp_path))
