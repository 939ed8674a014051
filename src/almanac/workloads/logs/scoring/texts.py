"""Predictions of distinct masked texts: levels from the model, templates from mining."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import features
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring.columns import Columns, Numbers
from almanac.workloads.logs.terms.levels import WARNING
from almanac.workloads.logs.terms.templates import Templates


@dataclass(frozen=True)
class TextPredictions:
    """Predictions of each distinct text: chances of LEVELS, likely level, id, and the place of its template.

    `chances` and `level` have each text twice: first as a source sends it that the model was not trained on,
    then as a source of its training. `of_entry` is the place of each entry's text there, and `main` the place
    of each text as most of its entries have it. `template` is a place in `template_ids` and `templates`.
    """

    chances: Floats
    level: Numbers
    of_entry: Numbers
    main: Numbers
    text_ids: list[str]
    template: Numbers
    template_ids: list[str]
    templates: list[str]

    @cached_property
    def confidence(self) -> Floats:
        """The chance of the most likely level."""
        confidence: Floats = self.chances.max(axis=1, initial=0.0)
        return confidence

    @cached_property
    def warning_chance(self) -> Floats:
        """The chance of warning or worse."""
        chances: Floats = self.chances[:, WARNING:].sum(axis=1)
        return chances.clip(0.0, 1.0)


def predict(model: LogModel, columns: Columns, past_templates: pd.DataFrame) -> TextPredictions:
    """Predict the distinct texts of entries; they join the templates of the past where they are similar."""
    texts = columns.texts
    earlier = zip(past_templates["template_id"], past_templates["template"], strict=True)
    templates = Templates(dict(earlier))
    places, ids = _factorized(templates.add_all(texts))
    chances, of_entry = _chances(model, texts), _of_entries(model, columns)
    return TextPredictions(
        chances=chances,
        level=chances.argmax(axis=1).astype(np.int64),
        of_entry=of_entry,
        main=_main(of_entry, len(texts)),
        text_ids=features.text_ids(texts),
        template=places,
        template_ids=ids,
        templates=[templates.template(name) for name in ids],
    )


def _factorized(names: list[str]) -> tuple[Numbers, list[str]]:
    """Return the place of each name in the list of distinct names, and this list."""
    if not names:
        return np.zeros(0, np.int64), []
    places, distinct = pd.factorize(np.array(names, dtype=object))
    return np.asarray(places, dtype=np.int64), [str(name) for name in distinct]


def _chances(model: LogModel, texts: list[str]) -> Floats:
    if not texts:
        return np.zeros((0, len(LEVELS)))
    return np.vstack(model.both_chances(texts))


def _of_entries(model: LogModel, columns: Columns) -> Numbers:
    """Return the place of each entry's text among the predictions, by whether its source was trained on."""
    first_places = model.are_trained_on(columns.sources) * len(columns.texts)
    return columns.text + first_places[columns.source]


def _main(of_entry: Numbers, size: int) -> Numbers:
    """Return the place of each text as most of its entries have it; without entries as a new source does."""
    new, trained = np.bincount(of_entry, minlength=2 * size).reshape(2, size)
    return np.arange(size) + size * (trained > new)
