"""Fills the SQLite store of an MLflow server that is stopped: python fill_mlflow.py mlflow.db RUNS WIDE COLUMNS POINTS.

Rows are written as the server writes them, because logging so much through its API takes hours. The same numbers are written
to Paraplu by fill.go: RUNS runs in experiment "many"; WIDE runs with COLUMNS metrics each in experiment "wide"; one run with
POINTS points of one metric in experiment "long", whose id is printed.
"""

import itertools
import sqlite3
import sys

path = sys.argv[1]
runs, wide, columns, points = map(int, sys.argv[2:])
db = sqlite3.connect(path)
db.execute("PRAGMA synchronous=OFF")
START = 1_700_000_000_000
MASK = (1 << 64) - 1
numbers = itertools.count(1)


def noise(i: int) -> float:
    z = (i + 1) * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return ((z ^ z >> 31) >> 11) / (1 << 53)


def experiment(name: str) -> int:
    ids = [n for (n,) in db.execute("SELECT experiment_id FROM experiments")]
    new = max(ids) + 1
    db.execute(
        "INSERT INTO experiments (experiment_id, name, workspace, artifact_location, lifecycle_stage, creation_time,"
        " last_update_time) VALUES (?, ?, 'default', ?, 'active', ?, ?)",
        (new, name, f"mlflow-artifacts:/{new}", START, START),
    )
    return new


def run(exp: int, i: int) -> str:
    uid = f"{next(numbers):032x}"
    db.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,"
        " source_version, lifecycle_stage, artifact_uri, experiment_id) VALUES (?, ?, 'UNKNOWN', '', '', 'daisy', 'FINISHED',"
        " ?, ?, '', 'active', ?, ?)",
        (uid, f"run-{i}", START + i, START + i + 1000, f"mlflow-artifacts:/{exp}/{uid}/artifacts", exp),
    )
    tags = {"mlflow.runName": f"run-{i}", "mlflow.user": "daisy", "group": str(i // 10)}
    db.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", [(k, v, uid) for k, v in tags.items()])
    return uid


def metrics(uid: str, values: dict[str, float], at: int) -> None:
    rows = [(k, v, START + at, 0, 0, uid) for k, v in values.items()]
    for table in ("metrics", "latest_metrics"):
        db.executemany(
            f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)", rows
        )


many = experiment("many")
for i in range(runs):
    uid = run(many, i)
    params = [(f"p{k}", str((i + k) % 7), uid) for k in range(5)]
    db.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", params)
    metrics(uid, {f"m{k}": noise(5 * i + k) for k in range(5)}, i)
table = experiment("wide")
for i in range(wide):
    metrics(run(table, i), {f"column{k:03d}": noise(columns * i + k) for k in range(columns)}, i)
long = experiment("long")
uid = run(long, 0)
db.executemany(
    "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('loss', ?, ?, ?, 0, ?)",
    ((noise(i), START + 1000 * i, i, uid) for i in range(points)),
)
db.commit()
print(many, table, long, uid)
