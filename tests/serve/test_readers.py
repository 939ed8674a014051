"""Texts become values, or a reason that does not repeat them."""

from datetime import UTC, date, datetime

import pytest

from almanac import fields


def test_an_instant_is_read_in_utc():
    assert fields.instant("2025-04-18T08:00:00+02:00") == datetime(2025, 4, 18, 6, tzinfo=UTC)
    assert fields.instant("2025-04-18T06:00:00Z") == datetime(2025, 4, 18, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
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
def test_an_instant_without_offset_or_out_of_range_is_refused(given):
    with pytest.raises(ValueError, match="must be an instant with its offset"):
        fields.instant(given)


def test_a_date_is_read_in_one_form_only():
    assert fields.day("2025-04-18") == date(2025, 4, 18)
    for given in ("20250418", "2025-W16-5", "18.04.2025", "2025-02-30", "-2025-04-18", "٢٠٢٥-04-18"):
        with pytest.raises(ValueError, match="must be a date"):
            fields.day(given)


@pytest.mark.parametrize("given", ["nan", "inf", "-Infinity", "1e999", "1_0", "٣", "0x10", "", "NaN"])
def test_a_number_that_is_not_finite_or_not_written_plainly_is_refused(given):
    with pytest.raises(ValueError, match="must be a finite number"):
        fields.real(given)


def test_a_number_may_be_written_as_people_do():
    assert [fields.real(given) for given in ("0.6", "1", "-2.5", "1e-3")] == [0.6, 1.0, -2.5, 0.001]


@pytest.mark.parametrize("given", ["0", "1001", "1.0", "--1", "²", "9" * 5000, "", "1 "])
def test_a_whole_number_outside_its_range_is_refused(given):
    with pytest.raises(ValueError, match="must be a whole number from 1 to 1000"):
        fields.integer(1, 1000)(given)


def test_each_column_type_but_json_has_its_reader():
    assert fields.of_type("integer")("-2147483648") == -(2**31)
    assert fields.of_type("bigint")("9223372036854775807") == 2**63 - 1
    assert fields.of_type("boolean")("true") is True
    with pytest.raises(ValueError, match="must be true or false"):
        fields.of_type("boolean")("yes")
    with pytest.raises(KeyError):
        fields.of_type("json")


@pytest.mark.parametrize("given", ["a\x00b", "\ud800", "x\udfffy", "x" * 1001])
def test_text_that_postgresql_cannot_store_is_refused(given):
    with pytest.raises(ValueError, match="must"):
        fields.text(given)


def test_a_list_is_sorted_and_has_no_doubles():
    assert fields.listed(fields.text)("E1,E0,E1") == ("E0", "E1")


def test_a_list_has_a_bound():
    with pytest.raises(ValueError, match="at most 100 values"):
        fields.listed(fields.text)("," * 100)
