"""The same scores and Hessians as `lml bench score`, by numpy, PyTorch (CPU) and jax.jit, in float64.

score_peers.py FOLDER THREADS reads FOLDER/cases.json and writes FOLDER/peers-THREADS.json: seconds per call (the best of
several after a warm-up) and the largest difference from lml's score, relative to the largest score. Each peer gets its
best formulation: the logits as matrix products with the squares in an added column, softmax in place where it can, and
several block sizes, of which the fastest counts.
"""

import copy
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
import torch  # noqa: E402

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


def best_seconds(call, budget):
    call()
    best, spent, runs = float("inf"), 0.0, 0
    while runs < 3 or (spent < budget and runs < 200):
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        best, spent, runs = min(best, seconds), spent + seconds, runs + 1
    return best


class Problem:
    """c_k = alpha m_k, p_k = 1/(alpha^2 v_k + sigma^2); `shared` where all p_k are equal."""

    def __init__(self, case):
        load = lambda name: np.load(FOLDER / name)
        self.name, self.budget = case["name"], case["budget"]
        self.x, self.reference = load(case["x"]), load(case["score"])
        self.c = load(case["means"])
        self.c *= case["alpha"]
        self.p = np.broadcast_to(load(case["precisions"]), len(self.c))
        self.shared = bool((self.p == self.p[0]).all())
        d = self.x.shape[1]
        squares = np.einsum("kj,kj->k", self.c, self.c)
        self.constant = load(case["log_weights"]) + 0.5 * d * np.log(self.p) - 0.5 * self.p * squares
        self.hessians = case["hessians"]

    def difference(self, score):
        return float(np.abs(np.asarray(score) - self.reference).max() / np.abs(self.reference).max())


def blocks(problem):
    n, k = problem.x.shape[0], len(problem.c)
    return sorted({min(n, b) for b in (64, 512, 2048, 8192, 32768, n) if min(n, b) * k * 8 <= 1 << 30})


def numpy_calls(q):
    """Logits as K x n, so that maxima and sums run along the long axis."""
    p = q.p[0]

    def weights(x):
        if q.shared:
            logits = q.c @ x.T
            logits *= p
            logits += q.constant[:, None]
        else:
            logits = np.hstack([q.c * q.p[:, None], -0.5 * q.p[:, None], q.constant[:, None]]) @ np.vstack(
                [x.T, np.einsum("ij,ij->i", x, x), np.ones(len(x))]
            )
        logits -= logits.max(axis=0)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=0)
        return logits

    def score_of(x, out):
        r = weights(x)
        if q.shared:
            np.matmul(r.T, q.c, out=out)
            out -= x
            out *= p
        else:
            r *= q.p[:, None]
            np.matmul(r.T, q.c, out=out)
            out -= x * r.sum(axis=0)[:, None]

    def score(block):
        out = np.empty_like(q.x)
        for i in range(0, len(q.x), block):
            score_of(q.x[i : i + block], out[i : i + block])
        return out

    def hessian(block):
        n, d = q.x.shape
        out = np.empty((n, d, d))
        for i in range(0, n, block):
            x = q.x[i : i + block]
            r = weights(x).T
            g = q.p[None, :, None] * (q.c[None] - x[:, None])
            g -= np.matmul(r[:, None, :], g)
            np.matmul((r[:, :, None] * g).transpose(0, 2, 1), g, out=out[i : i + block])
            out[i : i + block, range(d), range(d)] -= (r @ q.p)[:, None]
        return out

    return score, hessian


def torch_calls(q):
    x_all, c, p, constant = (torch.from_numpy(np.require(a, requirements=["C", "W"])) for a in (q.x, q.c, q.p, q.constant))
    pc = c if q.shared else p[:, None] * c
    transposed = pc.T.contiguous() if c.numel() < 1 << 22 else pc.T

    def weights(x):
        logits = torch.addmm(constant, x, transposed, alpha=float(p[0]) if q.shared else 1.0)
        if not q.shared:
            logits.addr_((x * x).sum(1), p, alpha=-0.5)
        return torch.softmax(logits, 1)

    def score_of(x):
        r = weights(x)
        if q.shared:
            return (r @ c).sub_(x).mul_(p[0])
        return torch.addcmul(r @ pc, x, (r @ p)[:, None], value=-1.0)

    def score(block):
        if block >= len(x_all):
            return score_of(x_all)
        return torch.cat([score_of(x) for x in x_all.split(block)])

    def hessian_of(x):
        r = weights(x)
        g = p[None, :, None] * (c[None] - x[:, None])
        g -= torch.bmm(r[:, None, :], g)
        out = torch.bmm((r[:, :, None] * g).transpose(1, 2), g)
        out.diagonal(dim1=1, dim2=2).sub_((r @ p)[:, None])
        return out

    def hessian(block):
        return torch.cat([hessian_of(x) for x in x_all.split(block)])

    return score, hessian


def jax_calls(q):
    x_all, c, p, constant = (jnp.asarray(a) for a in (q.x, q.c, q.p, q.constant))

    def weights(x, c, p, constant):
        if q.shared:
            logits = p[0] * (x @ c.T) + constant
        else:
            logits = x @ (p[:, None] * c).T + constant - 0.5 * (x * x).sum(1)[:, None] * p
        return jax.nn.softmax(logits, axis=1)

    def score_of(x, c, p, constant):
        r = weights(x, c, p, constant)
        if q.shared:
            return p[0] * (r @ c - x)
        r = r * p
        return r @ c - x * r.sum(1)[:, None]

    def direct(x, c, p, constant):
        """Without matrix products: XLA fuses the whole of it for small d and K."""
        t = c[None] - x[:, None]
        squares = (c * c).sum(1)
        r = jax.nn.softmax(constant + 0.5 * p * squares - 0.5 * p * (t * t).sum(2), axis=1)
        return ((r * p)[:, :, None] * t).sum(1)

    def hessian_of(x, c, p, constant):
        r = weights(x, c, p, constant)
        g = p[None, :, None] * (c[None] - x[:, None])
        g = g - jnp.einsum("nk,nki->ni", r, g)[:, None]
        return jnp.einsum("nk,nki,nkj->nij", r, g, g) - (r @ p)[:, None, None] * jnp.eye(x.shape[1])

    def runner(function):
        whole = jax.jit(function)

        def call(block):
            n = len(x_all)
            if block >= n or n % block:
                return whole(x_all, c, p, constant).block_until_ready()
            return blocked(x_all.reshape(n // block, block, -1), c, p, constant).block_until_ready()

        blocked = jax.jit(lambda xs, c, p, constant: jax.lax.map(lambda x: function(x, c, p, constant), xs))
        return call

    return runner(score_of), runner(hessian_of), runner(direct)


def flat(score):
    score = np.asarray(score)
    return score.reshape(-1, score.shape[-1])


def measure(q):
    out = {}
    for name, calls in (("numpy", numpy_calls), ("torch", torch_calls), ("jax", jax_calls)):
        score, hessian, *others = calls(q)
        formulations = [score] + [f for f in others if q.x.size * len(q.c) <= 1 << 26]
        best = min(
            (best_seconds(lambda: f(b), q.budget), i, b) for i, f in enumerate(formulations) for b in blocks(q)
        )
        entry = {"score": best[0], "block": best[2], "difference": q.difference(flat(formulations[best[1]](best[2])))}
        # All points in one piece, as one writes it first.
        entry["score_whole"] = best_seconds(lambda: score(len(q.x)), q.budget)
        if q.hessians:
            part = copy.copy(q)
            part.x = q.x[: q.hessians]
            hessian = calls(part)[1]
            sizes = [b for b in (128, 1024, 8192) if b <= q.hessians]
            entry["hessian"] = min(best_seconds(lambda: hessian(b), q.budget) for b in sizes)
        out[name] = entry
    return out


def matrix_product_peak():
    n = 1024
    a, b, out = np.random.rand(n, n), np.random.rand(n, n), np.empty((n, n))
    return 2 * n**3 / best_seconds(lambda: np.matmul(a, b, out=out), 0.5)


def main():
    cases = json.loads((FOLDER / "cases.json").read_text())
    result = {"matrix_product": matrix_product_peak(), "cases": {}}
    result["versions"] = {"numpy": np.__version__, "torch": torch.__version__, "jax": jax.__version__}
    for case in cases:
        result["cases"][case["name"]] = measure(Problem(case))
    (FOLDER / f"peers-{THREADS}.json").write_text(json.dumps(result))


main()
