-- +goose Up
CREATE TABLE modelpack_package (
  digest      TEXT PRIMARY KEY,
  product     TEXT NOT NULL,
  name        TEXT NOT NULL,
  config      TEXT NOT NULL,
  manifest    TEXT NOT NULL,
  size        BIGINT NOT NULL,
  actor       TEXT NOT NULL,
  created_ms  BIGINT NOT NULL,
  built_ms    BIGINT NOT NULL
);
CREATE INDEX modelpack_package_product ON modelpack_package (product, created_ms);
CREATE TABLE modelpack_file (
  package     TEXT NOT NULL REFERENCES modelpack_package (digest),
  path        TEXT NOT NULL,
  digest      TEXT NOT NULL,
  size        BIGINT NOT NULL,
  media_type  TEXT NOT NULL,
  PRIMARY KEY (package, path)
);
CREATE TABLE modelpack_referrer (
  package     TEXT NOT NULL REFERENCES modelpack_package (digest),
  kind        TEXT NOT NULL,
  digest      TEXT NOT NULL,
  key_hint    TEXT NOT NULL,
  created_ms  BIGINT NOT NULL,
  PRIMARY KEY (package, kind, digest)
);

-- +goose Down
DROP TABLE modelpack_referrer;
DROP TABLE modelpack_file;
DROP TABLE modelpack_package;
