-- As before, but who only counts the buried need not look at the events that were kept.
CREATE OR REPLACE VIEW api.events_dead AS
    SELECT event_id, event_type, priority, error, dead.attempts, received_at, died_at
    FROM almanac.events_dead AS dead LEFT JOIN almanac.events_queue USING (event_id);
