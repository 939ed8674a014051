"""What a reader must know before the numbers: demo, simulated, stale, hold, and an older instant."""

from collections.abc import Iterator
from datetime import UTC, datetime

from almanac.contract import Contract
from serve.answers.release import Release
from serve.pages import words
from serve.pages.rendering import Banner
from serve.reading.edition import Edition

DEMO = "The data have no coming cases for today, so these predictions are for {day}, a date inside the data."
SIMULATED = "The data are made up: this run read no public source."
STALE = "The newest release is from {moment}. A run is due every {cadence}."
HOLD = "A rollback holds this workload: later runs publish without releasing until an operator resumes."
NONE = "Nothing is released yet. Run: almanac run {workload}"
OLDER = "You read release {release}. Release {live} is live."


def of_release(release: Release, *, on_hold: bool = False) -> list[Banner]:
    """Return the banners of a page that is made from a release."""
    contract, edition = release.read.contract, release.edition
    banners = list(of_edition(contract, edition, stale=release.choice.is_stale))
    live = release.service.releases.last_confirmed(contract.name)
    if edition and live and edition.release_id != live.release_id:
        which = edition.release_id or f"of run {edition.run_id}"
        banners.insert(0, Banner("older", OLDER.format(release=which, live=live.release_id)))
    if on_hold:
        banners.append(Banner("on hold", HOLD))
    return banners


def of_edition(contract: Contract, edition: Edition | None, *, stale: bool) -> Iterator[Banner]:
    """Yield what is to be said of the predictions themselves."""
    if edition is None:
        yield Banner("no release", NONE.format(workload=contract.name))
        return
    if edition.demo:
        yield Banner("demo", DEMO.format(day=words.day(edition.data_as_of)))
    if edition.simulated:
        yield Banner("simulated", SIMULATED)
    if stale:
        published = edition.published_at or datetime.now(UTC)
        cadence = words.duration(contract.cadence.total_seconds())
        yield Banner("stale", STALE.format(moment=words.clock(published), cadence=cadence))
