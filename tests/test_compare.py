"""What two versions have in common and where they differ."""

import pytest

from almanac import discovery
from almanac.operations import compare
from almanac.store.connections.database import Database
from tests.stub import STUB, content, release


def test_a_prediction_differs_when_any_of_its_columns_does(
    owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "contract", lambda name: STUB)
    release(owner, content(6), version=1)
    other = content(6)
    rows = other["predictions"].astype({"extra": object})
    rows.at[1, "extra"] = {"more": 1}
    rows.loc[2, "day"] += rows.loc[1, "day"] - rows.loc[0, "day"]
    rows.loc[3, "word"] = "second"
    rows.loc[4, ["up", "down"]] = [0.5, 0.5]
    release(owner, other | {"predictions": rows}, version=2)
    comparison = compare.compare(owner, "stub", 1, 2)
    assert (comparison.common, comparison.changed, comparison.only_first, comparison.only_second) == (
        6,
        4,
        0,
        0,
    )
    assert (list(comparison.moves.index), list(comparison.words["item"])) == (
        ["item-0000004"],
        ["item-0000003"],
    )
