-- +goose Up
ALTER TABLE quality_report ADD COLUMN delivered_ms BIGINT NOT NULL DEFAULT 0; -- when it became a version, 0 = never
