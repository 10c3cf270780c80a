"""Writes the fixtures beside this file, one file a sampler (see README.md).

make.py                  all of them
make.py --verify FILE..  runs the specs of given fixtures and says how far their `expected` are from these numbers
"""

import json
import logging
import math
import pathlib
import sys
import warnings

import numpy as np

import peers

HERE = pathlib.Path(__file__).parent
# float32_bound in float64, 2^-29 times as much, is below 1e-12 for the fixtures it was derived for; grids that start at
# small alpha (squaredcos_cap_v2) lose up to 1/alpha more, `printed` ||q||^2/lambda < 1e3 u.
RTOL, ATOL = 1e-10, 1e-12

PLANE = {
    "kind": "gaussian_mixture",
    "weights": [0.25, 0.45, 0.3],
    "means": [[1.5, -0.5], [-1.0, 0.25], [0.3, 1.1]],
    "covariances": [0.2, [[0.5, 0.1], [0.1, 0.3]], [0.05, 0.15]],
}
FIVE = {
    "kind": "gaussian_mixture",
    "weights": [2, 1],
    "means": [[0.8, -0.3, 0.1, 0.5, -1.0], [-0.6, 0.7, -0.2, 0.0, 0.9]],
    "covariances": [
        [0.3, 0.2, 0.1, 0.4, 0.25],
        [
            [0.5, 0.1, 0, 0, 0.05],
            [0.1, 0.4, 0.1, 0, 0],
            [0, 0.1, 0.3, 0.05, 0],
            [0, 0, 0.05, 0.2, 0],
            [0.05, 0, 0, 0, 0.6],
        ],
    ],
}
POINTS = {
    "kind": "points",
    "points": [[0.9, 0.1], [-0.4, 0.8], [-0.7, -0.6], [0.2, -1.1]],
    "weights": [1, 2, 1.5, 0.5],
}
STARTS = {2: [[0.7, -1.2], [-0.4, 0.9]], 5: [[0.3, -1.1, 0.6, 0.2, -0.8], [-1.3, 0.4, 0.1, -0.5, 1.2]]}

LINEAR = {"name": "linear", "beta_start": 0.0001, "beta_end": 0.02, "num_train_timesteps": 1000}
SCALED = {"name": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
COSINE = {"name": "squaredcos_cap_v2", "num_train_timesteps": 1000}
TRAINED = {"name": "trained_betas", "betas": [round(0.004 + 0.0045 * i + 0.0007 * (i % 3), 6) for i in range(40)]}
EDM = {"name": "edm"}
FLOW = {"name": "rectified_flow"}
FLOW_TIMES = [0.96, 0.8, 0.61, 0.45, 0.27, 0.1, 0.0]

PRINTED = {"form": "printed", "kappa": 0.3, "lambda": 0.05}
STABLE = {"form": "stable", "kappa": 0.3, "lambda": 0.05}
PAPER = {"form": "stable", "kappa": 1e-8, "lambda": 0.001}  # the tables' values


def spec(sampler, target=PLANE, schedule=SCALED, lml=None, **options):
    start = STARTS[len((target.get("means") or target["points"])[0])]
    if schedule is EDM:
        start = [[30 * v for v in row] for row in start]
    out = {"target": target, "schedule": schedule, "sampler": {"name": sampler, **options}}
    if lml:
        out["lml"] = lml
    return {**out, "start": start, "trajectory": True, "inline": True}


def ddim():
    yield "leading-6", spec("ddim", steps=6, timestep_spacing="leading")
    yield "defaults", spec("ddim", FIVE, LINEAR, steps=10)
    yield "leading-7-uneven", spec("ddim", POINTS, LINEAR, steps=7)
    yield "offset-1", spec("ddim", steps=8, steps_offset=1, set_alpha_to_one=False)
    yield "trailing-48", spec("ddim", steps=48, timestep_spacing="trailing")
    yield "trailing-6-uneven", spec("ddim", FIVE, steps=6, timestep_spacing="trailing")
    yield "linspace-9", spec("ddim", PLANE, LINEAR, steps=9, timestep_spacing="linspace")
    yield "cosine-trailing", spec("ddim", PLANE, COSINE, steps=8, timestep_spacing="trailing")
    yield "trained-betas", spec("ddim", PLANE, TRAINED, steps=8)
    yield "timesteps", spec("ddim", timesteps=[960, 800, 630, 410, 200, 60])
    yield "clip", spec("ddim", steps=6, clip_sample=True, clip_sample_range=0.8)
    yield "thresholding", spec(
        "ddim", FIVE, steps=6, thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=1.2
    )
    yield "clip-v", spec("ddim", steps=6, prediction_type="v_prediction", clip_sample=True)
    yield "sample-prediction", spec("ddim", steps=6, prediction_type="sample")
    yield "eta-half", spec("ddim", steps=6, eta=0.5)
    yield "eta-one-clipped", spec("ddim", PLANE, LINEAR, steps=7, eta=1.0, clip_sample=True)
    for name, lml in (("printed", PRINTED), ("stable", STABLE), ("paper", PAPER)):
        yield name, spec("ddim", lml=lml, steps=8)
    yield "increment", spec("ddim", FIVE, lml=dict(PRINTED, form="increment"), steps=8)
    yield "increment-clip-v", spec(
        "ddim", lml=dict(PRINTED, form="increment"), steps=6, clip_sample=True, prediction_type="v_prediction"
    )
    yield "increment-trailing", spec(
        "ddim", POINTS, LINEAR, dict(PRINTED, form="increment"), steps=6, timestep_spacing="trailing"
    )


def ddpm():
    yield "leading-8", spec("ddpm", steps=8, timestep_spacing="leading")
    yield "trailing-7", spec("ddpm", FIVE, LINEAR, steps=7, timestep_spacing="trailing")
    yield "clip", spec("ddpm", steps=6, clip_sample=True)
    yield "thresholding", spec("ddpm", FIVE, steps=6, thresholding=True, dynamic_thresholding_ratio=0.8)
    yield "timesteps", spec("ddpm", timesteps=[950, 700, 520, 300, 90])


def pndm():
    yield "runge-kutta-6", spec("pndm", steps=6)
    yield "runge-kutta-10", spec("pndm", FIVE, LINEAR, steps=10, set_alpha_to_one=True)
    yield "runge-kutta-trailing", spec("pndm", POINTS, steps=8, timestep_spacing="trailing")
    yield "runge-kutta-trailing-uneven", spec("pndm", PLANE, LINEAR, steps=6, timestep_spacing="trailing")
    yield "skip-8", spec("pndm", steps=8, skip_prk_steps=True)
    yield "skip-offset", spec("pndm", FIVE, steps=9, skip_prk_steps=True, steps_offset=1)
    yield "skip-linspace", spec("pndm", PLANE, LINEAR, steps=8, skip_prk_steps=True, timestep_spacing="linspace")
    yield "skip-stable", spec("pndm", lml=STABLE, steps=8, skip_prk_steps=True)


def ipndm():
    yield "timesteps", spec("ipndm", PLANE, TRAINED, timesteps=[38, 31, 25, 18, 12, 7, 2])
    yield "five", spec("ipndm", FIVE, TRAINED, timesteps=[39, 35, 30, 24, 20, 15, 11, 6, 1, 0])


def dpm_common(name):
    """Both DPM-Solvers, multistep, ending at noise."""
    at_noise = {"final_sigmas_type": "sigma_min"}
    for order in (1, 2, 3):
        yield f"{order}-8", spec(name, steps=8, solver_order=order, **at_noise)
        yield f"{order}-16", spec(name, FIVE, LINEAR, steps=16, solver_order=order, **at_noise)
    yield "2-heun-7", spec(name, POINTS, steps=7, solver_order=2, solver_type="heun", **at_noise)
    yield "2-heun-15", spec(name, steps=15, solver_order=2, solver_type="heun", **at_noise)
    yield "3-not-lower", spec(name, steps=6, solver_order=3, lower_order_final=False, **at_noise)
    yield "2-not-lower-heun", spec(
        name, steps=6, solver_order=2, solver_type="heun", lower_order_final=False, **at_noise
    )
    yield "3-16-euler-at-final", spec(name, steps=16, solver_order=3, euler_at_final=True, **at_noise)
    yield "3-leading", spec(name, PLANE, LINEAR, steps=9, solver_order=3, timestep_spacing="leading", **at_noise)
    yield "2-trailing", spec(name, steps=7, solver_order=2, timestep_spacing="trailing", **at_noise)
    yield "3-karras", spec(name, steps=8, solver_order=3, use_karras_sigmas=True, **at_noise)
    yield "2-karras-not-lower", spec(
        name, steps=8, solver_order=2, use_karras_sigmas=True, lower_order_final=False, **at_noise
    )
    yield "3-lu", spec(name, steps=8, solver_order=3, use_lu_lambdas=True, **at_noise)
    yield "2-cosine", spec(name, PLANE, COSINE, steps=8, timestep_spacing="trailing", **at_noise)
    yield "2-timesteps", spec(name, timesteps=[960, 800, 630, 410, 200, 60], solver_order=2, **at_noise)
    for form, lml in (("printed", PRINTED), ("stable", STABLE), ("paper", PAPER)):
        yield f"3-{form}", spec(name, lml=lml, steps=8, solver_order=3, **at_noise)
    increment = {"form": "increment", "kappa": 0.2, "lambda": 0.05}
    yield "3-increment", spec(name, FIVE, lml=increment, steps=9, solver_order=3, **at_noise)
    yield "2-increment-heun", spec(name, lml=increment, steps=7, solver_order=2, solver_type="heun", **at_noise)


def singlestep():
    """diffusers' other scheduler; a step is a call of the model."""

    def one(name, target=PLANE, lml=None, **options):
        return spec(name, target, lml=lml, variant="singlestep", **options)

    at_noise = {"final_sigmas_type": "sigma_min"}
    for name in ("dpm_solver", "dpm_solver++"):
        kind = "data" if name.endswith("++") else "noise"
        for order, steps in ((1, 6), (2, 6), (2, 7), (3, 6), (3, 7), (3, 8)):
            yield f"{kind}-{order}-{steps}", one(name, steps=steps, solver_order=order, **at_noise)
        yield f"{kind}-2-heun", one(name, FIVE, steps=6, solver_order=2, solver_type="heun", **at_noise)
        yield f"{kind}-3-heun", one(name, steps=9, solver_order=3, solver_type="heun", **at_noise)
        yield f"{kind}-3-lower", one(name, steps=9, solver_order=3, lower_order_final=True, **at_noise)
        yield f"{kind}-3-timesteps", one(name, timesteps=[960, 800, 630, 410, 200, 60], solver_order=3, **at_noise)
        yield f"{kind}-3-stable", one(name, lml=STABLE, steps=6, solver_order=3, **at_noise)
        yield f"{kind}-karras-sigma-min", one(name, steps=7, use_karras_sigmas=True, **at_noise)
    yield "defaults", one("dpm_solver++", steps=8)
    yield "data-3-zero", one("dpm_solver++", steps=9, solver_order=3)
    yield "data-2-karras", one("dpm_solver++", steps=8, use_karras_sigmas=True)


def dpm_solver():
    yield "defaults", spec("dpm_solver", steps=10)
    yield from dpm_common("dpm_solver")


def dpm_solver_plus_plus():
    name = "dpm_solver++"
    yield "defaults", spec(name, steps=10)
    yield from dpm_common(name)
    for order in (2, 3):
        yield f"{order}-zero-8", spec(name, FIVE, steps=8, solver_order=order)
        yield f"{order}-zero-16", spec(name, PLANE, LINEAR, steps=16, solver_order=order)
    yield "3-zero-not-lower", spec(name, steps=7, solver_order=3, lower_order_final=False)
    yield "2-zero-karras", spec(name, steps=8, use_karras_sigmas=True)
    yield "2-cosine-karras", spec(name, PLANE, COSINE, steps=8, use_karras_sigmas=True)
    yield "2-linspace-26", spec(name, steps=26)
    yield "2-zero-lu", spec(name, FIVE, steps=8, use_lu_lambdas=True)
    yield "2-thresholding", spec(name, FIVE, steps=7, thresholding=True, dynamic_thresholding_ratio=0.9)
    yield "2-sample", spec(name, steps=7, prediction_type="sample")
    yield "2-v", spec(name, steps=7, prediction_type="v_prediction")
    yield "2-flow", spec(name, PLANE, FLOW, timesteps=FLOW_TIMES, prediction_type="flow_prediction")


def sde():
    for order, kind in ((1, "midpoint"), (2, "midpoint"), (2, "heun")):
        yield f"noise-{order}-{kind}", spec("sde-dpm_solver", steps=6, solver_order=order, solver_type=kind)
    for order, kind in ((1, "midpoint"), (2, "midpoint"), (2, "heun"), (3, "midpoint")):
        yield f"data-{order}-{kind}", spec("sde-dpm_solver++", FIVE, steps=6, solver_order=order, solver_type=kind)
    yield "data-2-sigma-min", spec("sde-dpm_solver++", PLANE, LINEAR, steps=6, final_sigmas_type="sigma_min")
    yield "data-2-karras", spec("sde-dpm_solver++", steps=6, use_karras_sigmas=True)


def unipc():
    yield "defaults", spec("unipc", steps=10)
    at_noise = {"final_sigmas_type": "sigma_min"}
    for order in (1, 2, 3):
        for kind in ("bh1", "bh2"):
            yield f"{order}-{kind}", spec("unipc", steps=8, solver_order=order, solver_type=kind, **at_noise)
    yield "3-zero", spec("unipc", FIVE, LINEAR, steps=9, solver_order=3)
    yield "3-16-not-lower", spec("unipc", steps=16, solver_order=3, lower_order_final=False, **at_noise)
    yield "2-karras", spec("unipc", steps=8, use_karras_sigmas=True)
    yield "2-karras-sigma-min", spec("unipc", steps=8, use_karras_sigmas=True, **at_noise)
    yield "2-trailing", spec("unipc", POINTS, steps=7, timestep_spacing="trailing")
    yield "3-thresholding", spec("unipc", FIVE, steps=7, solver_order=3, thresholding=True)
    yield "2-v", spec("unipc", steps=7, prediction_type="v_prediction")
    yield "2-flow", spec("unipc", PLANE, FLOW, timesteps=FLOW_TIMES, prediction_type="flow_prediction")
    yield "2-stable", spec("unipc", lml=STABLE, steps=8)


def deis():
    yield "defaults", spec("deis", steps=10)
    for order in (1, 2, 3):
        yield f"{order}-8", spec("deis", FIVE, steps=8, solver_order=order)
        yield f"{order}-16", spec("deis", PLANE, LINEAR, steps=16, solver_order=order)
    yield "3-not-lower", spec("deis", steps=7, solver_order=3, lower_order_final=False)
    yield "2-karras", spec("deis", steps=8, use_karras_sigmas=True)
    yield "2-leading", spec("deis", POINTS, steps=8, timestep_spacing="leading")
    yield "3-stable", spec("deis", lml=STABLE, steps=8, solver_order=3)


def k_like(name):
    yield "defaults", spec(name, steps=8)
    yield "leading", spec(name, FIVE, LINEAR, steps=7, timestep_spacing="leading")
    yield "leading-offset", spec(name, steps=7, timestep_spacing="leading", steps_offset=1)
    yield "trailing", spec(name, POINTS, steps=7, timestep_spacing="trailing")
    yield "karras", spec(name, steps=7, use_karras_sigmas=True)
    yield "timesteps", spec(name, timesteps=[960, 800, 630, 410, 200, 60])
    yield "v", spec(name, steps=6, prediction_type="v_prediction")
    yield "stable", spec(name, lml=STABLE, steps=7)
    yield "flow", spec(name, PLANE, FLOW, timesteps=FLOW_TIMES)
    yield "flow-from-1", spec(name, FIVE, FLOW, timesteps=[1, 0.7, 0.5, 0.2, 0.06, 0])
    yield "edm", spec(name, FIVE, EDM, steps=9)
    yield "edm-range", spec(name, PLANE, EDM, steps=8, sigma_min=0.01, sigma_max=40, rho=5)
    yield "edm-timesteps", spec(name, PLANE, EDM, timesteps=[50, 20, 8, 3, 1, 0.4, 0.1, 0])
    yield "edm-churn", spec(name, PLANE, EDM, steps=8, s_churn=3.0, s_tmin=0.05, s_tmax=50.0, s_noise=1.003)
    yield "edm-printed", spec(name, PLANE, EDM, PRINTED, steps=7)


def heun():
    yield from k_like("heun")
    yield "clip", spec("heun", steps=6, clip_sample=True)


def euler():
    yield from k_like("euler")


FAMILIES = {
    "ddim": ddim,
    "ddpm": ddpm,
    "pndm": pndm,
    "ipndm": ipndm,
    "dpm_solver": dpm_solver,
    "dpm_solver++": dpm_solver_plus_plus,
    "dpm_solver-singlestep": singlestep,
    "sde-dpm_solver": sde,
    "unipc": unipc,
    "deis": deis,
    "heun": heun,
    "euler": euler,
}
# Of these also a run of the scheduler as published, tables and states in float32.
NARROW = {"ddim": "leading-6", "pndm": "skip-8", "dpm_solver++": "2-zero-8", "unipc": "3-zero", "euler": "defaults"}


def needs_noise(s):
    o = s["sampler"]
    return o["name"] == "ddpm" or o.get("eta", 0) > 0 or o.get("s_churn", 0) > 0 or o["name"].startswith("sde-")


def noise_of(s):
    steps = s["sampler"].get("steps") or len(s["sampler"]["timesteps"])
    return np.random.RandomState(20).standard_normal((steps, *np.shape(s["start"]))).round(6)


def float32_bound(s, expected):
    """To first order, how far float32 may carry the trajectory: over all that is rounded, the sum of |change of the
    trajectory when this moves by its own bound|, found by moving it in the float64 run.

    u = 2^-24. Tables: a product of t+1 factors 1 - beta, each rounded and each product rounded, is wrong by 2 (t+1) u
    relative (2.1 with beta's own error); so sigma/alpha, the root of (1 - p)/p, by (t+1) 1.05 u/(1-p) + 4 u. States: a
    step is a sum of at most four products whose coefficients come out of exp and log of tables: 16 u, and where
    log-SNRs l are subtracted to a step h, another (|l_s| + |l_t|) u / min(1, h), relative to the larger of the states
    before and after. Twice the sum, for the terms of second order.
    """
    u = 2.0**-24
    base = np.array(expected["trajectory"])
    nodes = {}

    def learn(scheduler, i, x):
        if i == -1:
            nodes.update(s=scheduler, bar=scheduler.alphas_cumprod.numpy().copy())
            nodes["by_level"] = getattr(scheduler, "sigmas", None) is not None
            nodes["times"] = [int(t) for t in scheduler.timesteps]
        return x

    peers.run(s, disturb=learn)
    total = np.zeros_like(base)
    moves = []
    stride = len(nodes["bar"]) // len(nodes["times"])
    for j, t in enumerate(nodes["times"]):
        wrong = 2.1 * (t + 1) * u
        if nodes["by_level"]:
            moves.append(("sigmas", j, wrong / (2 * (1 - nodes["bar"][t])) + 4 * u))
        else:
            moves.append(("alphas_cumprod", t, wrong))
    if not nodes["by_level"]:  # the ends of steps, where those are no model calls
        called = set(nodes["times"])
        for t in {t - stride for t in called} - called:
            if t >= 0:
                moves.append(("alphas_cumprod", t, 2.1 * (t + 1) * u))

    for table, j, size in moves:

        def disturb(scheduler, i, x):
            if i == -1:
                moved = getattr(scheduler, table).clone()
                moved[j] *= 1 + size
                setattr(scheduler, table, moved)
            return x

        total += abs(np.array(peers.run(s, disturb=disturb)["trajectory"]) - base)

    log_snr = [0.5 * math.log(nodes["bar"][t] / (1 - nodes["bar"][t])) for t in nodes["times"]]
    for step in range(len(nodes["times"])):
        c = 16.0
        if nodes["by_level"] and step + 1 < len(log_snr):
            a, b = log_snr[step], log_snr[step + 1]
            c += (abs(a) + abs(b)) / min(1, b - a)
        for k in range(base.shape[2]):

            def disturb(scheduler, i, x):
                if i == step:
                    x = x.clone()
                    row = min(step, len(base) - 1)
                    scale = float(x.abs().max()) + float(abs(base[row : row + 2]).max())
                    x[:, k] += c * u * scale
                return x

            total += abs(np.array(peers.run(s, disturb=disturb)["trajectory"]) - base)
    # A state is rounded once more as it is written down.
    return 2 * float(total.max()) + 16 * u * float(abs(base).max())


def source_of(s):
    if s["schedule"]["name"] == "edm":
        return "k-diffusion 0.1.1.post1, sample_" + s["sampler"]["name"]
    return "diffusers 0.42.1, " + peers.CLASSES[peers.module_of(s)]


def fixture(name, s):
    noise = noise_of(s) if needs_noise(s) else None
    out = {
        "name": name,
        "spec": s,
        "expected": peers.run(s, noise),
        "rtol": RTOL,
        "atol": ATOL,
        "source": source_of(s) + ", tables and states in float64",
    }
    if noise is not None:
        out["noise"] = noise.tolist()
    return out


def narrow_fixture(name, s):
    wide = peers.run(s)
    expected = peers.run(s, wide=False)
    bound = float32_bound(s, wide)
    off = float(abs(np.array(expected["trajectory"]) - np.array(wide["trajectory"])).max())
    print(f"{name}: float32 is off by {off:.1e}, bound {bound:.1e}")
    return {
        "name": name,
        "spec": s,
        "expected": expected,
        "rtol": 0.0,
        "atol": bound,
        "source": source_of(s) + ", as published (float32)",
    }


def verify(files):
    for file in files:
        f = json.loads(pathlib.Path(file).read_text())
        got, expected = peers.run(f["spec"]), f["expected"]
        assert got["timesteps"] == expected["timesteps"] and got["nfe"] == expected["nfe"], f["name"]
        a, b = np.array(expected["trajectory"]), np.array(got["trajectory"])
        share = (abs(a - b) / (f["atol"] + f["rtol"] * abs(a))).max()
        print(f"{f['name']}: {share:.1e} of the tolerance")
        assert share <= 1, f["name"]


def main():
    for family, specs in FAMILIES.items():
        fixtures = [fixture(f"{family}-{name}", s) for name, s in specs()]
        if family in NARROW:
            chosen = NARROW[family]
            fixtures.append(narrow_fixture(f"{family}-{chosen}-float32", dict(specs())[chosen]))
        lines = ",\n".join(json.dumps(f, allow_nan=False) for f in fixtures)
        (HERE / f"{family}.json").write_text('{"fixtures": [\n' + lines + "\n]}\n")
        print(f"{family}: {len(fixtures)} fixtures")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    if sys.argv[1:2] == ["--verify"]:
        verify(sys.argv[2:])
    else:
        main()
