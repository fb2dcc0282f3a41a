#!/usr/bin/env python3
"""Makes tests/data/factory: points with scikit-learn's k-means of them.

Needs numpy and scikit-learn (pip install numpy scikit-learn). Usage: make_selection_goldens.py [OUT_DIR].
Two sets: separate groups, where every good k-means finds the one optimum, and a cloud without groups, where
the best of many starts is a bound that a few starts come near to.
"""
import json
import pathlib
import sys

import numpy as np
import sklearn
from sklearn.cluster import KMeans

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "data/factory")


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(9, 12)) * 4
    groups = np.concatenate([c + rng.normal(size=(n, 12)) for c, n in zip(centres, range(10, 100, 10))])
    cloud = rng.uniform(size=(500, 5)) + 100  # far from the origin: products alone would lose digits
    golden = {"made_with": f"scikit-learn {sklearn.__version__}"}
    for name, points, dtype, k in [("groups", groups, np.float32, 9), ("cloud", cloud, np.float64, 12)]:
        points = rng.permutation(points).astype(dtype)
        np.save(OUT / f"{name}.npy", points)
        best = KMeans(k, n_init=100, tol=0, max_iter=1000, random_state=1).fit(points.astype(np.float64))
        usual = [KMeans(k, n_init=1, random_state=s).fit(points.astype(np.float64)).inertia_ for s in range(20)]
        golden[name] = {"k": k, "best": best.inertia_, "sizes": sorted(np.bincount(best.labels_).tolist())[::-1],
                        "mean_of_single_starts": float(np.mean(usual))}
    (OUT / "k_means.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
