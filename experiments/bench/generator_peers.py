"""Times fplanck's generator and stationary vector on a problem of `lml bench dynamics`: generator_peers.py FOLDER.

FOLDER/generator.json holds a Gaussian mixture (weights, means, variances: isotropic) and a square (low, high, cells);
D = I. Writes FOLDER/generator-peers.json.
"""

import json
import pathlib
import sys
import time

import numpy as np
import scipy
from scipy import constants

if not hasattr(np, "product"):  # fplanck predates numpy 2
    np.product = np.prod
import fplanck

folder = pathlib.Path(sys.argv[1])
case = json.loads((folder / "generator.json").read_text())
width = (case["high"] - case["low"]) / case["cells"]
centre = 0.5 * (case["high"] + case["low"])


def potential(x, y):  # fplanck's axes are centred at 0
    p = sum(
        w / v * np.exp(-((x + centre - m[0]) ** 2 + (y + centre - m[1]) ** 2) / (2 * v))
        for w, m, v in zip(case["weights"], case["means"], case["variances"])
    )
    return -np.log(np.maximum(p, 1e-300))


extent = case["cells"] * width * (1 - 1e-12)  # its count of cells is rounded up
generator, stationary = [], []
for _ in range(case["repeats"]):
    start = time.perf_counter()
    peer = fplanck.fokker_planck(
        temperature=1 / constants.k, drag=1, extent=[extent, extent], resolution=width, potential=potential
    )
    generator.append(time.perf_counter() - start)
    start = time.perf_counter()
    q = peer.steady_state()
    stationary.append(time.perf_counter() - start)
p = np.exp(-potential(*peer.grid))
p /= p.sum()
result = {
    "cells": list(q.shape),
    "generator_seconds": min(generator),
    "stationary_seconds": min(stationary),
    "error": float(np.abs(q - p).sum()),
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "fplanck": "0.2.2"},
}
(folder / "generator-peers.json").write_text(json.dumps(result))
