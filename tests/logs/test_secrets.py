"""No secret survives masking, whatever its shape and wherever it stands; ordinary words about secrets do."""

import doctest
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.workloads.logs import features
from almanac.workloads.logs.shared import addresses, masking, secrets
from almanac.workloads.logs.terms import arrays
from tests.logs.secret_samples import BARE, QUOTED_SHAPES, QUOTING, SHAPES

ANY = st.one_of(*SHAPES.values(), *QUOTED_SHAPES.values())
PLAIN = st.one_of(*SHAPES.values())
# Lines that came from real logs and bug reports, each with what must not stay.
LINES = {
    "secretKey: swordfish": "swordfish",
    "Cookie: session=swordfish; theme=dark": "swordfish",
    "tool --password swordfish": "swordfish",
    "<password>swordfish</password>": "swordfish",
    "the password is swordfish": "swordfish",
    "secret_key_base: swordfish": "swordfish",
    "passphrase: correct horse battery staple": "staple",
    "pass=swordfish": "swordfish",
    "psk=swordfish": "swordfish",
    "curl -u anna:swordfish https://shop.example": "swordfish",
    'curl --user "anna:sword fish" https://shop.example': "fish",
    "Authorization: Token swordfish": "swordfish",
    "Proxy-Authorization: Digest username=anna, response=swordfish": "swordfish",
    '{"password": "sword\\"fish"}': "fish",
    '"{\\"password\\": \\"sword\\\\\\"fish\\"}"': "fish",
    'a,"{""password"":""swordfish""}"': "swordfish",
    "requests.get(url, auth=('anna', 'swordfish'))": "swordfish",
    "amqp://anna:sword/fish@queue.example/": "fish",
    "anna:sword=fish@tcp(db.example)/shop": "sword",
    "jdbc:sqlserver://db;user=sa;password=swordfish;encrypt=true": "swordfish",
    "DefaultEndpointsProtocol=https;AccountKey=swordfish==;EndpointSuffix=core": "swordfish",
    "invalid credentials anna:swordfish": "swordfish",
    "docker login -u anna -p swordfish registry.example": "swordfish",
    "&lt;password&gt;swordfish&lt;/password&gt;": "swordfish",
    "<add key='ApiSecret' value='swordfish' />": "swordfish",
    "Set-Cookie: sid=swordfish; HttpOnly": "swordfish",
    "Kennwort: swordfish": "swordfish",
    "пароль: swordfish": "swordfish",
}
# What is said about secrets stays readable.
ORDINARY = (
    "Failed password for root from <*> port <*>",
    "the token is expired",
    "password authentication is disabled",
    "user anna password expired",
    "compass=north",
    "Invalid token received from the client",
    "Unexpected end of the secret",
    "authorization failed for anna",
    "mkdir -p build",
)
ADDRESSES = {
    "neighbour de:ad:be:ef:aa:bb left": "neighbour <*> left",
    "neighbour DE-AD-BE-EF-AA-BB left": "neighbour <*> left",
    "neighbour dead.beef.cafe left": "neighbour <*> left",
    "from fe80::dead:beef to all": "from <*> to all",
    "from [fe80::dead:beef%eth] to ::ffff:10.0.0.7": "from [<*>] to <*>",
    "from dead:beef:dead:beef:dead:beef:dead:beef to all": "from <*> to all",
    "digest deadbeefdeadbeefdeadbeefdeadbeef fits": "digest <*> fits",
    "job ٤٢ took १२ ms": "job <*> took <*> ms",
    "job ４２ is x² wide": "job <*> is <*> wide",
    "std::string faded :: added": "std::string faded :: added",
}


def survivors(secret: str, masked: str) -> list[str]:
    """Return the parts of a secret, of three letters and more, that stand in a masked text."""
    parts = [part for part in re.split(r"[\W_]+", secret) if len(part) > 3]
    return [part for part in (secret, *parts) if part in masked]


@pytest.mark.parametrize("place", QUOTING)
@given(secret=ANY)
@settings(max_examples=60, deadline=None)
def test_no_secret_survives_in_a_place_with_quotes(place: str, secret: str) -> None:
    assert survivors(secret, masking.mask(QUOTING[place](secret))) == []


@pytest.mark.parametrize("place", BARE)
@given(secret=PLAIN)
@settings(max_examples=40, deadline=None)
def test_no_secret_survives_in_a_place_without_quotes(place: str, secret: str) -> None:
    assert survivors(secret, masking.mask(BARE[place](secret))) == []


@given(st.lists(st.tuples(st.sampled_from([*BARE.values()]), PLAIN), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_secrets_are_masked_in_bulk_as_one_by_one(samples: list[tuple[Callable[[str], str], str]]) -> None:
    texts = [place(secret) for place, secret in samples]
    codes, forms = features.mask_all(arrays.texts(texts))
    assert [forms[code] for code in codes] == [masking.mask(text) for text in texts]


@pytest.mark.parametrize("line", LINES)
def test_a_secret_of_a_real_line_does_not_survive(line: str) -> None:
    masked = masking.mask(line)
    assert LINES[line] not in masked
    assert masking.mask(masked) == masked


@pytest.mark.parametrize("line", ORDINARY)
def test_words_about_secrets_stay(line: str) -> None:
    assert masking.mask(line) == line


@pytest.mark.parametrize("line", ADDRESSES)
def test_addresses_and_digits_of_any_script_are_values(line: str) -> None:
    assert masking.mask(line) == ADDRESSES[line]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert [doctest.testmod(module).failed for module in (secrets, addresses)] == [0, 0]
