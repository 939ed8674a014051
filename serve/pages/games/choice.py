"""What somebody has chosen on the page of games, and the addresses of every next choice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

# The share of the catalogue, by popularity, at which each of four kinds ends.
ENDS = (0.0, 0.05, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Choice:
    """The parameters of the address, with the liked games in their order and those to leave out."""

    parameters: Mapping[str, str]
    liked: Sequence[str]
    exclude: Collection[str]

    def like(self, game_id: str) -> dict[str, str]:
        """Return the parameters with one more liked game, and without the search that led to it."""
        return self._with([*self.liked, game_id], self.exclude)

    def unlike(self, game_id: str) -> dict[str, str]:
        """Return the parameters without this liked game."""
        return self._with([each for each in self.liked if each != game_id], self.exclude)

    def without(self, game_id: str) -> dict[str, str]:
        """Return the parameters that leave a game out."""
        return self._with(self.liked, [*self.exclude, game_id])

    def all_again(self) -> dict[str, str]:
        """Return the parameters that leave no game out."""
        return self._with(self.liked, ())

    def _with(self, liked: Collection[str], exclude: Collection[str]) -> dict[str, str]:
        others = {name: text for name, text in self.parameters.items() if name not in OWN}
        return others | {"liked": ",".join(liked), "exclude": ",".join(exclude)}


OWN = ("q", "liked", "exclude", "as_of")


def rank_limits(rarity: int, count: int) -> dict[str, int]:
    """Return the first and last place by popularity of one of the four kinds; 1 is the best known.

    >>> rank_limits(1, 1000), rank_limits(4, 1000)
    ({'from_rank': 1, 'to_rank': 50}, {'from_rank': 501, 'to_rank': 1000})
    """
    first = int(ENDS[rarity - 1] * count) + 1
    return {"from_rank": first, "to_rank": max(first, int(ENDS[rarity] * count))}
