"""Why a game stands in a list, in words that a person understands."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

MOST_WORDS = 3
SPOKEN = {
    "rpg": "role-playing",
    "jrpg": "Japanese role-playing",
    "action rpg": "action role-playing",
    "fps": "first-person shooter",
    "rts": "real-time strategy",
    "moba": "battle arena",
    "mmo": "online world",
    "mmorpg": "online role-playing world",
    "4x": "empire building",
    "vr": "virtual reality",
    "co-op": "playing together",
    "2d": "flat graphics",
    "3d": "three dimensions",
    "lgbtq+": "LGBTQ+",
    "rpgmaker": "made with RPG Maker",
}
SHOP = frozenset(
    {
        "indie",
        "casual",
        "early access",
        "free to play",
        "singleplayer",
        "great soundtrack",
        "action",
        "adventure",
        "utilities",
    }
)
PLAYED = "played by the same people"


@dataclass(frozen=True)
class Facts:
    """What reasons are made of, a list per game in the order of the catalogue; words come from rarest to most common."""

    words: list[list[str]]
    makers: list[str]
    series: list[str]

    def why(self, game: int, other: int) -> str:
        """Return what two games share: "open world, role-playing; same developer"; '' where it is nothing one could name."""
        shared = set(self.words[other])
        words = [word for word in self.words[game] if word in shared]
        telling = [word for word in words if word not in SHOP] or words
        parts = [", ".join(dict.fromkeys(SPOKEN.get(word, word) for word in telling[:MOST_WORDS]))]
        if self.series[game] and self.series[game] == self.series[other]:
            parts.append("same series")
        elif self.makers[game] and self.makers[game] == self.makers[other]:
            parts.append("same developer")
        return "; ".join(part for part in parts if part)


def facts(catalogue: pd.DataFrame, rarity: Mapping[str, Mapping[str, float]]) -> Facts:
    """Return what reasons are made of; `rarity` says how rare each word of genres and themes is."""
    known = {**rarity["genres"], **rarity["themes"]}
    texts = (catalogue["themes"] + ";" + catalogue["genres"]).str.lower()
    words = [
        sorted(
            {sys.intern(word) for word in text.split(";") if word},
            key=lambda word: (-known.get(word, 0.0), word),
        )
        for text in texts
    ]
    return Facts(words, catalogue["maker"].tolist(), catalogue["series"].tolist())


def with_plays(why: str) -> str:
    """Return the reason of a game that players took to as well.

    >>> with_plays("open world"), with_plays("")
    ('played by the same people; open world', 'played by the same people')
    """
    return f"{PLAYED}; {why}" if why else PLAYED
