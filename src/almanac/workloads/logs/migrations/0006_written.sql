-- A run reads the author's word for the level and publishes what it means as `written_level`. The columns of published tables
-- come from the contract; this file makes an installation that is started anew bring them up to it before its next run.
COMMENT ON COLUMN almanac.log_entries.level IS 'The word that the author wrote for the level; logs_predictions.written_level says what it means.';
