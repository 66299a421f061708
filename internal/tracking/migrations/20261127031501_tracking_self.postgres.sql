-- +goose Up
INSERT INTO tracking_peer (peer, kind, id, other, mark) VALUES ('', 'workspace', '', replace(CAST(gen_random_uuid() AS TEXT), '-', ''), '');
