"""Measures levels on unseen templates and systems, and abnormal sessions by halves in time."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd

from almanac.settings import Settings
from almanac.workloads.logs import evaluation, features, sources

PRIORS = (0.01, 0.02, 0.025, 0.03, 0.04, 0.05)
LEVELS = ("levels", "levels_without_python")
Result = dict[str, Any]


def main() -> None:
    """Fetch everything that the settings allow, evaluate over seeds, print and write the figures."""
    arguments = parse_arguments()
    begin = time.monotonic()
    fetched = sources.fetch(Settings.read())
    frame = features.build(fetched.statements)
    result: Result = {"source": fetched.source, "statements": frame.groupby("origin").size().to_dict()}
    result |= level_figures(frame, range(arguments.seed, arguments.seed + arguments.seeds))
    result |= session_figures(fetched.traces, arguments.seed)
    result["seconds"] = round(time.monotonic() - begin, 1)
    report(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3, help="how many ways to split templates")
    return parser.parse_args()


def level_figures(frame: pd.DataFrame, seeds: range) -> Result:
    """Return the figures of levels, with and without the statements of installed packages."""
    without_python = frame[frame["origin"] != "python"].reset_index(drop=True)
    return {
        "levels": levels(frame, seeds),
        "levels_without_python": levels(without_python, seeds),
        "random_lines": evaluation.random_lines(frame, seed=seeds[0]),
    }


def levels(frame: pd.DataFrame, seeds: range) -> Result:
    """Return scores on unseen templates (over seeds), unseen systems (over systems) and later times.

    There are none where there are too few statements.
    """
    if len(frame) < evaluation.LEAST_ROWS:
        return {}
    _, by_template = evaluation.over_seeds(frame, by="template", seeds=seeds)
    foreign, by_system = evaluation.over_seeds(frame, by="system", seeds=seeds[:1])
    among_systems = evaluation.bootstrap_systems(foreign, seed=seeds[0])
    return {
        "unseen template": described(by_template),
        "unseen system": described(by_system, among=among_systems),
        "later time": later_time(frame),
    }


def later_time(frame: pd.DataFrame) -> Result:
    """Return scores on texts that were first seen late; none where no text has a time."""
    late = evaluation.validate_by_time(frame)
    if late.frame.empty:
        return {}
    return described(pd.DataFrame([evaluation.score(late.frame["level"], late.chances)]))


def described(scores: pd.DataFrame, *, among: pd.DataFrame | None = None) -> Result:
    """Return scores for people and for programs."""
    return {"words": evaluation.describe(scores, among=among), "scores": scores.to_dict(orient="records")}


def session_figures(traces: pd.DataFrame, seed: int) -> Result:
    """Return the figures of abnormal sessions by split and, without labels, by prior."""
    splits = evaluation.sessions.compare_splits(traces, seed=seed)
    priors = evaluation.sessions.compare_priors(traces, PRIORS) if len(traces) else pd.DataFrame()
    return {"sessions": splits.to_dict(orient="records"), "priors": priors.to_dict(orient="records")}


def report(result: Result) -> None:
    """Print the figures for people."""
    print(f"Logs, {result['source']}: {result['statements']}; {result['seconds']} s")
    for title in LEVELS:
        for name, scores in result[title].items():
            if scores:
                print(f"{title}, {name}: {scores['words']}")
    print(f"a random split of lines would pretend: {result['random_lines']:.4f}")
    print(pd.DataFrame(result["sessions"]).round(3).to_string(index=False))
    print("without labels, by the share of sessions that counts as abnormal:")
    print(pd.DataFrame(result["priors"]).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
