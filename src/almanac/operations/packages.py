"""Whether the installed packages are those that the project pins, and those of the live runs."""

from collections.abc import Iterable, Iterator

from almanac import provenance
from almanac.operations.finding import Finding
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.store.records import releases, run_steps

INSTALL = "Install them again: pip install --require-hashes -r requirements/lab.txt"
TRAIN_ANEW = "Install those versions, or train anew with these: almanac run {workload} --slot now"


def examine_pins(settings: Settings) -> Finding:
    """Compare the installed packages with those that the project pins."""
    pins = provenance.pinned(settings.home)
    installed = provenance.packages(settings.home)
    others = [
        f"{name} {installed.get(name, 'is not installed')} (pinned: {' or '.join(sorted(versions))})"
        for name, versions in sorted(pins.items())
        if installed.get(name) not in versions
    ]
    if not others:
        return Finding("packages", "ok", f"{len(pins)} packages as pinned")
    return Finding("packages", "warning", ", ".join(others), INSTALL)


def examine_live_runs(database: Database, workloads: Iterable[str]) -> Iterator[Finding]:
    """Yield a warning for each workload whose live run was made with other versions of packages."""
    for workload in workloads:
        with database.engine.begin() as connection:
            live = releases.live(connection, workload)
            recorded = run_steps.packages(connection, live["run_id"]) if live else {}
        differences = ", ".join(provenance.drift(recorded))
        if differences:
            detail, advice = f"in the live run {differences}", TRAIN_ANEW.format(workload=workload)
            yield Finding(f"packages {workload}", "warning", detail, advice)
