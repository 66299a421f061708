-- +goose Up
CREATE TABLE registry_model (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL UNIQUE,
  product      TEXT NOT NULL,
  description  TEXT NOT NULL,
  actor        TEXT NOT NULL,
  last_version BIGINT NOT NULL,
  created_ms   BIGINT NOT NULL,
  updated_ms   BIGINT NOT NULL
);
CREATE TABLE registry_model_tag (
  model_id  TEXT NOT NULL REFERENCES registry_model (id) ON DELETE CASCADE,
  tag       TEXT NOT NULL,
  value     TEXT NOT NULL,
  PRIMARY KEY (model_id, tag)
);
CREATE TABLE registry_version (
  model_id     TEXT NOT NULL REFERENCES registry_model (id) ON DELETE CASCADE,
  number       BIGINT NOT NULL,
  stage        TEXT NOT NULL,
  description  TEXT NOT NULL,
  source       TEXT NOT NULL,
  location     TEXT NOT NULL,
  run_id       TEXT NOT NULL,
  run_link     TEXT NOT NULL,
  logged_model TEXT NOT NULL,
  package      TEXT NOT NULL,
  actor        TEXT NOT NULL,
  deleted      BIGINT NOT NULL,
  created_ms   BIGINT NOT NULL,
  updated_ms   BIGINT NOT NULL,
  PRIMARY KEY (model_id, number)
);
CREATE UNIQUE INDEX registry_version_package ON registry_version (model_id, package) WHERE package <> '' AND deleted = 0;
CREATE INDEX registry_version_run ON registry_version (run_id);
CREATE TABLE registry_version_tag (
  model_id  TEXT NOT NULL,
  number    BIGINT NOT NULL,
  tag       TEXT NOT NULL,
  value     TEXT NOT NULL,
  PRIMARY KEY (model_id, number, tag),
  FOREIGN KEY (model_id, number) REFERENCES registry_version (model_id, number) ON DELETE CASCADE
);
CREATE INDEX registry_version_tag_tag ON registry_version_tag (tag);
CREATE TABLE registry_alias (
  model_id  TEXT NOT NULL,
  alias     TEXT NOT NULL,
  number    BIGINT NOT NULL,
  PRIMARY KEY (model_id, alias),
  FOREIGN KEY (model_id, number) REFERENCES registry_version (model_id, number) ON DELETE CASCADE
);
