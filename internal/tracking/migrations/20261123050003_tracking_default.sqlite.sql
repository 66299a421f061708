-- +goose Up
INSERT INTO tracking_experiment (id, name, artifact_location, stage, created_ms, updated_ms)
VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active', CAST(strftime('%s', 'now') AS INTEGER) * 1000, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
