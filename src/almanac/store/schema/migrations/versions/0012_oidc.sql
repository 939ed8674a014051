-- Who a user is in a directory of users. The name may change there; issuer and subject never do.
CREATE TABLE almanac.identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL REFERENCES almanac.users,
    PRIMARY KEY (issuer, subject)
);

-- The user of an identity, made at the first login. The role follows the directory; without one all sessions end. A name that another
-- user has is never taken over.
CREATE FUNCTION api.access_identity(of_issuer text, of_subject text, new_name text, new_role text, id uuid)
RETURNS TABLE (outcome text, user_id uuid, name text, role text, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    present almanac.users;
    later bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('almanac identity ' || of_issuer || ' ' || of_subject));
    SELECT u.* INTO present FROM almanac.identities AS i JOIN almanac.users AS u USING (user_id)
    WHERE i.issuer = of_issuer AND i.subject = of_subject;
    IF present.user_id IS NULL THEN
        IF new_role IS NULL THEN
            RETURN QUERY SELECT 'no role', NULL::uuid, NULL::text, NULL::text, later;
            RETURN;
        ELSIF new_name = '' THEN
            RETURN QUERY SELECT 'bad name', NULL::uuid, NULL::text, NULL::text, later;
            RETURN;
        ELSIF NOT api.access_add_user(id, new_name, new_role, NULL, of_issuer) THEN
            RETURN QUERY SELECT 'taken', NULL::uuid, NULL::text, NULL::text, later;
            RETURN;
        END IF;
        INSERT INTO almanac.identities VALUES (of_issuer, of_subject, id);
    ELSIF present.disabled_at IS NOT NULL THEN
        RETURN QUERY SELECT 'disabled', NULL::uuid, NULL::text, NULL::text, later;
        RETURN;
    ELSIF new_role IS NULL THEN
        SELECT e.epoch INTO later FROM api.access_end(present.user_id, NULL, 'no role in the directory') AS e;
        RETURN QUERY SELECT 'no role', NULL::uuid, NULL::text, NULL::text, later;
        RETURN;
    ELSIF present.role <> new_role THEN
        SELECT c.epoch INTO later FROM api.access_change_user(present.name, new_role, NULL, NULL) AS c;
    END IF;
    RETURN QUERY SELECT 'ok', u.user_id, u.name, u.role, coalesce(later, 0) FROM almanac.identities AS i
    JOIN almanac.users AS u USING (user_id) WHERE i.issuer = of_issuer AND i.subject = of_subject;
END
$$;

REVOKE EXECUTE ON FUNCTION api.access_identity(text, text, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.access_identity(text, text, text, text, uuid) TO almanac_access;
