-- Events of a batch that failed are retried in halves, so that one bad event among 500 is alone after about nine failures. NULL: retried alone.
CREATE SEQUENCE almanac.events_retry_groups;
ALTER TABLE almanac.events_queue ADD COLUMN retry_group bigint;
CREATE INDEX events_queue_by_retry_group ON almanac.events_queue (retry_group) WHERE state = 'waiting' AND retry_group IS NOT NULL;
GRANT USAGE ON SEQUENCE almanac.events_retry_groups TO almanac_worker;
