"""Write golden.json: numbers of NumPy and SciPy that the Go code must reproduce.

    python -m venv env && env/bin/pip install numpy scipy && env/bin/python golden.py

Inputs are written with the outputs, so that the Go test reads one file and draws nothing.
"""

import json
import platform
import warnings
from pathlib import Path

import numpy as np
import scipy
from scipy import stats
from scipy.spatial.distance import jensenshannon

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20150302)


def rounded(x, digits=6):
    return [float(v) for v in np.round(x, digits)]


def sample_sets():
    """Pairs (reference, current) that differ in size, shape and ties."""
    yield "normal-shift", rounded(rng.normal(0, 1, 200)), rounded(rng.normal(0.3, 1.2, 150))
    yield "equal-size", rounded(rng.normal(0, 1, 60)), rounded(rng.normal(0.5, 1, 60))
    yield "ties", [float(v) for v in rng.poisson(4, 120)], [float(v) for v in rng.poisson(5, 77)]
    yield "rain", rounded(np.where(rng.random(365) < 0.55, 0, rng.exponential(6, 365)), 1), rounded(
        np.where(rng.random(56) < 0.7, 0, rng.exponential(3, 56)), 1
    )
    yield "tiny", [1.0, 2.0, 3.0], [2.5, 2.75]
    yield "identical", [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]
    yield "disjoint", rounded(rng.random(30)), rounded(rng.random(40) + 5)
    yield "constant", [2.0] * 9, [2.0] * 5


def two_samples():
    for name, r, c in sample_sets():
        d, p = stats.ks_2samp(r, c, method="auto")
        yield {
            "name": name, "r": r, "c": c, "ks": float(d), "ks_p": float(p),
            "wasserstein": float(stats.wasserstein_distance(r, c)),
            "mean": float(np.mean(r)), "std": float(np.std(r)),
            "skewness": float(np.nan_to_num(stats.skew(r))),
        }  # fmt: skip


def histograms():
    for name, r, _ in sample_sets():
        x = np.asarray(r, dtype=np.float64)
        case = {"name": name, "x": r}
        for rule in ("sturges", "doane"):
            edges = np.histogram_bin_edges(x, bins=rule)
            counts, _ = np.histogram(x, bins=edges)
            case[rule] = {"edges": [float(e) for e in edges], "counts": [int(n) for n in counts]}
        edges = np.unique(np.quantile(x, np.linspace(0, 1, 11)))
        if len(edges) > 1:
            counts, _ = np.histogram(x, bins=edges)
            case["quantile"] = {"edges": [float(e) for e in edges], "counts": [int(n) for n in counts]}
        yield case


def distances():
    for r, c in [
        ([10, 20, 30, 40], [15, 25, 25, 35]),
        ([5, 0, 10], [0, 5, 10]),
        ([100, 200, 300, 1], [90, 260, 250, 4]),
        ([7, 7, 7], [7, 7, 7]),
    ]:
        p, q = np.array(r) / sum(r), np.array(c) / sum(c)
        fill = lambda s: np.where(s == 0, 0.0001 if s[s > 0].min() > 0.0001 else s[s > 0].min() / 1e6, s)
        pf, qf = fill(p), fill(q)
        one = stats.chisquare(c, f_exp=np.array(r) * (sum(c) / sum(r))) if min(r) > 0 else None
        table = stats.chi2_contingency(np.array([r, c]))
        yield {
            "r": r, "c": c,
            "psi": float(np.sum((pf - qf) * np.log(pf / qf))),
            "kl": float(stats.entropy(pf, qf)),
            "js_e": float(np.nan_to_num(jensenshannon(p, q))),
            "js_2": float(np.nan_to_num(jensenshannon(p, q, base=2))),
            "hellinger": float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)) / np.sqrt(2)),
            "linf": float(np.max(np.abs(p - q))),
            "chi2_one": None if one is None else [float(one.statistic), float(one.pvalue)],
            "chi2_table": [float(table.statistic), float(table.dof), float(table.pvalue)],
        }  # fmt: skip


def ks_p():
    for n1, n2, share in [
        (5, 5, 0.6), (100, 100, 0.15), (1000, 1000, 0.05), (7, 11, 0.5), (64, 96, 0.2), (365, 56, 0.21),
        (9000, 50, 0.15), (2000, 3000, 0.03), (997, 1009, 0.06), (10000, 10000, 0.02),
    ]:  # fmt: skip
        lcm = np.lcm(n1, n2)
        d = round(share * lcm) / lcm
        # two samples of n1 and n2 rows with exactly this D are not needed: the tail only depends on n1, n2 and D
        g = np.gcd(n1, n2)
        from scipy.stats._stats_py import _attempt_exact_2kssamp

        ok, d2, p = _attempt_exact_2kssamp(n1, n2, g, d, "two-sided")
        yield {"n1": n1, "n2": n2, "d": float(d), "p": float(p) if ok else None}


def kolmogorov():
    for n in (1, 2, 5, 10, 50, 139, 141, 500, 5000, 20000, 150000, 1000000):
        for z in (0.3, 0.4, 0.55, 0.7, 0.9, 1.2, 1.45, 1.5, 2.0, 3.0, 5.0):
            d = z / np.sqrt(n)
            if d < 1:
                yield {"n": n, "d": float(d), "sf": float(stats.kstwo.sf(d, n))}


def main():
    p = rounded(np.concatenate([rng.random(12), rng.random(4) / 500]), 9)
    golden = {
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__},
        "two_samples": list(two_samples()),
        "histograms": list(histograms()),
        "distances": list(distances()),
        "ks_p": list(ks_p()),
        "kolmogorov": list(kolmogorov()),
        "chi2_sf": [
            {"x": x, "df": df, "sf": float(stats.chi2.sf(x, df))}
            for df in (1, 2, 3, 9, 30, 99, 1000)
            for x in (0.01, 0.5, 1, 3.84, 10, 50, 120, 1000, 1400)
        ],
        "normal_sf": [{"z": z, "sf": float(stats.norm.sf(z))} for z in (-3, 0, 0.5, 1.96, 6, 12, 37)],
        "bh": {"p": p, "adjusted": [float(v) for v in stats.false_discovery_control(p)]},
        "quantiles": [
            {"x": [3.0, 1.0, 2.0, 10.0, 4.5], "q": q, "value": float(np.quantile([3.0, 1.0, 2.0, 10.0, 4.5], q))}
            for q in (0, 0.1, 0.25, 0.5, 0.82, 0.99, 1)
        ],
    }
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    print(path.name, golden["versions"])


if __name__ == "__main__":
    main()
