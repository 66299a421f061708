-- +goose Up
CREATE INDEX tracking_param_value ON tracking_param (key, substr(value, 1, 64));
CREATE INDEX tracking_tag_value ON tracking_tag (key, substr(value, 1, 64));
