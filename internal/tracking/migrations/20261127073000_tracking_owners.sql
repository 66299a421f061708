-- +goose Up
-- With the run in the index, the runs that have a value are found without reading the rows, and come in order.
DROP INDEX tracking_param_value;
DROP INDEX tracking_tag_value;
CREATE INDEX tracking_param_value ON tracking_param (key, substr(value, 1, 64), run);
CREATE INDEX tracking_tag_value ON tracking_tag (key, substr(value, 1, 64), run);
