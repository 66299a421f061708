-- +goose Up
CREATE TABLE dataset_alias (
  product    TEXT NOT NULL,
  name       TEXT NOT NULL,
  alias      TEXT NOT NULL,
  number     BIGINT NOT NULL,
  actor      TEXT NOT NULL,
  changed_ms BIGINT NOT NULL,
  PRIMARY KEY (product, name, alias),
  FOREIGN KEY (product, name, number) REFERENCES dataset_version (product, name, number)
);
