"""What a notebook's kernel may see, and which texts are never kept."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from almanac.contract import Contract
from almanac.runner.environment import ALLOWED, ALLOWED_PREFIXES, kernel_environment, redact, secrets
from almanac.settings import Settings
from almanac.store.connections.database import Database
from tests.stub import STUB

WORKER = Database("postgresql://worker@db/almanac", "worker")
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


PASSED = (
    "LD_LIBRARY_PATH DYLD_LIBRARY_PATH ALL_PROXY http_proxy https_proxy no_proxy HTTPS_PROXY SSL_CERT_DIR "
    "CURL_CA_BUNDLE CUDA_VISIBLE_DEVICES MKL_NUM_THREADS MPLCONFIGDIR XDG_CACHE_HOME CONDA_PREFIX JAVA_HOME"
).split()


@pytest.mark.parametrize("name", PASSED)
def test_what_libraries_and_proxies_need_reaches_the_kernel(
    name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "value")
    assert kernel_environment(settings, WORKER)[name] == "value"


@pytest.mark.parametrize("name", ["SHOP_TOKEN", "SHOP_URL", "shop_region", "X"])
def test_variables_of_ones_own_reach_the_kernel_where_the_contract_lists_them(
    name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "value")
    assert name not in kernel_environment(settings, WORKER)
    assert kernel_environment(settings, WORKER, [name])[name] == "value"
    assert "UNSET" not in kernel_environment(settings, WORKER, ["UNSET"])
    declared = Contract.model_validate(STUB.model_dump() | {"environment": [name]})
    assert declared.environment == (name,)
    # The database knows contracts without it, so nothing is changed there.
    assert declared.model_dump() == STUB.model_dump()


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "ALMANAC_WORKER_DATABASE_URL", "PYTHONHASHSEED", "a b", "", "1A", "A=B", "A\n"]
)
def test_a_variable_that_no_notebook_may_get_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is no environment variable that notebooks may get"):
        Contract.model_validate(STUB.model_dump() | {"environment": [name]})


def test_every_variable_that_reaches_a_kernel_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    names = [*ALLOWED, *(f"{prefix}*" for prefix in ALLOWED_PREFIXES)]
    assert [name for name in names if f"`{name}`" not in text] == []
