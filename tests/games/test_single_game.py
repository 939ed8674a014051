"""predict-one: a title or an id becomes the first row of the catalogue, or is refused with the way out."""

from datetime import date

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.games import features, model
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.sources import games, plays_csv
from tests.games_samples import game

FRAME = games.frame(
    [
        game("Portal 2", reviews=50),
        game("Portal", reviews=900, released="2027-01-01"),
        game("Doom", reviews=900),
        game("DOOM", game_id="steam:379720", reviews=5000),
        game("Command & Conquer"),
    ]
)
DAY = date(2026, 6, 1)


def one(**inputs: str) -> pd.DataFrame:
    tables = {"games": FRAME, "plays": plays_csv.frame([])}
    return features.one(tables.__getitem__, inputs, as_of=DAY)


@pytest.mark.parametrize(
    ("inputs", "game_id"),
    [
        ({"title": "Portal 2"}, "steam:portal-2"),
        ({"title": "portal ii"}, "steam:portal-2"),
        ({"title": "Doom"}, "steam:doom"),
        ({"title": "doom"}, "steam:379720"),
        ({"title": "command and conquer"}, "steam:command-&-conquer"),
        ({"game_id": "steam:doom"}, "steam:doom"),
    ],
)
def test_the_game_stands_first_and_its_prediction_is_its_own(inputs, game_id):
    frame = one(**inputs)
    assert frame["game_id"].iloc[0] == game_id
    assert len(frame) == 4
    data = Dataset(features.build(FRAME, plays_csv.frame([]), as_of=DAY).catalogue, plays_csv.frame([]))
    pipeline = model.fit(model.make("content"), data)
    expected = model.predict(pipeline, data.catalogue).set_index("game_id").loc[game_id]
    prediction = model.predict(pipeline, frame).iloc[0]
    assert prediction["game_id"] == game_id
    assert prediction["rank"] == expected["rank"]
    assert [entry["score"] for entry in prediction["similar"]] == [
        each["score"] for each in expected["similar"]
    ]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, "one of both"),
        ({"title": "Doom", "game_id": "steam:doom"}, "one of both"),
        ({"title": ""}, "No game is called ''"),
        ({"banana": "1"}, "A game has no 'banana'; its inputs are title or game_id"),
        ({"title": "Doom", "home": "x", "\x1b[31m": "y"}, "'home'"),
        ({"title": "Portl 2"}, "Nearest: 'Portal 2'"),
        ({"title": "steam:doom"}, "No game is called 'steam:doom'"),
        ({"game_id": "doom"}, "No game is called 'doom'"),
        ({"title": "zzzz\x1b[31m"}, r"No game is called 'zzzz\x1b\[31m'. Write title="),
        ({"title": "Portal"}, "was not released before 2026-06-01. Try a later --data-as-of"),
    ],
)
def test_other_inputs_are_refused_with_the_way_out(inputs, reason):
    with pytest.raises(UsageError) as error:
        one(**inputs)
    assert reason.replace("\\[", "[") in str(error.value)
    assert "\x1b" not in str(error.value)
