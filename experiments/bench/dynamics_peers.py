"""ULA with the exact score by jax.jit and by blackjax, in float64, for `lml bench dynamics`.

dynamics_peers.py FOLDER THREADS reads FOLDER/cases.json and writes FOLDER/peers.json: seconds a step and particle, and
the largest difference of each score from lml's. Each peer gets its best: steps inside one compiled loop with the state
donated, two formulations of the score, both of JAX's generators, several numbers of particles, the fastest of which
counts. blackjax's ULA is its sgld kernel with the exact gradient in place of the estimate, over vmap.
"""

import json
import os
import pathlib
import sys
import time

FOLDER, THREADS = pathlib.Path(sys.argv[1]), int(sys.argv[2])
# Before any library starts its threads: XLA counts the processors it may use.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["JAX_PLATFORMS"] = "cpu"

import functools  # noqa: E402

import blackjax  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

jax.config.update("jax_enable_x64", True)


def best_seconds(call, budget):
    call()
    best, spent, runs = float("inf"), 0.0, 0
    while runs < 3 or (spent < budget and runs < 100):
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        best, spent, runs = min(best, seconds), spent + seconds, runs + 1
    return best


def scores(case):
    """Of one point: by differences, which XLA fuses; and by products, which become matrix products under vmap."""
    d = case["dimension"]
    c = jnp.array(case["centres"]).reshape(-1, d)
    p = jnp.array(case["precisions"])
    constant = jnp.array(case["log_weights"]) + 0.5 * d * jnp.log(p)

    def direct(x):
        t = c - x
        r = jax.nn.softmax(constant - 0.5 * p * (t * t).sum(1))
        return ((r * p)[:, None] * t).sum(0)

    pc, shifted = p[:, None] * c, constant - 0.5 * p * (c * c).sum(1)

    def products(x):
        r = jax.nn.softmax(shifted + pc @ x - 0.5 * p * (x @ x))
        return r @ pc - (r @ p) * x

    return {"differences": direct, "products": products}


def plain(score, h, steps):
    @functools.partial(jax.jit, donate_argnums=1)
    def run(key, x):
        def body(i, carry):
            key, x = carry
            key, now = jax.random.split(key)
            return key, x + h * jax.vmap(score)(x) + jnp.sqrt(2 * h) * jax.random.normal(now, x.shape)

        return jax.lax.fori_loop(0, steps, body, (key, x))

    return run


def by_blackjax(score, h, steps):
    sgld = blackjax.sgld(lambda position, _: score(position))

    @functools.partial(jax.jit, donate_argnums=1)
    def run(key, x):
        def body(carry, now):
            keys = jax.random.split(now, x.shape[0])
            return jax.vmap(lambda k, y: sgld.step(k, y, None, h))(keys, carry), None

        key, rest = jax.random.split(key)
        return key, jax.lax.scan(body, x, jax.random.split(rest, steps))[0]

    return run


def measure(case):
    d, x0 = case["dimension"], np.array(case["x"]).reshape(-1, case["dimension"])
    reference = np.array(case["score"]).reshape(x0.shape)
    out, differences = {}, {}
    for who, maker in (("jax", plain), ("blackjax", by_blackjax)):
        entries = []
        for formulation, score in scores(case).items():
            error = np.abs(np.asarray(jax.vmap(score)(x0)) - reference).max() / np.abs(reference).max()
            differences[formulation] = float(error)
            for generator in ("threefry2x32", "rbg"):
                for particles in (512, 8192):
                    steps = max(4, int(4e6 // (particles * d * len(case["precisions"]))))
                    run = maker(score, case["step"], steps)
                    state = [jax.random.key(0, impl=generator), jnp.array(np.resize(x0, (particles, d)))]

                    def call():
                        state[:] = jax.block_until_ready(run(*state))

                    seconds = best_seconds(call, case["budget"]) / (particles * steps)
                    entries.append((seconds, formulation, generator, particles))
        best = min(entries)
        out[who] = {"seconds": best[0], "score": best[1], "generator": best[2], "particles": best[3]}
    out["difference"] = differences
    return out


def main():
    result = {"versions": {"jax": jax.__version__, "blackjax": blackjax.__version__}, "cases": {}}
    for case in json.loads((FOLDER / "cases.json").read_text()):
        result["cases"][case["name"]] = measure(case)
    (FOLDER / "peers.json").write_text(json.dumps(result))


main()
