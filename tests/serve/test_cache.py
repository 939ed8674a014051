"""The cache of answers stays within its memory limit."""

from serve.answers.cache import OVERHEAD_BYTES, Cache, Payload

ENTRY = Payload(b"x" * (1_000 - OVERHEAD_BYTES))


def test_the_least_recently_used_answer_is_evicted_first():
    cache = Cache(8_000)
    for key in "abcdefgh":
        cache.put(key, ENTRY)
    assert cache.get("a") is ENTRY
    cache.put("i", ENTRY)
    assert cache.get("b") is None
    assert cache.get("a") is ENTRY
    assert cache.used_bytes == 8_000


def test_an_answer_larger_than_an_eighth_of_the_cache_is_not_stored():
    cache = Cache(7_999)
    cache.put("a", ENTRY)
    assert cache.get("a") is None
    assert cache.used_bytes == 0


def test_the_same_answer_put_twice_counts_once():
    cache = Cache(100_000)
    cache.put("a", ENTRY)
    cache.put("a", Payload(b"other"))
    assert cache.get("a") is ENTRY
    assert cache.used_bytes == 1_000


def test_a_cache_of_size_zero_stores_nothing():
    cache = Cache(0)
    cache.put("a", Payload(b""))
    assert cache.get("a") is None
