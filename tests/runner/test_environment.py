"""What a notebook's kernel may see, and which texts are never kept."""

from pathlib import Path

import pytest

from almanac.runner.environment import kernel_environment, redact, secrets
from almanac.settings import Settings
from almanac.store.connections.database import Database

SECRETS = {
    "password of a URL": (
        "DATABASE_URL",
        "postgresql://almanac:ten%3Dnine@db/almanac",
        ("ten%3Dnine", "ten=nine"),
    ),
    "password of a connection string": (
        "DATABASE_URL",
        "host=db user=almanac password=elevenses",
        ("elevenses",),
    ),
    "password of a proxy": ("HTTPS_PROXY", "http://me:hunter22@proxy:3128", ("hunter22",)),
    "password of the tracking server": ("MLFLOW_TRACKING_URI", "https://me:hunter33@mlflow", ("hunter33",)),
    "key of a source": ("ODDS_API_KEY", "0123456789abcdef", ("0123456789abcdef",)),
    "token that Almanac does not know": ("SLACK_TOKEN", "xoxb-1-abcdefgh", ("xoxb-1-abcdefgh",)),
}


@pytest.mark.parametrize("what", SECRETS)
def test_every_kind_of_secret_is_known(
    what: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value, hidden = SECRETS[what]
    monkeypatch.setenv(name, value)
    assert set(hidden) <= set(secrets(Settings.read()))


def test_words_that_are_too_short_to_be_a_secret_are_left_alone(settings: Settings) -> None:
    assert (
        secrets(
            settings, {"ODDS_API_KEY": "abc", "PATH": "/usr/bin", "DATABASE_URL": "postgresql://db/almanac"}
        )
        == ()
    )


def test_a_secret_is_replaced_however_it_is_spelt() -> None:
    text = (
        'plain a<b>"c/d é, JSON a<b>\\"c/d \\u00e9, HTML a&lt;b&gt;&quot;c/d é, URL a%3Cb%3E%22c%2Fd%20%C3%A9'
    )
    assert redact(text, ['a<b>"c/d é']) == "plain ***, JSON ***, HTML ***, URL ***"


def test_a_kernel_gets_the_listed_variables_and_the_worker_s_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@db/almanac")
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-1-abcdefgh")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow")
    environment = kernel_environment(settings, Database("postgresql://worker@db/almanac", "worker"))
    assert {"DATABASE_URL", "SLACK_TOKEN"} & set(environment) == set()
    assert environment["ALMANAC_WORKER_DATABASE_URL"] == "postgresql://worker@db/almanac"
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow"
    assert Path(environment["ALMANAC_HOME"]) == settings.home
