"""The handle a notebook works with, opened from its parameters."""

from datetime import UTC, datetime

from almanac.errors import UsageError
from almanac.fields import parse_date, parse_instant
from almanac.settings import Settings
from almanac.steps.predictions import Predictions
from almanac.steps.tables import TableAccess

SAMPLES = ("full", "mock")


class Step(TableAccess, Predictions):
    """One step of one run; without a run id an exploration, which never moves an alias or a release."""

    @classmethod
    def open(cls, workload: str, name: str, **parameters: str) -> "Step":
        """Open a step from a notebook's parameters `run_id`, `slot`, `sample` and `data_as_of`.

        An empty one takes the value of the settings. Raises UsageError.
        """
        settings = Settings.read()
        slot = parameters.get("slot", "")
        return cls(
            workload,
            name,
            run_id=parameters.get("run_id", ""),
            sample=_sample(parameters.get("sample") or settings.sample),
            slot=parse_instant(slot) if slot else datetime.now(UTC),
            requested_date=parse_date(parameters.get("data_as_of", "")),
            settings=settings,
        )


def _sample(text: str) -> str:
    if text not in SAMPLES:
        raise UsageError(f"SAMPLE has value '{text}'. Use 'full' or 'mock'.")
    return text
