-- +goose Up
INSERT INTO tracking_peer (peer, kind, id, other, mark) VALUES ('', 'workspace', '', lower(hex(randomblob(16))), '');
