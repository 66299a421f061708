-- +goose Up
INSERT INTO tracking_experiment (id, name, artifact_location, stage, created_ms, updated_ms)
VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active', CAST(extract(epoch FROM now()) AS BIGINT) * 1000, CAST(extract(epoch FROM now()) AS BIGINT) * 1000);
