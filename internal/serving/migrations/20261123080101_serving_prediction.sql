-- +goose Up
CREATE TABLE serving_prediction (
  product        TEXT NOT NULL,
  prediction_id  TEXT NOT NULL,
  environment    TEXT NOT NULL,
  endpoint       TEXT NOT NULL,
  model          TEXT NOT NULL,
  version        TEXT NOT NULL,
  package        TEXT NOT NULL,
  deployment     TEXT NOT NULL,
  event_ms       BIGINT NOT NULL,
  predicted_ms   BIGINT NOT NULL,
  ingested_ms    BIGINT NOT NULL,
  features       TEXT NOT NULL,
  outputs        TEXT NOT NULL,
  prediction     DOUBLE PRECISION,
  latency_us     BIGINT NOT NULL,
  status         TEXT NOT NULL,
  request_id     TEXT NOT NULL,
  PRIMARY KEY (product, prediction_id)
);
CREATE INDEX serving_prediction_event ON serving_prediction (product, event_ms);
CREATE INDEX serving_prediction_predicted ON serving_prediction (product, predicted_ms);

-- +goose Down
DROP TABLE serving_prediction;
