"""Predictions of distinct masked texts: levels from the model, templates from mining."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import features
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring.columns import Numbers
from almanac.workloads.logs.terms.levels import WARNING
from almanac.workloads.logs.terms.templates import Templates


@dataclass(frozen=True)
class TextPredictions:
    """Predictions of each distinct text: chances of LEVELS, likely level, id, and the place of its template.

    `template` is a place in `template_ids` and `templates`.
    """

    chances: Floats
    level: Numbers
    text_ids: list[str]
    template: Numbers
    template_ids: list[str]
    templates: list[str]

    @property
    def confidence(self) -> Floats:
        """The chance of the most likely level."""
        confidence: Floats = self.chances.max(axis=1, initial=0.0)
        return confidence

    @property
    def warning_chance(self) -> Floats:
        """The chance of warning or worse."""
        chances: Floats = self.chances[:, WARNING:].sum(axis=1)
        return chances.clip(0.0, 1.0)


def predict(model: LogModel, texts: list[str], past_templates: pd.DataFrame) -> TextPredictions:
    """Predict distinct masked texts; they join the templates of the past where they are similar."""
    earlier = zip(past_templates["template_id"], past_templates["template"], strict=True)
    templates = Templates(dict(earlier))
    places, ids = _factorized(templates.add_all(texts))
    chances = _chances(model, texts)
    return TextPredictions(
        chances=chances,
        level=chances.argmax(axis=1).astype(np.int64),
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
    return model.predict_proba(pd.DataFrame({"text": texts}))
