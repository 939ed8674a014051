-- In how many parts a day was made searchable: a day that is over and came in several is laid out anew.
CREATE TABLE almanac.log_layouts (day date PRIMARY KEY, parts integer NOT NULL);
INSERT INTO almanac.log_layouts (day, parts)
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD'), 2 FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'almanac.log_search'::regclass;
