"""Parsers of text: a value, or an error that does not repeat the text."""

from datetime import UTC, date, datetime

import pytest

from almanac import fields


def test_an_instant_is_read_in_utc():
    assert fields.instant("2025-04-18T08:00:00+02:00") == datetime(2025, 4, 18, 6, tzinfo=UTC)
    assert fields.instant("2025-04-18T06:00:00Z") == datetime(2025, 4, 18, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-04-18T06:00:00",
        "2025-04-18",
        "yesterday",
        "",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "２０２５-04-18T06:00:00Z",
    ],
)
def test_an_instant_without_offset_or_out_of_range_is_refused(text):
    with pytest.raises(ValueError, match="must be an instant with its offset"):
        fields.instant(text)


def test_a_date_has_one_format_only():
    assert fields.day("2025-04-18") == date(2025, 4, 18)
    for text in ("20250418", "2025-W16-5", "18.04.2025", "2025-02-30", "-2025-04-18", "٢٠٢٥-04-18"):
        with pytest.raises(ValueError, match="must be a date"):
            fields.day(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", "1_0", "٣", "0x10", "", "NaN"])
def test_a_number_that_is_not_finite_or_not_in_plain_digits_is_refused(text):
    with pytest.raises(ValueError, match="must be a finite number"):
        fields.real(text)


def test_usual_notations_of_a_number_are_read():
    assert [fields.real(text) for text in ("0.6", "1", "-2.5", "1e-3")] == [0.6, 1.0, -2.5, 0.001]


@pytest.mark.parametrize("text", ["0", "1001", "1.0", "--1", "²", "9" * 5000, "", "1 "])
def test_a_whole_number_outside_its_range_is_refused(text):
    with pytest.raises(ValueError, match="must be a whole number from 1 to 1000"):
        fields.integer(1, 1000)(text)


def test_each_column_type_except_json_has_a_parser():
    assert fields.of_type("integer")("-2147483648") == -(2**31)
    assert fields.of_type("bigint")("9223372036854775807") == 2**63 - 1
    assert fields.of_type("boolean")("true") is True
    with pytest.raises(ValueError, match="must be true or false"):
        fields.of_type("boolean")("yes")
    with pytest.raises(KeyError):
        fields.of_type("json")


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x\udfffy", "x" * 1001])
def test_text_that_postgresql_cannot_store_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        fields.text(text)


def test_a_list_is_sorted_without_duplicates():
    assert fields.listed(fields.text)("E1,E0,E1") == ("E0", "E1")


def test_a_list_has_at_most_100_values():
    with pytest.raises(ValueError, match="at most 100 values"):
        fields.listed(fields.text)("," * 100)
