"""What a level model learns from, and which sources count as those that it was trained on."""

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import features
from almanac.workloads.logs.shared.masking import text_id
from almanac.workloads.logs.sources import kafka
from almanac.workloads.logs.terms import levels

Flags = npt.NDArray[np.bool_]
# Nobody's log comes from the statements of packages, which count a twentieth.
NO_SOURCES = ("python",)


class Examples(NamedTuple):
    """Counts of n-grams, places of levels and weights of texts, a row each.

    `templates` and `systems` number the template and the system of each row. `is_run_time` says whether a log
    has the text, not only a logging statement. `is_source` says whether the system is a source of logs.
    """

    counts: sparse.csr_matrix
    labels: Labels
    weights: Floats
    templates: Labels
    systems: Labels
    is_run_time: Flags
    is_source: Flags

    def rows(self, places: Labels) -> Self:
        """Return the examples of some rows."""
        return type(self)._make(values[places] for values in self)

    def are_trained_on(self, systems: Labels) -> Flags:
        """Return for each system whether a model of these examples counts as trained on it."""
        is_trained: Flags = np.isin(systems, self.systems[self.is_source])
        return is_trained


def of(statements: pd.DataFrame) -> Examples:
    """Return the examples of statements with the column `template`."""
    origins = statements["origin"]
    return Examples(
        counts=features.vectorizer().transform(statements["text"]),
        labels=np.array(levels.numbers(statements["level"]), dtype=np.int64),
        weights=statements["weight"].to_numpy(dtype=np.float64),
        templates=np.asarray(pd.factorize(statements["template"])[0], dtype=np.int64),
        systems=source_numbers(statements["system"]),
        is_run_time=~origins.isin(features.STATED).to_numpy(dtype=bool),
        is_source=~origins.isin(NO_SOURCES).to_numpy(dtype=bool),
    )


def source_numbers(names: Iterable[str]) -> Labels:
    """Return the hash of each name of a system or source as a number; capital letters do not matter."""
    places, distinct = pd.factorize(pd.Series(list(names), dtype="object"))
    numbers = [int(text_id(str(name).casefold()), 16) for name in distinct]
    of_names: Labels = np.array(numbers, dtype=np.int64)[places]
    return of_names


def trained_sources(statements: pd.DataFrame) -> Labels:
    """Return the ascending numbers of all sources that a model of these statements is trained on.

    The public Kafka logs are one system, and their demo entries come from several sources.
    """
    origins = statements["origin"]
    names = set(statements.loc[~origins.isin(NO_SOURCES), "system"])
    if (origins == kafka.ORIGIN).any():
        names |= kafka.sources()
    return np.unique(source_numbers(sorted(names)))
