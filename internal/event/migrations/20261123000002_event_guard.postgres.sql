-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION fact_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'facts are never changed or deleted'; END $$;
-- +goose StatementEnd
CREATE TRIGGER fact_guard BEFORE UPDATE OR DELETE ON fact FOR EACH STATEMENT EXECUTE FUNCTION fact_guard();
