-- Log files that were read. An entry of a file is known by the file's key and the place of its first line, and by nothing it says.
CREATE TABLE almanac.log_files (
    file_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The path without what rotation and compression add; behind a line end the source that was named, where one was.
    family text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    -- Device and inode when it was read last; NULL of a pipe.
    node text COLLATE "C",
    -- Pairs of a first line, counted from 0, and the key of the lines from there on.
    segments jsonb NOT NULL,
    lines bigint NOT NULL DEFAULT 0,
    -- The first line of the last entry: more of it may come.
    open_line bigint,
    -- The unfinished last line: its length in characters and its hash.
    tail_length integer NOT NULL DEFAULT 0,
    tail_mark bytea NOT NULL DEFAULT '',
    -- When it was last read to its end; NULL where it never was.
    read_at timestamptz
);
CREATE INDEX log_files_by_family ON almanac.log_files (family);
CREATE INDEX log_files_by_source ON almanac.log_files (source);

-- A hash of 8 bytes for each finished line, so that a file is found again after rotation, growth or a removed head.
CREATE TABLE almanac.log_file_lines (
    file_id bigint NOT NULL REFERENCES almanac.log_files ON DELETE CASCADE,
    first_line bigint NOT NULL,
    marks bytea NOT NULL,
    PRIMARY KEY (file_id, first_line)
);

-- Entries up to this number may come from files whose entries were known by what they said.
CREATE TABLE almanac.log_older (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), until bigint NOT NULL);
INSERT INTO almanac.log_older (until) SELECT coalesce(max(entry_id), 0) FROM almanac.log_ids;

-- Replaces what was read of an entry before its line or its stack trace was finished; says whether anything changed.
CREATE FUNCTION almanac.log_complete(target uuid, fresh jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number bigint := (SELECT entry_id FROM almanac.log_ids WHERE id = target);
BEGIN
    UPDATE almanac.log_entries SET
        event_time = coalesce((fresh ->> 'event_time')::timestamptz, event_time), source = fresh ->> 'source',
        session = fresh ->> 'session', level = fresh ->> 'level', logger = fresh ->> 'logger', client_id = fresh ->> 'client_id',
        text = fresh ->> 'text', raw = (fresh ->> 'raw')::boolean
    WHERE entry_id = number AND (text <> fresh ->> 'text' OR level IS DISTINCT FROM fresh ->> 'level');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE almanac.log_search SET document = to_tsvector('simple', coalesce((fresh ->> 'logger') || ' ', '') || (fresh ->> 'text'))
    WHERE entry_id = number;
    RETURN true;
END
$$;
-- A worker writes to these tables through these functions only.
CREATE FUNCTION almanac.log_add_file(family text, source text, node text, segments jsonb) RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO almanac.log_files (family, source, node, segments) VALUES ($1, $2, $3, $4) RETURNING file_id
$$;

CREATE FUNCTION almanac.log_add_lines(file bigint, first bigint, marks bytea) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    UPDATE almanac.log_files SET lines = first + length(marks) / 8 WHERE file_id = file;
    INSERT INTO almanac.log_file_lines (file_id, first_line, marks) VALUES (file, first, marks)
$$;

-- Notes how a file ends. One that is read every minute would have a row of marks for each time, so they are joined.
CREATE FUNCTION almanac.log_finish_file(file bigint, its_node text, last_line bigint, length integer, mark bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole bytea;
BEGIN
    UPDATE almanac.log_files SET node = its_node, open_line = coalesce(last_line, open_line), tail_length = length, tail_mark = mark,
        read_at = clock_timestamp() WHERE file_id = file;
    IF (SELECT count(*) FROM almanac.log_file_lines WHERE file_id = file) > 64 THEN
        whole := (SELECT string_agg(marks, '' ORDER BY first_line) FROM almanac.log_file_lines WHERE file_id = file);
        DELETE FROM almanac.log_file_lines WHERE file_id = file;
        INSERT INTO almanac.log_file_lines (file_id, first_line, marks) VALUES (file, 0, whole);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION almanac.log_complete(uuid, jsonb), almanac.log_add_file(text, text, text, jsonb),
    almanac.log_add_lines(bigint, bigint, bytea), almanac.log_finish_file(bigint, text, bigint, integer, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION almanac.log_complete(uuid, jsonb), almanac.log_add_file(text, text, text, jsonb),
    almanac.log_add_lines(bigint, bigint, bytea), almanac.log_finish_file(bigint, text, bigint, integer, bytea) TO almanac_worker;
GRANT SELECT ON almanac.log_files, almanac.log_file_lines, almanac.log_older TO almanac_worker;
