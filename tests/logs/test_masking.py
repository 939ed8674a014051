"""Masking replaces values and secrets, and gives the same result one by one and in bulk."""

import doctest

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.workloads.logs import features
from almanac.workloads.logs.shared import masking
from almanac.workloads.logs.terms import arrays

CASES = {
    "Served block blk_38865049064139660 to /10.251.91.84 in 12 ms": "Served block <*> to <*> in <*> ms",
    "user %s logged {} in %(place)s": "user <*> logged <*> in <*>",
    "mail to anna@example.org at https://example.org/a?b=c": "mail to <*> at <*>",
    "opened \"my file\" and 'your file'": "opened <*> and <*>",
    "can't open /usr/lib/python": "can't open <*>",
    "took 3, 4, 5 s": "took <*> s",
    "boom\n\tat a.b.C(C.java:12)\n": "boom <trace>",
    "  two   spaces ": "two spaces",
    "": "",
}
SECRETS = {
    "password=hunter": "hunter",
    "api_key: abcdef": "abcdef",
    "token='abc def'": "def",
    'token="abc def"': "def",
    "Bearer abc.def": "abc.def",
    "Basic QWxhZGRpbg": "QWxhZGRpbg",
    "secret := swordfish": "swordfish",
    "pwd==open": "open",
    "private-key: swordfish": "swordfish",
    "access_key=swordfish": "swordfish",
    "credentials=swordfish": "swordfish",
    '"token": swordfish': "swordfish",
    "x" * 60: "xxx",
}


def mask_all(texts: list[str]) -> list[str]:
    codes, forms = features.mask_all(arrays.texts(texts))
    assert len(forms) == len(set(forms))
    return [forms[code] for code in codes]


@pytest.mark.parametrize("text", CASES)
def test_a_text_is_masked(text: str) -> None:
    assert masking.mask(text) == CASES[text]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_does_not_survive(secret: str) -> None:
    assert SECRETS[secret] not in masking.mask(f"login of user failed: {secret}")


def test_masking_a_masked_text_again_changes_nothing() -> None:
    assert {masking.mask(masked) for masked in CASES.values()} == set(CASES.values())


@given(st.lists(st.text(st.sampled_from("ab1 '\"<*>/=:{}%s@.-\n\\x"), max_size=40), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_masking_in_bulk_equals_masking_one_by_one(texts: list[str]) -> None:
    assert mask_all(texts) == [masking.mask(text) for text in texts]


def test_only_the_first_400_characters_are_masked_and_returned() -> None:
    assert masking.mask("word " * 200) == " ".join(["word"] * 80)


def test_long_texts_are_cut_the_same_way_in_bulk() -> None:
    texts = ["wort " * 200, "ä" * 1000, "short"]
    assert mask_all(texts) == [masking.mask(text) for text in texts]


def test_a_column_in_chunks_is_masked_as_one() -> None:
    codes, forms = features.mask_all(pa.chunked_array([["job 1"], ["job 2", "done"]], arrays.TEXT))
    assert (codes.tolist(), forms) == ([0, 0, 1], ["job <*>", "done"])


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(masking).failed == 0
