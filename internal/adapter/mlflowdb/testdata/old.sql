-- The backend store of an early MLflow: no steps, no NaN, no newest points, no registry.
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) NOT NULL UNIQUE, artifact_location VARCHAR(256), lifecycle_stage VARCHAR(32));
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20), source_name VARCHAR(500), entry_point_name VARCHAR(50),
  user_id VARCHAR(256), status VARCHAR(20), start_time BIGINT, end_time BIGINT, source_version VARCHAR(50), lifecycle_stage VARCHAR(20),
  artifact_uri VARCHAR(200), experiment_id INTEGER);
CREATE TABLE tags (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32));
CREATE TABLE params (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32));
CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32));
INSERT INTO experiments VALUES (0, 'Default', './mlruns/0', 'active'), (1, 'rain', './mlruns/1', 'deleted');
INSERT INTO runs VALUES ('aa', '', 'LOCAL', 'x.py', '', 'daisy', 'FINISHED', 1000, 2000, '', 'active', './mlruns/1/aa/artifacts', 1);
INSERT INTO tags VALUES ('mlflow.runName', 'first', 'aa'), ('empty', NULL, 'aa');
INSERT INTO params VALUES ('p', '1', 'aa');
INSERT INTO metrics VALUES ('loss', 3.0, 10, 'aa'), ('loss', 1.0, 30, 'aa'), ('loss', 2.0, 20, 'aa'), ('none', NULL, 5, 'aa');
