"""What a batch costs."""

import pytest

from almanac.settings import Settings
from almanac.workloads.events.policy.costs import Parts, Prices


@pytest.mark.parametrize(("events", "cost"), [(10, 0.15), (50, 0.35), (100, 0.60)])
def test_a_batch_costs_its_fixed_part_and_its_events_where_seconds_are_free(events: int, cost: float) -> None:
    assert Prices(per_second=0.0).parts(events, 3.0).total == pytest.approx(cost)


def test_the_parts_of_a_cost_are_kept_apart() -> None:
    assert Prices().parts(20, 4.0) == Parts(fixed=0.10, events=0.10, seconds=0.08)


def test_many_batches_cost_what_each_of_them_costs() -> None:
    prices = Prices(0.2, 0.01, 0.5)
    assert prices.totals([1, 3], [2.0, 0.0]).tolist() == pytest.approx(
        [prices.parts(1, 2.0).total, prices.parts(3, 0.0).total]
    )


def test_prices_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMANAC_EVENTS_FIXED_COST", "0.3")
    monkeypatch.setenv("ALMANAC_EVENTS_EVENT_COST", "0.01")
    monkeypatch.setenv("ALMANAC_EVENTS_SECOND_PRICE", "0")
    assert Prices.of(Settings.read()) == Prices(0.3, 0.01, 0.0)
