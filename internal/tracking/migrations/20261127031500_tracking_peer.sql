-- +goose Up
CREATE TABLE tracking_peer (
  peer  TEXT NOT NULL,
  kind  TEXT NOT NULL,
  id    TEXT NOT NULL,
  other TEXT NOT NULL,
  mark  TEXT NOT NULL,
  PRIMARY KEY (peer, kind, id)
);
