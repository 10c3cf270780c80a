"""What `lml bench samplers` measures, by diffusers, numpy and jax.jit: samplers_peers.py FOLDER THREADS.

Reads FOLDER/cases.json and writes FOLDER/peers-THREADS.json.

steps (with one thread only, as lml's): seconds of one scheduler.step on a CPU tensor, in float64 and in float32 (to which
some schedulers convert inside), of which the faster counts: the best time of each step over many runs, then their mean.
samples: seconds of a 20-step DDIM run from given starts on a mixture of equal isotropic Gaussians with its exact noise
prediction, in float64. Each peer gets its best formulation and block size. `difference`: the largest from lml's samples.
"""

import concurrent.futures
import functools
import json
import os
import pathlib
import sys
import time

FOLDER, THREADS = pathlib.Path(sys.argv[1]), int(sys.argv[2])
# Before any library starts its threads: XLA counts the processors it may use, BLAS and OpenMP read the variables.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

jax.config.update("jax_enable_x64", True)
CASES = json.loads((FOLDER / "cases.json").read_text())


def best_seconds(call, budget):
    call()
    best, spent, runs = float("inf"), 0.0, 0
    while runs < 3 or (spent < budget and runs < 200):
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        best, spent, runs = min(best, seconds), spent + seconds, runs + 1
    return best


# --- steps -----------------------------------------------------------------------------------------------------------

WARM_UP = 3  # steps until every history is full


def step_seconds(scheduler, sizes, dtype):
    import torch

    outputs = [torch.randn(sizes, dtype=dtype) for _ in range(3)]
    start = torch.randn(sizes, dtype=dtype)
    best, spent, runs = {}, 0.0, 0
    while runs < 5 or (spent < CASES["budget"] and runs < 2000):
        scheduler.set_timesteps(CASES["steps"])
        x, begun = start.clone(), time.perf_counter()
        for i, t in enumerate(scheduler.timesteps):
            output = outputs[i % 3]
            before = time.perf_counter_ns()
            x = scheduler.step(output, t, x, return_dict=False)[0]
            seconds = (time.perf_counter_ns() - before) * 1e-9
            if i >= WARM_UP:
                best[i] = min(best.get(i, seconds), seconds)
        spent, runs = spent + time.perf_counter() - begun, runs + 1
    return sum(best.values()) / len(best)


def all_steps():
    import diffusers
    import torch

    torch.set_num_threads(THREADS)
    out = {}
    with torch.inference_mode():
        for method in CASES["methods"]:
            entries = out[method["name"]] = {}
            for shape in CASES["shapes"]:
                scheduler = getattr(diffusers, method["scheduler"])(**method["arguments"])
                timings = {
                    name: step_seconds(scheduler, shape["sizes"], dtype)
                    for name, dtype in (("float64", torch.float64), ("float32", torch.float32))
                }
                precision = min(timings, key=timings.get)
                entries[shape["name"]] = {"seconds": timings[precision], "precision": precision, "all": timings}
    return out, {"diffusers": diffusers.__version__, "torch": torch.__version__}


# --- samples ---------------------------------------------------------------------------------------------------------

MIXTURE = CASES["mixture"]
START, MEANS = np.load(FOLDER / MIXTURE["start"]), np.load(FOLDER / MIXTURE["means"])
LOG_WEIGHTS = np.array(MIXTURE["log_weights"])


def coefficients():
    """A step is x' = a x + b sum_k r_k c_k with r the softmax of (p c) x + constant, c = alpha m: s = p (sum_k r_k c_k - x),
    eps = -sigma s, x' = keep x + (sigma' - keep sigma) eps."""
    for alpha, sigma, alpha_to, sigma_to in MIXTURE["grid"]:
        p = 1 / (alpha**2 * MIXTURE["variance"] + sigma**2)
        c, keep = alpha * MEANS, alpha_to / alpha
        slope = (sigma_to - keep * sigma) * -sigma * p
        constant = LOG_WEIGHTS - 0.5 * p * (c * c).sum(1)
        yield p * c, constant, keep - slope, slope * c


STEPS = list(coefficients())


def numpy_block(x, out):
    """x [n, 2]. Logits as K x n, so that maxima and sums run along the long axis; everything in place."""
    n = len(x)
    points = np.empty((3, n))
    points[:2], points[2] = x.T, 1
    logits, pulls, row = np.empty((len(MEANS), n)), np.empty((2, n)), np.empty(n)
    for slopes, constant, keep, pull in STEPS:
        np.matmul(np.column_stack([slopes, constant]), points, out=logits)
        np.max(logits, axis=0, out=row)
        logits -= row
        np.exp(logits, out=logits)
        np.sum(logits, axis=0, out=row)
        np.matmul(pull.T, logits, out=pulls)
        pulls /= row
        points[:2] *= keep
        points[:2] += pulls
    out[:] = points[:2].T


def numpy_run(block, pool=None):
    out = np.empty_like(START)
    places = [slice(i, i + block) for i in range(0, len(START), block)]
    if pool:
        list(pool.map(lambda s: numpy_block(START[s], out[s]), places))
    else:
        for s in places:
            numpy_block(START[s], out[s])
    return out


# Loops of one compiled step: unrolled, XLA repeats the work of a step in the fusions of the next.
TABLES = tuple(jnp.array([s[i] for s in STEPS]) for i in range(4))


def jax_products(x):
    def step(x, now):
        slopes, constant, keep, pull = now
        return keep * x + jax.nn.softmax(x @ slopes.T + constant, axis=1) @ pull, None

    return jax.lax.scan(step, x, TABLES)[0]


def jax_columns(x):
    """Component by component, each coordinate an array of its own."""

    def step(carry, now):
        slopes, constant, keep, pull = now
        a, b = carry
        logits = [slopes[k, 0] * a + slopes[k, 1] * b + constant[k] for k in range(len(MEANS))]
        top = functools.reduce(jnp.maximum, logits)
        r = [jnp.exp(q - top) for q in logits]
        total = sum(r)
        return tuple(keep * z + sum(w * pull[k, i] for k, w in enumerate(r)) / total for i, z in ((0, a), (1, b))), None

    return jnp.stack(jax.lax.scan(step, (x[:, 0], x[:, 1]), TABLES)[0], 1)


def jax_rows(x):
    """Logits as K x n."""

    def step(x, now):
        slopes, constant, keep, pull = now
        r = jax.nn.softmax(slopes @ x + constant[:, None], axis=0)
        return keep * x + pull.T @ r, None

    return jax.lax.scan(step, x.T, TABLES)[0].T


def jax_runs():
    """(formulation, block, call)"""
    start = jnp.asarray(START)
    n = len(START)

    def blocked(function, block):
        blocks = start.reshape(n // block, block, 2)
        mapped = jax.jit(lambda xs: jax.lax.map(function, xs))
        return lambda: mapped(blocks).block_until_ready().reshape(n, 2)

    def whole(function):
        compiled = jax.jit(function)
        return lambda: compiled(start).block_until_ready()

    for function in (jax_products, jax_columns, jax_rows):
        yield function.__name__, n, whole(function)
        for block in (2000, 20000):
            yield function.__name__, block, blocked(function, block)


def difference(samples):
    return float(np.abs(np.asarray(samples) - np.load(FOLDER / MIXTURE["samples"])).max())


def all_samples():
    budget, out = CASES["budget"], {}
    blocks = [b for b in (500, 1000, 2000, 5000, 20000) if b <= len(START)]
    best, block = min((best_seconds(lambda: numpy_run(b), budget), b) for b in blocks)
    out["numpy"] = {"seconds": best, "block": block, "difference": difference(numpy_run(block))}
    out["numpy_whole"] = {
        "seconds": best_seconds(lambda: numpy_run(len(START)), budget),
        "difference": difference(numpy_run(len(START))),
    }
    if THREADS > 1:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            best, block = min((best_seconds(lambda: numpy_run(b, pool), budget), b) for b in blocks)
            out["numpy_pool"] = {"seconds": best, "block": block, "difference": difference(numpy_run(block, pool))}
    entries = [(best_seconds(call, budget), name, block, difference(call())) for name, block, call in jax_runs()]
    best = min(entries)
    out["jax"] = {"seconds": best[0], "formulation": best[1], "block": best[2], "difference": best[3], "all": entries}
    return out


def main():
    result = {"samples": all_samples(), "versions": {"numpy": np.__version__, "jax": jax.__version__}}
    if THREADS == 1:
        result["steps"], versions = all_steps()
        result["versions"].update(versions)
    (FOLDER / f"peers-{THREADS}.json").write_text(json.dumps(result))


main()
