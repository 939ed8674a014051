"""Settings come from the environment only, and a wrong value is named with its variable."""

import getpass
import os
from pathlib import Path

import pytest

from almanac.errors import UsageError
from almanac.settings import PROJECT, Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (field.alias for field in Settings.model_fields.values() if field.alias):
        monkeypatch.delenv(name, raising=False)


def test_all_settings_have_defaults() -> None:
    settings = Settings.read()
    assert (settings.home, settings.state_folder) == (PROJECT, PROJECT / ".almanac")
    assert (settings.port, settings.sample) == (8000, "full")
    assert settings.database_url is None
    assert settings.secrets() == []


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PORT", "")
    assert (Settings.read().database_url, Settings.read().port) == (None, 8000)


@pytest.mark.parametrize(
    ("name", "value", "quoted"),
    [
        ("PORT", "70000", "'70000'"),
        ("LOG_LEVEL", "LOUD", "'LOUD'"),
        ("ALMANAC_SAMPLE", "half", "'half'"),
        ("ALMANAC_OFFLINE", "maybe", "'maybe'"),
        ("ALMANAC_EVENTS_FIXED_COST", "inf", "'inf'"),
        ("ALMANAC_EVENTS_EVENT_COST", "nan", "'nan'"),
        ("ALMANAC_EVENTS_SECOND_PRICE", "inf", "'inf'"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_variable(
    name: str, value: str, quoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=rf"{name} has value {quoted}: .+ \.env\.example explains it"):
        Settings.read()


def test_the_state_folder_can_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALMANAC_HOME", "/opt/almanac")
    monkeypatch.setenv("ALMANAC_STATE", str(tmp_path))
    assert Settings.read().state_folder == tmp_path
    assert Settings.read().cache_folder == tmp_path / "cache"
    assert Settings.read().notebooks_folder == Path("/opt/almanac/notebooks")


def test_the_actor_is_the_setting_then_the_actor_of_github_then_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GITHUB_ACTOR", raising=False)
    user = Settings.read().who
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    robot = Settings.read().who
    monkeypatch.setenv("ALMANAC_ACTOR", "ada")
    assert (bool(user), robot, Settings.read().who) == (True, "octocat", "ada")


@pytest.mark.parametrize(
    "error", [KeyError("getpwuid(): uid not found: 12345"), OSError("No username set in the environment")]
)
def test_an_account_without_a_name_is_named_by_its_number(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.delenv("ALMANAC_ACTOR", raising=False)
    monkeypatch.delenv("GITHUB_ACTOR", raising=False)
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert Settings.read().who == f"user {os.getuid()}"


def test_secrets_appear_neither_in_prints_nor_in_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://almanac:hunter22@db/almanac")
    monkeypatch.setenv("ODDS_API_KEY", "0123456789")
    settings = Settings.read()
    assert sorted(settings.secrets()) == ["0123456789", "postgresql://almanac:hunter22@db/almanac"]
    assert "hunter22" not in repr(settings)
    assert "0123456789" not in repr(settings)
