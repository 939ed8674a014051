"""Football as routes and pages read it: results beside what was served, and the matches of one club."""

import json
from typing import Any, NamedTuple

from almanac.workloads.football.contract import CONTRACT
from serve.answers.release import Release

EMPTY_SUMMARY = '{"matches":0,"hits":0,"hit_rate":null,"promised":null}'
# For each match with a result, the newest prediction that was served before the match.
# A demo release is served after its matches, so its predictions count as if they had been served before.
SERVED = """
WITH served AS (
    SELECT DISTINCT ON (result.date, result.match_id)
        release.release_id AS release, result.match_id, result.league, result.date, result.home, result.away,
        prediction.home_win, prediction.draw, prediction.away_win, prediction.pick, prediction.confidence,
        result.home_goals, result.away_goals, result.outcome,
        result.outcome = ANY (string_to_array(prediction.pick, '_or_')) AS hit
    FROM api.football_results AS result
    JOIN api.releases AS release
        ON release.workload = 'football' AND release.pruned_at IS NULL AND release.data_as_of <= result.date
        AND CASE WHEN %(release)s::bigint IS NULL THEN release.demo OR release.released_at < result.date + 1
            ELSE release.release_id = %(release)s END
    JOIN api.football_predictions AS prediction
        ON prediction.run_id = ANY (release.run_ids) AND prediction.match_id = result.match_id
    WHERE result.run_id = ANY (%(live)s)
    ORDER BY result.date, result.match_id, release.release_id DESC
)"""
RESULTS = f"""{SERVED}
SELECT row_to_json(served)::text, json_build_array(date, match_id) FROM served
WHERE %(day)s::date IS NULL OR (date, match_id) > (%(day)s, %(match)s)
ORDER BY date, match_id LIMIT %(limit)s""".encode()
SUMMARY = f"""{SERVED}
SELECT row_to_json(summary)::text FROM (
    SELECT count(*) AS matches, count(*) FILTER (WHERE hit) AS hits,
        avg(hit::int)::float8 AS hit_rate, avg(confidence) AS promised
    FROM served
) AS summary""".encode()
NEWEST_RESULTS = f"""{SERVED}
SELECT row_to_json(served)::text FROM served
WHERE %(club)s::text IS NULL OR %(club)s IN (home, away)
ORDER BY date DESC, match_id LIMIT %(limit)s""".encode()
MATCHES = b"""
SELECT row_to_json(_row)::text FROM (
    SELECT * FROM api.football_predictions
    WHERE run_id = ANY (%(runs)s) AND %(club)s IN (home, away) ORDER BY date, match_id LIMIT %(limit)s
) AS _row"""
PICKS = b"""
SELECT row_to_json(_row)::text FROM (
    SELECT * FROM api.football_predictions
    WHERE run_id = ANY (%(runs)s) AND confidence >= %(confidence)s
    ORDER BY confidence DESC, date, match_id LIMIT %(limit)s
) AS _row"""
LEAGUES = CONTRACT.table("leagues")


class Place(NamedTuple):
    """Where a page of results begins."""

    release: int | None = None
    day: Any = None
    match: Any = None


async def results(release: Release, place: Place, limit: int) -> tuple[list[Any], str]:
    """Return the JSON and key of results with what was served, one more than a page, and their summary."""
    values = place._asdict() | {"live": release.run_ids, "limit": limit + 1}
    rows = await release.rows(RESULTS, values)
    [(summary,)] = await release.rows(SUMMARY, values) or [(EMPTY_SUMMARY,)]
    return rows, str(summary)


async def newest_results(release: Release, limit: int, club: str | None = None) -> list[dict[str, Any]]:
    """Return the newest results with what was served before each, of one club where it is named."""
    values = {"release": None, "live": release.run_ids, "club": club, "limit": limit}
    return [json.loads(row) for (row,) in await release.rows(NEWEST_RESULTS, values)]


async def summary(release: Release) -> dict[str, Any]:
    """Return how many picks that were served came true, and how many were promised to."""
    _, text = await results(release, Place(), 1)
    parsed: dict[str, Any] = json.loads(text)
    return parsed


async def matches(release: Release, club: str, limit: int) -> list[dict[str, Any]]:
    """Return the coming matches of one club."""
    values = {"runs": release.run_ids, "club": club, "limit": limit}
    return [json.loads(row) for (row,) in await release.rows(MATCHES, values)]


async def picks(release: Release, confidence: float, limit: int) -> list[dict[str, Any]]:
    """Return the picks of at least this confidence, the most confident first."""
    values = {"runs": release.run_ids, "confidence": confidence, "limit": limit}
    return [json.loads(row) for (row,) in await release.rows(PICKS, values)]


async def leagues(release: Release) -> list[dict[str, Any]]:
    """Return the leagues of the release."""
    parsed: list[dict[str, Any]] = json.loads(await release.whole(LEAGUES))
    return parsed
