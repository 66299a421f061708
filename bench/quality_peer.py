"""Runs the checks of bench/orders.odcs.yaml in a peer: python quality_peer.py gx|pandera|summarize FILE.

Prints as JSON how many of the fifty checks it can express, how many failed, and the seconds from opening the file to the last
result: the imports are not counted.
"""

import json
import os
import sys
import time

os.environ["GX_ANALYTICS_ENABLED"] = "false"
tool, path = sys.argv[1:]
COUNTRIES = ["NL", "BE", "DE", "FR", "GB", "US", "ES", "IT"]
STATUSES = ["new", "paid", "sent", "returned"]
RANGES = {
    "customer_id": (0, 499_999),
    "quantity": (1, 20),
    "price": (5, 205),
    "temperature": (-60, 80),
    "discount": (0, 1),
}
COLUMNS = "id customer_id ordered_at quantity price temperature discount country status product_code".split()
FIRST, LAST = "2024-01-01", "2026-12-31"


def gx():
    import great_expectations
    import pandas

    e = great_expectations.expectations
    checks = [e.ExpectColumnValuesToNotBeNull(column=c) for c in COLUMNS]
    checks += [
        e.ExpectColumnValuesToBeBetween(column=c, min_value=a, max_value=b)
        for c, (a, b) in RANGES.items()
    ]
    checks += [
        e.ExpectColumnValuesToBeBetween(column="id", min_value=0),
        e.ExpectColumnValuesToBeBetween(
            column="ordered_at",
            min_value=pandas.Timestamp(FIRST),
            max_value=pandas.Timestamp(LAST),
        ),
        e.ExpectColumnValuesToBeUnique(column="id"),
        e.ExpectColumnMeanToBeBetween(column="quantity", min_value=10, max_value=11),
        e.ExpectColumnStdevToBeBetween(column="quantity", min_value=5, max_value=7),
        e.ExpectColumnSumToBeBetween(column="quantity", min_value=1),
        e.ExpectColumnMinToBeBetween(column="quantity", min_value=1, max_value=1),
        e.ExpectColumnMaxToBeBetween(column="quantity", min_value=20, max_value=20),
        e.ExpectColumnMeanToBeBetween(column="price", min_value=50, max_value=60),
        e.ExpectColumnStdevToBeBetween(column="price", min_value=40, max_value=70),
        e.ExpectColumnMaxToBeBetween(column="price", min_value=200, max_value=205),
        e.ExpectColumnQuantileValuesToBeBetween(
            column="price",
            quantile_ranges={"quantiles": [0.99], "value_ranges": [[150, 205]]},
        ),
        e.ExpectColumnMeanToBeBetween(column="temperature", min_value=14, max_value=16),
        e.ExpectColumnStdevToBeBetween(column="temperature", min_value=7, max_value=9),
        e.ExpectColumnMedianToBeBetween(
            column="temperature", min_value=14, max_value=16
        ),
        e.ExpectColumnMinToBeBetween(column="temperature", min_value=-60),
        e.ExpectColumnMeanToBeBetween(column="discount", min_value=0.4, max_value=0.6),
        e.ExpectColumnValueLengthsToEqual(column="country", value=2),
        e.ExpectColumnValuesToBeInSet(column="country", value_set=COUNTRIES),
        e.ExpectColumnUniqueValueCountToBeBetween(
            column="country", min_value=8, max_value=8
        ),
        e.ExpectColumnValuesToBeInSet(column="status", value_set=STATUSES),
        e.ExpectColumnUniqueValueCountToBeBetween(
            column="status", min_value=4, max_value=4
        ),
        e.ExpectColumnValuesToNotBeInSet(
            column="status", value_set=["lost", "unknown"]
        ),
        e.ExpectColumnValueLengthsToEqual(column="product_code", value=7),
        e.ExpectColumnValuesToMatchRegex(column="product_code", regex="^P[0-9]{6}$"),
        e.ExpectTableRowCountToBeBetween(min_value=1_000_000),
        e.ExpectColumnPairValuesAToBeGreaterThanB(column_A="price", column_B="discount"),
    ]
    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    began = time.perf_counter()
    frame = pandas.read_parquet(path)
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
    batch = asset.add_batch_definition_whole_dataframe("b").get_batch(
        batch_parameters={"dataframe": frame}
    )
    result = batch.validate(
        great_expectations.ExpectationSuite(name="s", expectations=checks)
    )
    failed = sum(not r.success for r in result.results)
    return len(checks), failed, time.perf_counter() - began


def pandera():
    import pandera.polars as pa
    import polars as pl

    made = 0

    def share(test):
        nonlocal made
        made += 1
        return pa.Check(
            lambda data: data.lazyframe.select(test(pl.col(data.key or "*")))
        )

    def row(check):
        nonlocal made
        made += 1
        return check

    def mean(low, high):
        return share(lambda c: c.mean().is_between(low, high))

    def deviation(low, high):
        return share(lambda c: c.std().is_between(low, high))

    def between(name):
        return row(pa.Check.in_range(*RANGES[name]))

    def column(kind, *checks, **more):
        nonlocal made
        made += 1 + ("unique" in more)  # not null
        return pa.Column(kind, list(checks), nullable=False, **more)

    finite = [share(lambda c: c.is_finite().all()) for _ in range(3)]
    import datetime

    schema = pa.DataFrameSchema(
        {
            "id": column(pl.Int64, row(pa.Check.ge(0)), unique=True),
            "customer_id": column(pl.Int64, between("customer_id")),
            "ordered_at": column(
                pl.Datetime,
                row(
                    pa.Check.in_range(
                        datetime.datetime.fromisoformat(FIRST),
                        datetime.datetime.fromisoformat(LAST),
                    )
                ),
            ),
            "quantity": column(
                pl.Int32,
                between("quantity"),
                mean(10, 11),
                deviation(5, 7),
                share(lambda c: c.sum() >= 1),
                share(lambda c: c.min() == 1),
                share(lambda c: c.max() == 20),
            ),
            "price": column(
                pl.Float64,
                between("price"),
                mean(50, 60),
                deviation(40, 70),
                share(lambda c: c.max().is_between(200, 205)),
                share(lambda c: c.quantile(0.99, "linear").is_between(150, 205)),
                finite[0],
            ),
            "temperature": column(
                pl.Float64,
                between("temperature"),
                mean(14, 16),
                deviation(7, 9),
                share(lambda c: c.median().is_between(14, 16)),
                share(lambda c: c.min() >= -60),
                finite[1],
            ),
            "discount": column(
                pl.Float64,
                between("discount"),
                mean(0.4, 0.6),
                share(lambda c: (c == 0).mean() <= 0.01),
                finite[2],
            ),
            "country": column(
                pl.String,
                row(pa.Check.str_length(2, 2)),
                row(pa.Check.isin(COUNTRIES)),
                share(lambda c: c.n_unique() == 8),
            ),
            "status": column(
                pl.String,
                row(pa.Check.isin(STATUSES)),
                share(lambda c: c.n_unique() == 4),
                row(pa.Check.notin(["lost", "unknown"])),
            ),
            "product_code": column(
                pl.String,
                row(pa.Check.str_length(7, 7)),
                row(pa.Check.str_matches("^P[0-9]{6}$")),
            ),
        },
        checks=[
            row(
                pa.Check(
                    lambda data: data.lazyframe.select(pl.col("price") > pl.col("discount"))
                )
            ),
            row(
                pa.Check(
                    lambda data: data.lazyframe.select(
                        pl.col("quantity") * pl.col("price") < 5000
                    )
                )
            ),
            row(pa.Check(lambda data: data.lazyframe.select(pl.len() >= 1_000_000))),
            row(
                pa.Check(
                    lambda data: data.lazyframe.select(
                        pl.corr("price", "temperature").is_between(-0.1, 0.1)
                    )
                )
            ),
        ],
    )
    began = time.perf_counter()
    failed = 0
    try:
        schema.validate(pl.read_parquet(path), lazy=True)
    except pa.errors.SchemaErrors as err:
        failed = len(err.schema_errors)
        print(err, file=sys.stderr)
    return made, failed, time.perf_counter() - began


def summarize():
    import duckdb

    began = time.perf_counter()
    duckdb.sql(f"SUMMARIZE SELECT * FROM read_parquet('{path}')").fetchall()
    return 0, 0, time.perf_counter() - began


checks, failed, seconds = {"gx": gx, "pandera": pandera, "summarize": summarize}[tool]()
print("\n" + json.dumps({"checks": checks, "failed": failed, "seconds": seconds}))
