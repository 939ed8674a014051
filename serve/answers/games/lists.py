"""One game and its two lists, as routes and pages read them."""

from serve.answers.release import Release

GAME_COLUMNS = (
    "game_id", "title", "rank", "year", "released", "genres", "themes", "platforms", "developer", "publisher",
    "rating", "popularity", "adult", "players",
)  # fmt: skip
GAME = f"""
SELECT row_to_json(game)::text FROM (
    SELECT {", ".join(GAME_COLUMNS)} FROM api.games_predictions WHERE run_id = %s AND game_id = %s
) AS game""".encode()
# A game with the first entries of one of its lists; the values are limit, run and game. Entries of older
# releases do not say what has brought them.
LIST = """
SELECT json_build_object('game_id', game_id, 'title', title)::text,
    (SELECT coalesce(json_agg(
        CASE WHEN entry ->> 'by' IS NULL THEN (entry::jsonb || jsonb_build_object('by', {by}))::json
            ELSE entry END ORDER BY place), '[]')::text
     FROM json_array_elements({column}) WITH ORDINALITY AS listed(entry, place) WHERE place <= %s)
FROM api.games_predictions WHERE run_id = %s AND game_id = %s"""
# PostgreSQL has a keyword SIMILAR.
SIMILAR = LIST.format(column='"similar"', by="'content'").encode()
RECOMMENDED = LIST.format(
    column='coalesce(recommended, "similar")', by="CASE WHEN recommended IS NULL THEN 'content' END"
).encode()


async def game(release: Release, game_id: str) -> str:
    """Return the JSON of one game; raises NotFound."""
    rows = await release.rows(GAME, (release.run_id, game_id))
    if not rows:
        raise release.not_found()
    return str(rows[0][0])


async def recommended(release: Release, game_id: str, limit: int) -> tuple[str, str]:
    """Return the JSON of a game, and of what its players also liked; raises NotFound."""
    return await _list(release, RECOMMENDED, game_id, limit)


async def similar(release: Release, game_id: str, limit: int) -> tuple[str, str]:
    """Return the JSON of a game, and of the games most like it; raises NotFound."""
    return await _list(release, SIMILAR, game_id, limit)


async def _list(release: Release, statement: bytes, game_id: str, limit: int) -> tuple[str, str]:
    rows = await release.rows(statement, (limit, release.run_id, game_id))
    if not rows:
        raise release.not_found()
    titled, neighbours = rows[0]
    return str(titled), str(neighbours)
