"""Measures levels on unseen templates and systems, and abnormal sessions by halves in time, beside majorities and random splits."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd

from almanac.settings import Settings
from almanac.workloads.logs import evaluation, features, sources

PRIORS = (0.01, 0.02, 0.025, 0.03, 0.04, 0.05)


def main() -> None:
    """Fetch everything the settings allow, evaluate over seeds, print and write what came out."""
    given = arguments()
    begun = time.monotonic()
    fetched = sources.fetch(Settings.read())
    frame = features.build(fetched.statements)
    seeds = range(given.seed, given.seed + given.seeds)
    result = {
        "source": fetched.source,
        "statements": frame.groupby("origin").size().to_dict(),
        "levels": levels(frame, seeds),
        "levels_without_python": levels(frame[frame["origin"] != "python"].reset_index(drop=True), seeds),
        "random_lines": evaluation.random_lines(frame, seed=given.seed),
        "sessions": evaluation.sessions.compare_splits(fetched.traces, seed=given.seed).to_dict(
            orient="records"
        ),
        "priors": evaluation.sessions.compare_priors(fetched.traces, PRIORS).to_dict(orient="records")
        if len(fetched.traces)
        else [],
        "seconds": round(time.monotonic() - begun, 1),
    }
    report(result)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3, help="how often templates and systems are dealt out")
    return parser.parse_args()


def levels(frame: pd.DataFrame, seeds: range) -> dict[str, Any]:
    """Return scores in words on unseen templates (over seeds), unseen systems (over systems) and later times; empty where there is too little."""
    if len(frame) < evaluation.LEAST_ROWS:
        return {}
    _, by_template = evaluation.over_seeds(frame, by="template", seeds=seeds)
    foreign, by_system = evaluation.over_seeds(frame, by="system", seeds=seeds[:1])
    late = evaluation.validate_by_time(frame)
    return {
        "unseen template": told(by_template),
        "unseen system": told(by_system, among=evaluation.bootstrap_systems(foreign, seed=seeds[0])),
        "later time": told(pd.DataFrame([evaluation.score(late.frame["level"], late.chances)]))
        if len(late.frame)
        else {},
    }


def told(scores: pd.DataFrame, *, among: pd.DataFrame | None = None) -> dict[str, Any]:
    """Return scores for people and for programs."""
    return {"words": evaluation.describe(scores, among=among), "scores": scores.to_dict(orient="records")}


def report(result: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(f"Logs, {result['source']}: {result['statements']}; {result['seconds']} s")
    for title in ("levels", "levels_without_python"):
        for name, found in result[title].items():
            if found:
                print(f"{title}, {name}: {found['words']}")
    print(f"what a random split of lines would pretend: {result['random_lines']:.4f}")
    print(pd.DataFrame(result["sessions"]).round(3).to_string(index=False))
    print("without labels, by the share of sessions that is taken for abnormal:")
    print(pd.DataFrame(result["priors"]).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
