"""The games of the package: 400 well-known ones, written by hand, for a machine without any source."""

import csv
from datetime import date
from importlib.resources import files

import pandas as pd

from almanac.workloads.games.shared.spelling import title_key
from almanac.workloads.games.sources import games

SOURCE = "simulated"
PLATFORM_LETTERS = {
    "w": "windows",
    "m": "mac",
    "l": "linux",
    "p": "playstation",
    "x": "xbox",
    "n": "nintendo",
}
# Ids stay as they were released, also where titles are spelt by newer rules.
RELEASED_NAMES = {"Final Fantasy XV": "final-fantasy-xv"}


def catalogue() -> pd.DataFrame:
    """Return the games as the contract's `games`, without reviews; of a release only the year is known."""
    with (files(__package__) / "well_known.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return games.frame(_game(row) for row in rows)


def _game(row: dict[str, str]) -> dict[str, object]:
    platforms = [PLATFORM_LETTERS[letter] for letter in row["platforms"]]
    return {
        "game_id": f"sample:{_name(row['title'])}",
        "title": row["title"],
        "released": date(int(row["year"]), 7, 1),
        "genres": row["genres"],
        "themes": row["themes"],
        "platforms": ";".join(platforms),
        "developer": row["developer"],
        "publisher": row["developer"],
        "source": SOURCE,
    }


def _name(title: str) -> str:
    return RELEASED_NAMES.get(title) or title_key(title.replace("&", " ")).replace(" ", "-")
