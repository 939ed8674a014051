"""Masking keeps status and exit codes, so that success and failure have templates of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.workloads.logs import features
from almanac.workloads.logs.shared import masking
from almanac.workloads.logs.terms import arrays
from almanac.workloads.logs.terms.templates import Templates

CODES = {
    "GET /api/v2/cart 200 12 ms": "GET <*> 200 <*> ms",
    "GET /api/v2/cart 500 12 ms": "GET <*> 500 <*> ms",
    'anna "GET /a/1 HTTP/1.1" 404 153': "anna <*> 404 <*>",
    "process exited with code 137": "process exited with code 137",
    "exit 0 after 5 s": "exit 0 after <*> s",
    "exit status 1, 3 retries": "exit status 1, <*> retries",
    "exitCode=-9 pid=12": "exitCode=-9 pid=<*>",
    "unit exited, code=exited, status=1/FAILURE": "unit exited, code=exited, status=1/FAILURE",
    'level=info status="503" took=7ms': "level=info status=503 took=<*>",
    "HTTP/1.1 502 Bad Gateway": "<*> 502 Bad Gateway",
    "response code: 429": "response code: 429",
    "rsync ended, rc=23": "rsync ended, rc=23",
    "status 12345": "status <*>",
    "status 1.5": "status <*>",
    "JUnit RC4 test": "JUnit <*> test",
    "http2 stream 5": "<*> stream <*>",
    "200 rows in 500 ms": "<*> rows in <*> ms",
}


@pytest.mark.parametrize("text", CODES)
def test_codes_stay_and_other_numbers_do_not(text: str) -> None:
    assert masking.mask(text) == CODES[text]


@pytest.mark.parametrize("masked", CODES.values())
def test_masking_again_keeps_the_codes(masked: str) -> None:
    assert masking.mask(masked) == masked


@given(st.integers(100, 599), st.integers(100, 599))
def test_texts_with_different_codes_have_different_templates(first: int, second: int) -> None:
    mined = Templates({"old": "GET <*> <*> <*> ms"})
    one, two = (mined.add(masking.mask(f"GET /cart/7 {code} 12 ms")) for code in (first, second))
    assert (one == two) == (first == second)
    assert "old" not in (one, two)


@given(st.lists(st.text(st.sampled_from('status exit code=:"<*>GET/ 0123456789\ue000')), max_size=20))
def test_codes_are_kept_in_bulk_as_one_by_one(texts: list[str]) -> None:
    codes, forms = features.mask_all(arrays.texts(texts))
    assert [forms[code] for code in codes] == [masking.mask(text) for text in texts]
