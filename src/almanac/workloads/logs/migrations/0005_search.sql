-- The letters and digits of a text with a space between their runs: com.example.Cart(Cart.java:42) becomes com example Cart Cart java 42.
-- Text and query are split by it alike, so that every run finds its text, whatever PostgreSQL takes for a host, a path or a tag.
CREATE FUNCTION api.log_words(words text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    -- The letters, numbers and digits of Unicode beyond ASCII (its categories L and N).
    others CONSTANT text :=
        '\u00AA\u00B2-\u00B3\u00B5\u00B9-\u00BA\u00BC-\u00BE\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02C1' ||
        '\u02C6-\u02D1\u02E0-\u02E4\u02EC\u02EE\u0370-\u0374\u0376-\u037D\u037F\u0386\u0388-\u03F5' ||
        '\u03F7-\u0481\u048A-\u0559\u0560-\u0588\u05D0-\u05F2\u0620-\u064A\u0660-\u0669\u066E-\u066F' ||
        '\u0671-\u06D3\u06D5\u06E5-\u06E6\u06EE-\u06FC\u06FF\u0710\u0712-\u072F\u074D-\u07A5\u07B1-\u07EA' ||
        '\u07F4-\u07F5\u07FA\u0800-\u0815\u081A\u0824\u0828\u0840-\u0858\u0860-\u0887\u0889-\u088E' ||
        '\u08A0-\u08C9\u0904-\u0939\u093D\u0950\u0958-\u0961\u0966-\u096F\u0971-\u0980\u0985-\u09B9\u09BD' ||
        '\u09CE\u09DC-\u09E1\u09E6-\u09F1\u09F4-\u09F9\u09FC\u0A05-\u0A39\u0A59-\u0A6F\u0A72-\u0A74' ||
        '\u0A85-\u0AB9\u0ABD\u0AD0-\u0AE1\u0AE6-\u0AEF\u0AF9\u0B05-\u0B39\u0B3D\u0B5C-\u0B61\u0B66-\u0B6F' ||
        '\u0B71-\u0B77\u0B83-\u0BB9\u0BD0\u0BE6-\u0BF2\u0C05-\u0C39\u0C3D\u0C58-\u0C61\u0C66-\u0C6F' ||
        '\u0C78-\u0C7E\u0C80\u0C85-\u0CB9\u0CBD\u0CDD-\u0CE1\u0CE6-\u0CF2\u0D04-\u0D3A\u0D3D\u0D4E' ||
        '\u0D54-\u0D56\u0D58-\u0D61\u0D66-\u0D78\u0D7A-\u0D7F\u0D85-\u0DC6\u0DE6-\u0DEF\u0E01-\u0E30' ||
        '\u0E32-\u0E33\u0E40-\u0E46\u0E50-\u0E59\u0E81-\u0EB0\u0EB2-\u0EB3\u0EBD-\u0EC6\u0ED0-\u0F00' ||
        '\u0F20-\u0F33\u0F40-\u0F6C\u0F88-\u0F8C\u1000-\u102A\u103F-\u1049\u1050-\u1055\u105A-\u105D' ||
        '\u1061\u1065-\u1066\u106E-\u1070\u1075-\u1081\u108E\u1090-\u1099\u10A0-\u10FA\u10FC-\u135A' ||
        '\u1369-\u138F\u13A0-\u13FD\u1401-\u166C\u166F-\u167F\u1681-\u169A\u16A0-\u16EA\u16EE-\u1711' ||
        '\u171F-\u1731\u1740-\u1751\u1760-\u1770\u1780-\u17B3\u17D7\u17DC\u17E0-\u17F9\u1810-\u1884' ||
        '\u1887-\u18A8\u18AA-\u191E\u1946-\u19DA\u1A00-\u1A16\u1A20-\u1A54\u1A80-\u1A99\u1AA7' ||
        '\u1B05-\u1B33\u1B45-\u1B59\u1B83-\u1BA0\u1BAE-\u1BE5\u1C00-\u1C23\u1C40-\u1C7D\u1C80-\u1CBF' ||
        '\u1CE9-\u1CEC\u1CEE-\u1CF3\u1CF5-\u1CF6\u1CFA-\u1DBF\u1E00-\u1FBC\u1FBE\u1FC2-\u1FCC' ||
        '\u1FD0-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FFC\u2070-\u2079\u207F-\u2089\u2090-\u209C\u2102\u2107' ||
        '\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2139\u213C-\u213F' ||
        '\u2145-\u2149\u214E\u2150-\u2189\u2460-\u249B\u24EA-\u24FF\u2776-\u2793\u2C00-\u2CE4' ||
        '\u2CEB-\u2CEE\u2CF2-\u2CF3\u2CFD\u2D00-\u2D6F\u2D80-\u2DDE\u2E2F\u3005-\u3007\u3021-\u3029' ||
        '\u3031-\u3035\u3038-\u303C\u3041-\u3096\u309D-\u309F\u30A1-\u30FA\u30FC-\u318E\u3192-\u3195' ||
        '\u31A0-\u31BF\u31F0-\u31FF\u3220-\u3229\u3248-\u324F\u3251-\u325F\u3280-\u3289\u32B1-\u32BF' ||
        '\u3400-\u4DBF\u4E00-\uA48C\uA4D0-\uA4FD\uA500-\uA60C\uA610-\uA66E\uA67F-\uA69D\uA6A0-\uA6EF' ||
        '\uA717-\uA71F\uA722-\uA788\uA78B-\uA801\uA803-\uA805\uA807-\uA80A\uA80C-\uA822\uA830-\uA835' ||
        '\uA840-\uA873\uA882-\uA8B3\uA8D0-\uA8D9\uA8F2-\uA8F7\uA8FB\uA8FD-\uA8FE\uA900-\uA925' ||
        '\uA930-\uA946\uA960-\uA97C\uA984-\uA9B2\uA9CF-\uA9D9\uA9E0-\uA9E4\uA9E6-\uAA28\uAA40-\uAA42' ||
        '\uAA44-\uAA4B\uAA50-\uAA59\uAA60-\uAA76\uAA7A\uAA7E-\uAAAF\uAAB1\uAAB5-\uAAB6\uAAB9-\uAABD\uAAC0' ||
        '\uAAC2-\uAADD\uAAE0-\uAAEA\uAAF2-\uAAF4\uAB01-\uAB5A\uAB5C-\uAB69\uAB70-\uABE2\uABF0-\uD7FB' ||
        '\uF900-\uFB1D\uFB1F-\uFB28\uFB2A-\uFBB1\uFBD3-\uFD3D\uFD50-\uFDC7\uFDF0-\uFDFB\uFE70-\uFEFC' ||
        '\uFF10-\uFF19\uFF21-\uFF3A\uFF41-\uFF5A\uFF66-\uFFDC\U00010000-\U000100FA\U00010107-\U00010133' ||
        '\U00010140-\U00010178\U0001018A-\U0001018B\U00010280-\U000102D0\U000102E1-\U00010375' ||
        '\U00010380-\U0001039D\U000103A0-\U000103CF\U000103D1-\U00010563\U00010570-\U00010855' ||
        '\U00010858-\U00010876\U00010879-\U0001091B\U00010920-\U00010939\U00010980-\U00010A00' ||
        '\U00010A10-\U00010A35\U00010A40-\U00010A48\U00010A60-\U00010A7E\U00010A80-\U00010AC7' ||
        '\U00010AC9-\U00010AE4\U00010AEB-\U00010AEF\U00010B00-\U00010B35\U00010B40-\U00010B91' ||
        '\U00010BA9-\U00010D23\U00010D30-\U00010EA9\U00010EB0-\U00010F45\U00010F51-\U00010F54' ||
        '\U00010F70-\U00010F81\U00010FB0-\U00010FF6\U00011003-\U00011037\U00011052-\U0001106F' ||
        '\U00011071-\U00011072\U00011075\U00011083-\U000110AF\U000110D0-\U000110F9\U00011103-\U00011126' ||
        '\U00011136-\U0001113F\U00011144\U00011147-\U00011172\U00011176\U00011183-\U000111B2' ||
        '\U000111C1-\U000111C4\U000111D0-\U000111DA\U000111DC\U000111E1-\U0001122B\U00011280-\U000112A8' ||
        '\U000112B0-\U000112DE\U000112F0-\U000112F9\U00011305-\U00011339\U0001133D\U00011350' ||
        '\U0001135D-\U00011361\U00011400-\U00011434\U00011447-\U0001144A\U00011450-\U00011459' ||
        '\U0001145F-\U000114AF\U000114C4-\U000114C5\U000114C7-\U000115AE\U000115D8-\U000115DB' ||
        '\U00011600-\U0001162F\U00011644-\U00011659\U00011680-\U000116AA\U000116B8\U000116C0-\U0001171A' ||
        '\U00011730-\U0001173B\U00011740-\U0001182B\U000118A0-\U0001192F\U0001193F\U00011941' ||
        '\U00011950-\U000119D0\U000119E1\U000119E3\U00011A00\U00011A0B-\U00011A32\U00011A3A\U00011A50' ||
        '\U00011A5C-\U00011A89\U00011A9D\U00011AB0-\U00011C2E\U00011C40\U00011C50-\U00011C6C' ||
        '\U00011C72-\U00011C8F\U00011D00-\U00011D30\U00011D46\U00011D50-\U00011D89\U00011D98-\U00011EF2' ||
        '\U00011FB0-\U00011FD4\U00012000-\U0001246E\U00012480-\U00012FF0\U00013000-\U0001342E' ||
        '\U00014400-\U00016A69\U00016A70-\U00016AED\U00016B00-\U00016B2F\U00016B40-\U00016B43' ||
        '\U00016B50-\U00016E96\U00016F00-\U00016F4A\U00016F50\U00016F93-\U00016FE1\U00016FE3' ||
        '\U00017000-\U0001BC99\U0001D2E0-\U0001D2F3\U0001D360-\U0001D6C0\U0001D6C2-\U0001D6DA' ||
        '\U0001D6DC-\U0001D6FA\U0001D6FC-\U0001D714\U0001D716-\U0001D734\U0001D736-\U0001D74E' ||
        '\U0001D750-\U0001D76E\U0001D770-\U0001D788\U0001D78A-\U0001D7A8\U0001D7AA-\U0001D7C2' ||
        '\U0001D7C4-\U0001D7FF\U0001DF00-\U0001DF1E\U0001E100-\U0001E12C\U0001E137-\U0001E14E' ||
        '\U0001E290-\U0001E2AD\U0001E2C0-\U0001E2EB\U0001E2F0-\U0001E2F9\U0001E7E0-\U0001E8CF' ||
        '\U0001E900-\U0001E943\U0001E94B-\U0001E959\U0001EC71-\U0001ECAB\U0001ECAD-\U0001ECAF' ||
        '\U0001ECB1-\U0001ED2D\U0001ED2F-\U0001EEBB\U0001F100-\U0001F10C\U0001FBF0-\U0003134A';
BEGIN
    IF octet_length(words) = length(words) THEN
        RETURN regexp_replace(words, '[^0-9A-Za-z]+', ' ', 'g');
    END IF;
    RETURN normalize(regexp_replace(words, '[^0-9A-Za-z' || others || ']+', ' ', 'g'), NFKC);
END
$$;
GRANT EXECUTE ON FUNCTION api.log_words(text) TO almanac_reader, almanac_worker;

-- Splits the texts that are searchable already. Each day is built beside the old one, so that searches wait only while both change places.
DO $$
DECLARE
    part record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('almanac log search', 0));
    PERFORM until FROM almanac.log_indexed FOR UPDATE;
    PERFORM set_config('maintenance_work_mem', '256MB', true);
    FOR part IN
        SELECT c.relname AS name, c.relname || '_fresh' AS fresh, to_date(right(c.relname, 8), 'YYYYMMDD') AS day
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'almanac.log_search'::regclass
    LOOP
        EXECUTE format('CREATE TABLE almanac.%I (LIKE almanac.log_search, CHECK (day = %L))', part.fresh, part.day);
        EXECUTE format(
            $fill$INSERT INTO almanac.%I (entry_id, day, event_time, source, session, document)
            SELECT s.entry_id, s.day, s.event_time, s.source, s.session,
                   to_tsvector('simple', api.log_words(coalesce(e.logger || ' ', '') || e.text))
            FROM almanac.%I AS s JOIN almanac.log_entries AS e ON e.entry_id = s.entry_id AND e.day = s.day
            ORDER BY e.logger, left(e.text, 200)$fill$, part.fresh, part.name);
        EXECUTE format('CREATE INDEX ON almanac.%I USING gin (document)', part.fresh);
        EXECUTE format('CREATE INDEX ON almanac.%I (event_time, entry_id)', part.fresh);
        EXECUTE format(
            'CREATE INDEX ON almanac.%I (source, session, event_time, entry_id) WHERE session IS NOT NULL', part.fresh);
        EXECUTE format('ANALYZE almanac.%I', part.fresh);
    END LOOP;
    FOR part IN
        SELECT c.relname AS name, c.relname || '_fresh' AS fresh, to_date(right(c.relname, 8), 'YYYYMMDD') AS day
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'almanac.log_search'::regclass
    LOOP
        EXECUTE format('DROP TABLE almanac.%I', part.name);
        EXECUTE format('ALTER TABLE almanac.%I RENAME TO %I', part.fresh, part.name);
        EXECUTE format('ALTER TABLE almanac.log_search ATTACH PARTITION almanac.%I FOR VALUES IN (%L)', part.name, part.day);
        UPDATE almanac.log_layouts SET parts = 1 WHERE day = part.day;
    END LOOP;
END
$$;
