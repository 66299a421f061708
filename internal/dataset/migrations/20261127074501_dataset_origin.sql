-- +goose Up
CREATE TABLE dataset_origin (
  product TEXT NOT NULL,
  name    TEXT NOT NULL,
  number  BIGINT NOT NULL,
  kind    TEXT NOT NULL,
  origin  TEXT NOT NULL,
  PRIMARY KEY (product, name, number),
  FOREIGN KEY (product, name, number) REFERENCES dataset_version (product, name, number)
);
