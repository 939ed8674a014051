"""What the runner does on behalf of a step that has ended well: cut-off, decision, aliases, release."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import structlog

from almanac.errors import StepFailed
from almanac.registry import CHALLENGER, CHAMPION
from almanac.runner import upkeep
from almanac.runner.attempt import Attempt
from almanac.store.connections.database import Connection
from almanac.store.publishing import publish
from almanac.store.records import decisions, ledger, releases, run_steps, runs, versions

log = structlog.get_logger("almanac")


def apply_results(attempt: Attempt, step: str) -> None:
    """Do what a step has asked for: note the cut-off, point aliases, write the decision."""
    with attempt.project.database.engine.begin() as connection:
        results = run_steps.results(connection, attempt.run_id, step)
        if "cut_off" in results:
            cut = results["cut_off"]
            facts = runs.RunUpdate(
                date.fromisoformat(cut["data_as_of"]), cut["demo"], cut["simulated"], cut["source"]
            )
            runs.update(connection, attempt.run_id, facts)
            ledger.refuse_downgrade(
                connection, attempt.request.workload, demo=cut["demo"], simulated=cut["simulated"]
            )
        on_hold = releases.is_on_hold(connection, attempt.request.workload)
        if "decision" in results:
            _write_decision(connection, attempt, results["decision"])
    if step == "train" and "model_version" in results:
        attempt.project.registry.set_alias(attempt.request.workload, CHALLENGER, results["model_version"])
    if "decision" in results and results["decision"]["promoted"] and not on_hold:
        attempt.project.registry.set_alias(
            attempt.request.workload, CHAMPION, results["decision"]["challenger"]
        )


def _write_decision(connection: Connection, attempt: Attempt, decision: Mapping[str, Any]) -> None:
    row = {
        "workload": attempt.request.workload,
        "run_id": attempt.run_id,
        "who": attempt.project.settings.who,
        **decision,
    }
    decisions.write(connection, row)
    log.info("decision", run=attempt.run_id, promoted=decision["promoted"], reason=decision["reason"])


def release(attempt: Attempt, usage: Mapping[str, Any]) -> publish.Publication:
    """Publish what the predict step has staged, and the shadow beside it; raises StepFailed where it staged nothing."""
    with attempt.project.database.engine.begin() as connection:
        results = run_steps.results(connection, attempt.run_id, "predict")
        staged = results.get("staged")
        if staged is None:
            raise StepFailed("predict: the notebook staged no predictions; call step.stage(…) in it.")
    if staged.get("covered_until") is not None:
        upkeep.prepare(attempt.project.database, attempt.contract, staged["covered_until"])
    if "shadow" in results:
        _publish_shadow(attempt, _reproducible(results["shadow"], staged))
    known, absorbed = _split(staged)
    facts = runs.RunUpdate(**known, **usage, data_hash=_data_hash(attempt, staged))
    why = f"slot {attempt.slot:%Y-%m-%dT%H:%MZ}"
    return publish.publish(
        attempt.project.database,
        publish.PublishRequest(attempt.contract, attempt.run_id, facts, why, absorbed),
    )


def _split(staged: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the facts for a run's record, and the runs whose rows it has taken over."""
    known = {
        name: value for name, value in staged.items() if name not in ("absorbed", "covered_after", "known")
    }
    return known, tuple(staged.get("absorbed", ()))


def _reproducible(shadow: Mapping[str, Any], staged: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is staged for a shadow; without the hash of its rows where these are not its run's and so were not kept."""
    if "covered_until" in shadow or shadow.get("input_hash") == staged.get("input_hash"):
        return shadow
    return {name: value for name, value in shadow.items() if name != "input_hash"}


def _publish_shadow(attempt: Attempt, staged: Mapping[str, Any]) -> None:
    """Keep the other version's predictions beside the run's own, so that the two can be compared."""
    shadow = attempt.run_id + "-shadow"
    with attempt.project.database.engine.begin() as connection:
        main = runs.get(connection, attempt.run_id)
        opening = runs.NewRun(
            attempt.request.workload,
            attempt.slot,
            ("predict",),
            main["sample"],
            main["actor"],
            kind="shadow",
            parent_run_id=attempt.run_id,
        )
        runs.start(connection, opening, shadow)
    known, absorbed = _split(staged)
    origin = {name: main[name] for name in ("data_as_of", "demo", "simulated", "source", "mlflow_run_id")}
    facts = runs.RunUpdate(**origin, data_hash=_data_hash(attempt, staged), **known)
    publish.publish(
        attempt.project.database, publish.PublishRequest(attempt.contract, shadow, facts, None, absorbed)
    )


def _data_hash(attempt: Attempt, staged: Mapping[str, Any]) -> str:
    with attempt.project.database.engine.begin() as connection:
        found: str = versions.get(connection, attempt.request.workload, staged["model_version"])["data_hash"]
    return found
