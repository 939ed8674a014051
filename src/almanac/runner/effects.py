"""What the runner does with the results of a step that ended well: cut-off, decision, aliases, release."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from almanac.errors import StepFailed
from almanac.log_lines import fields
from almanac.registry import CHALLENGER, CHAMPION
from almanac.runner import upkeep
from almanac.runner.attempt import Attempt
from almanac.store.connections.database import Connection
from almanac.store.publishing.publish import Publication, PublishRequest, publish
from almanac.store.records import decisions, ledger, releases, run_steps, runs, versions
from almanac.store.schema.contract_tables import MOCK

# Facts of a staged run that its record has no column for.
NO_COLUMNS = ("absorbed", "covered_after", "known")
# What a shadow takes from the run beside which it was scored.
ORIGIN = ("data_as_of", "newest_data", "demo", "simulated", "source", "mlflow_run_id")
NOTHING_STAGED = "predict: the notebook staged no predictions; call step.stage(…) in it."
NOT_TO_BE_RELEASED = "--no-release asked for that"
NOT_CHAMPION = (
    "version {version} was trained in this run and is not the champion, which knows later days; "
    "--release releases such a run all the same"
)
log = logging.getLogger("almanac")


def apply_results(attempt: Attempt, step: str) -> None:
    """Apply what a step reported: record the cut-off, write the decision, point the aliases.

    A run that is not to be released moves no alias.
    """
    with attempt.project.database.engine.begin() as connection:
        results = run_steps.results(connection, attempt.run_id, step)
        decision = results.get("decision")
        if "cut_off" in results:
            _record_cut_off(connection, attempt, results["cut_off"])
        if decision:
            _write_decision(connection, attempt, decision)
        on_hold = releases.is_on_hold(connection, attempt.workload)
        may_move = not _reason_to_keep(connection, attempt)
    if step == "train" and "model_version" in results and may_move:
        attempt.project.registry.set_alias(attempt.workload, CHALLENGER, results["model_version"])
    if decision and decision["promoted"] and may_move and not on_hold:
        attempt.project.registry.set_alias(attempt.workload, CHAMPION, decision["challenger"])


def publish_results(attempt: Attempt, usage: Mapping[str, Any]) -> Publication:
    """Publish what the predict step has staged, and the shadow beside it; raises StepFailed for nothing."""
    with attempt.project.database.engine.begin() as connection:
        results = run_steps.results(connection, attempt.run_id, "predict")
    staged, shadow = results.get("staged"), results.get("shadow")
    if staged is None:
        raise StepFailed(NOTHING_STAGED)
    if staged.get("covered_until") is not None:
        upkeep.prepare(attempt.project.database, attempt.contract, staged["covered_until"])
    if shadow is not None:
        _publish_shadow(attempt, _without_unsaved_input(shadow, staged))
    if attempt.request.release is not True and "in_place_of_champion" in results:
        publication = _publish(attempt, attempt.run_id, staged, usage)
        return replace(publication, reason=NOT_CHAMPION.format(version=staged["model_version"]))
    if attempt.request.release is False:
        publication = _publish(attempt, attempt.run_id, staged, usage)
        return replace(publication, reason=NOT_TO_BE_RELEASED)
    why = f"slot {attempt.slot:%Y-%m-%dT%H:%MZ}"
    return _publish(attempt, attempt.run_id, staged, usage, why=why)


def _record_cut_off(connection: Connection, attempt: Attempt, cut: Mapping[str, Any]) -> None:
    """Record the cut-off of a run; raises UsageError where its data may not replace what readers get.

    Data of a mock run are made up, whatever its notebook says.
    """
    day = date.fromisoformat(cut["data_as_of"])
    newest = cut.get("newest_data")
    newest_data = date.fromisoformat(newest) if newest else None
    simulated = cut["simulated"] or runs.get(connection, attempt.run_id)["sample"] == MOCK
    kind = {"demo": cut["demo"], "simulated": simulated}
    update = runs.RunUpdate(data_as_of=day, newest_data=newest_data, source=cut["source"], **kind)
    runs.update(connection, attempt.run_id, update)
    if not _reason_to_keep(connection, attempt):
        ledger.refuse_downgrade(connection, attempt.workload, **kind)


def _reason_to_keep(connection: Connection, attempt: Attempt) -> str | None:
    """Return why a run will not be released, as far as that is clear before its end, or None."""
    if attempt.request.release is not None:
        return None if attempt.request.release else NOT_TO_BE_RELEASED
    return ledger.reason_to_keep(connection, runs.get(connection, attempt.run_id))


def _write_decision(connection: Connection, attempt: Attempt, decision: Mapping[str, Any]) -> None:
    who = attempt.project.settings.who
    row = {"workload": attempt.workload, "run_id": attempt.run_id, "who": who, **decision}
    decisions.write(connection, row)
    facts = fields(run=attempt.run_id, promoted=decision["promoted"], reason=decision["reason"])
    log.info("decision", extra=facts)


def _publish_shadow(attempt: Attempt, staged: Mapping[str, Any]) -> None:
    """Publish the other version's predictions without releasing them, so that the two can be compared."""
    shadow = f"{attempt.run_id}-shadow"
    with attempt.project.database.engine.begin() as connection:
        main = runs.get(connection, attempt.run_id)
        new_run = runs.NewRun(
            workload=attempt.workload,
            slot=attempt.slot,
            steps=("predict",),
            sample=main["sample"],
            actor=main["actor"],
            kind="shadow",
            parent_run_id=attempt.run_id,
        )
        runs.start(connection, new_run, shadow)
    _publish(attempt, shadow, staged, {name: main[name] for name in ORIGIN})


def _publish(
    attempt: Attempt,
    run_id: str,
    staged: Mapping[str, Any],
    facts: Mapping[str, Any],
    why: str | None = None,
) -> Publication:
    """Publish staged rows as a run with these facts; without a reason `why` they are not released."""
    columns = {name: value for name, value in staged.items() if name not in NO_COLUMNS}
    data_hash = _data_hash(attempt, staged["model_version"])
    update = runs.RunUpdate(**columns, **facts, data_hash=data_hash)
    absorbed = tuple(staged.get("absorbed", ()))
    keep_behind = attempt.request.release is not True
    request = PublishRequest(attempt.contract, run_id, update, why, absorbed, keep_behind)
    return publish(attempt.project.database, request)


def _without_unsaved_input(shadow: Mapping[str, Any], staged: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is staged for a shadow, without the hash of its input unless that input was saved.

    The rows of a shadow are saved only where they are those of its run.
    """
    if "covered_until" in shadow or shadow.get("input_hash") == staged.get("input_hash"):
        return shadow
    return {name: value for name, value in shadow.items() if name != "input_hash"}


def _data_hash(attempt: Attempt, version: int) -> str:
    with attempt.project.database.engine.begin() as connection:
        row = versions.get(connection, attempt.workload, version)
    return str(row["data_hash"])
