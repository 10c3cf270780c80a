"""Runs a spec of `lml sample` on the peers' own schedulers (diffusers, k-diffusion), in float64 or as published.

The exact noise prediction is computed here, in numpy, at the scheduler's own alpha and sigma. README.md says what is
patched and why.
"""

import contextlib
import importlib
import importlib.util
import math
import sys
import types
import unittest.mock

import numpy as np
import torch

PACKAGE = "diffusers.schedulers.scheduling_"


class Widened:
    """A module whose float32 is float64: whoever asks it for the narrow type gets the wide one."""

    def __init__(self, module, **instead):
        self.__dict__.update(_module=module, float32=module.float64, **instead)

    def __getattr__(self, name):
        return getattr(self._module, name)


@contextlib.contextmanager
def scheduler_module(name, wide, draw):
    """The module of a scheduler with float64 in place of float32, and with `draw` as its source of noise."""
    module = importlib.import_module(PACKAGE + name)
    before = dict(vars(module))
    torch.set_default_dtype(torch.float64 if wide else torch.float32)
    if wide:
        module.torch, module.np = Widened(torch), Widened(np)
    if "randn_tensor" in before:
        module.randn_tensor = lambda shape, **_: draw(shape)
    try:
        yield module
    finally:
        vars(module).update(before)
        torch.set_default_dtype(torch.float32)


# ---- The exact answers of a target.


class Exact:
    """eps(x) = -sigma grad log p_t(x) of a mixture (points: covariance 0), rows of x being samples."""

    def __init__(self, target):
        if target["kind"] == "points":
            means = np.array(target["points"])
            covariances = [0.0] * len(means)
        else:
            means, covariances = np.array(target["means"]), target["covariances"]
        d = means.shape[1]
        weights = np.array(target.get("weights", [1.0] * len(means)))
        self.log_weights = np.log(weights / weights.sum())
        self.means = means
        self.parts = []  # eigenvalues and eigenvectors of each covariance
        for c in covariances:
            c = np.array(c)
            full = c * np.eye(d) if c.ndim == 0 else np.diag(c) if c.ndim == 1 else c
            self.parts.append(np.linalg.eigh(full))

    def mean(self):
        return np.exp(self.log_weights) @ self.means

    def epsilon(self, x, alpha, sigma):
        logs, scores = [], []
        for log_weight, mean, (values, vectors) in zip(self.log_weights, self.means, self.parts):
            variance = alpha**2 * values + sigma**2
            along = (x - alpha * mean) @ vectors
            logs.append(log_weight - 0.5 * (np.log(variance).sum() + (along**2 / variance).sum(axis=1)))
            scores.append(-(along / variance) @ vectors.T)
        logs = np.array(logs)
        shares = np.exp(logs - logs.max(axis=0))
        shares /= shares.sum(axis=0)
        return -sigma * np.einsum("kn,kni->ni", shares, np.array(scores))


def output(kind, eps, x0, alpha, sigma):
    """What a network of that prediction_type would answer."""
    return {
        "epsilon": eps,
        "sample": x0,
        "v_prediction": alpha * eps - sigma * x0,
        "flow_prediction": eps - x0,
    }[kind]


# ---- The correction of arXiv 2505.24222: L(q; p) of one sample, in 50 digits.


def corrected(q, p, kappa, lam):
    import mpmath

    with mpmath.workdps(50):
        rows = []
        for i, row in enumerate(q):
            v = [mpmath.mpf(float(e)) for e in row]
            old = v if p is None else [mpmath.mpf(float(e)) for e in p[i]]
            m = [mpmath.mpf(kappa) * b + (1 - mpmath.mpf(kappa)) * a for a, b in zip(v, old)]
            dot = lambda a, b: mpmath.fsum(s * t for s, t in zip(a, b))
            share = dot(m, v) / (mpmath.mpf(lam) + dot(m, m))
            w = [a - share * b for a, b in zip(v, m)]
            scale = mpmath.sqrt(dot(v, v) / dot(w, w))
            rows.append([float(scale * e) for e in w])
    return np.array(rows)


class Answers:
    """The model: exact eps, corrected where the spec asks for Algorithm 1, as the scheduler's prediction_type."""

    def __init__(self, spec):
        self.exact = Exact(spec["target"])
        self.kind = spec["sampler"].get("prediction_type", "epsilon")
        lml = spec.get("lml")
        self.lml = lml if lml and lml["form"] in ("printed", "stable") else None
        self.remembered = None
        self.times = []

    def __call__(self, x, t, alpha, sigma):
        self.times.append(float(t))
        eps = self.plain = self.exact.epsilon(x, alpha, sigma)
        if self.lml:
            eps = corrected(eps, self.remembered, self.lml["kappa"], self.lml["lambda"])
            self.remembered = self.plain
        x0 = (x - sigma * eps) / alpha if alpha else np.tile(self.exact.mean(), (len(x), 1))
        return output(self.kind, eps, x0, alpha, sigma)


# ---- Schedulers out of specs.

MODULES = {
    "ddim": "ddim",
    "ddpm": "ddpm",
    "pndm": "pndm",
    "ipndm": "ipndm",
    "unipc": "unipc_multistep",
    "deis": "deis_multistep",
    "heun": "heun_discrete",
    "euler": "euler_discrete",
    "dpm_solver": "dpmsolver_multistep",
    "dpm_solver++": "dpmsolver_multistep",
    "sde-dpm_solver": "dpmsolver_multistep",
    "sde-dpm_solver++": "dpmsolver_multistep",
}
CLASSES = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "pndm": "PNDMScheduler",
    "ipndm": "IPNDMScheduler",
    "unipc_multistep": "UniPCMultistepScheduler",
    "deis_multistep": "DEISMultistepScheduler",
    "heun_discrete": "HeunDiscreteScheduler",
    "euler_discrete": "EulerDiscreteScheduler",
    "flow_match_euler_discrete": "FlowMatchEulerDiscreteScheduler",
    "flow_match_heun_discrete": "FlowMatchHeunDiscreteScheduler",
    "dpmsolver_multistep": "DPMSolverMultistepScheduler",
    "dpmsolver_singlestep": "DPMSolverSinglestepScheduler",
}
# Keys of ours that no scheduler's constructor takes.
OURS = ("name", "steps", "timesteps", "variant", "eta", "s_churn", "s_tmin", "s_tmax", "s_noise")


def betas(schedule):
    """Keywords of diffusers' constructors. Tables follow from them in the scheduler, in its module's `float32`."""
    if schedule["name"] == "trained_betas":
        return {"trained_betas": schedule["betas"], "num_train_timesteps": len(schedule["betas"])}
    out = {k: schedule[k] for k in ("beta_start", "beta_end", "num_train_timesteps") if k in schedule}
    return dict(out, beta_schedule=schedule["name"])


def module_of(spec):
    sampler, flow = spec["sampler"], spec["schedule"]["name"] == "rectified_flow"
    if sampler["name"] in ("euler", "heun") and flow:
        return f"flow_match_{sampler['name']}_discrete"
    if sampler["name"] == "ddim" and "timesteps" in sampler:  # DDIM is DPM-Solver++ of order 1, which takes such a list
        return "dpmsolver_multistep"
    if sampler.get("variant") == "singlestep":
        return "dpmsolver_singlestep"
    return MODULES[sampler["name"]]


def build(module, spec):
    sampler, schedule = spec["sampler"], spec["schedule"]
    name = sampler["name"]
    options = {k: v for k, v in sampler.items() if k not in OURS}
    if "dpm_solver" in name:
        options["algorithm_type"] = name.replace("_", "")
        if not name.endswith("++"):
            options.setdefault("final_sigmas_type", "sigma_min")
    if name == "ddim" and "timesteps" in sampler:
        options.update(algorithm_type="dpmsolver++", solver_order=1)
    elif name in ("ddim", "ddpm"):
        options.setdefault("clip_sample", False)
    make = getattr(module, CLASSES[module.__name__.removeprefix(PACKAGE)])
    if name == "ipndm":
        return make()
    if schedule["name"] == "rectified_flow":
        return make() if name in ("euler", "heun") else make(use_flow_sigmas=True, **options)
    return make(**betas(schedule), **options)


def set_timesteps(s, spec):
    sampler = spec["sampler"]
    if "timesteps" not in sampler:
        return s.set_timesteps(sampler["steps"])
    given = sampler["timesteps"]
    if spec["schedule"]["name"] == "rectified_flow":  # the list names its end, the clean image
        if sampler["name"] == "euler":
            return s.set_timesteps(sigmas=given[:-1])
        # The flow grids of these schedulers cannot be given; their tables can be overwritten.
        s.set_timesteps(len(given) - 1)
        s.sigmas, s.timesteps = torch.tensor(given), torch.tensor(given[:-1])
        if sampler["name"] == "heun":  # which lists the second call of a step too
            twice = s.timesteps[1:].repeat_interleave(2)
            s.timesteps = torch.cat([s.timesteps[:1], twice])
            s.sigmas = torch.cat([s.sigmas[:1], twice, s.sigmas[-1:]])
        return None
    return s.set_timesteps(timesteps=given)


def ipndm_nodes(s, spec):
    """diffusers' iPNDM takes alpha and sigma of its nodes as they are, an output v, and times of its own."""
    bar = np.cumprod(1 - np.array(spec["schedule"]["betas"]))
    given = spec["sampler"]["timesteps"]
    s.set_timesteps(len(given))
    sigma = np.append(np.sqrt(1 - bar[given]), 0.0)
    s.betas, s.alphas = torch.tensor(sigma), torch.tensor(np.append(np.sqrt(bar[given]), 1.0))
    s.timesteps = torch.tensor([float(t) for t in given])


# diffusers wants images: a sample is d channels of one pixel.
def up(x, dtype=torch.float64):
    return torch.tensor(np.asarray(x), dtype=dtype)[..., None]


def down(x):
    return x[..., 0].double().numpy()


def floats(s):
    return {k: v for k, v in vars(s).items() if torch.is_tensor(v) and v.is_floating_point()}


def increment_of(spec):
    """The published code's correction of a step: of DPM-Solver's I in x' = a x + I, of DDIM's direction term."""
    lml, name = spec["lml"], spec["sampler"]["name"]
    remembered = [None]

    def step(s, i, x, following, eps):
        if name == "ddim":
            end = int(s.timesteps[i]) - s.config.num_train_timesteps // s.num_inference_steps
            factor = math.sqrt(1 - (s.alphas_cumprod[end] if end >= 0 else s.final_alpha_cumprod))
            quantity, rest = eps, following - factor * eps
        else:
            sigma = s.sigmas[i : i + 2].numpy()
            alpha = 1 / np.sqrt(1 + sigma**2)
            a = alpha[1] / alpha[0] if name == "dpm_solver" else (alpha * sigma)[1] / (alpha * sigma)[0]
            quantity, rest, factor = following - a * x, a * x, 1.0
        moved = rest + factor * corrected(quantity, remembered[0], lml["kappa"], lml["lambda"])
        remembered[0] = quantity
        return moved

    return step


def node(s, t, index, flow):
    """alpha and sigma as the scheduler has them."""
    if CLASSES["ipndm"] == type(s).__name__:
        return float(s.alphas[index]), float(s.betas[index])
    if not hasattr(s, "sigmas"):
        bar = float(s.alphas_cumprod[int(t)])
        return math.sqrt(bar), math.sqrt(1 - bar)
    level = float(s.sigmas[index])
    return (1 - level, level) if flow else (1 / math.hypot(1, level), level / math.hypot(1, level))


def ends_a_step(s, name, last):
    """Whether the call of `step` just made was a step's last."""
    if name == "heun":
        return last or s.state_in_first_order
    if name == "pndm":  # four calls in the Runge-Kutta warm-up; without it the second call does the first anew
        warm_up = len(s.prk_timesteps)
        return last or (s.counter % 4 == 0 if s.counter <= warm_up else warm_up > 0 or s.counter > 1)
    return True


def run(spec, noise=None, wide=True, disturb=None):
    """The `expected` of a fixture. `disturb(s, i, x)` may change the scheduler's tables (i = -1) and a step's start."""
    if spec["schedule"]["name"] == "edm":
        return run_k(spec, noise)
    sampler, name = spec["sampler"], spec["sampler"]["name"]
    flow = spec["schedule"]["name"] == "rectified_flow"
    scaled = name in ("euler", "heun") and not flow  # their state is x/alpha
    dtype = torch.float64 if wide else torch.float32
    trajectory = []

    def draw(shape):
        z = up(noise[len(trajectory) - 1], dtype)
        assert z.shape == shape
        return z

    def require_tables():
        for key, table in floats(s).items():
            assert table.dtype == dtype, (key, table.dtype)

    model = Answers(spec)
    increment = increment_of(spec) if spec.get("lml", {}).get("form") == "increment" else None
    extra = {k: sampler[k] for k in ("eta", "s_churn", "s_tmin", "s_tmax", "s_noise") if k in sampler}
    with scheduler_module(module_of(spec), wide, draw) as module, torch.no_grad():
        s = build(module, spec)
        if name == "ipndm":
            ipndm_nodes(s, spec)
            model.kind = "v_prediction"
        else:
            set_timesteps(s, spec)
        if "flow_match" in module.__name__:
            model.kind = "flow_prediction"
        if hasattr(s, "set_begin_index"):
            s.set_begin_index(0)
        if disturb:
            disturb(s, -1, None)
        require_tables()
        times = s.timesteps / s.config.num_train_timesteps if flow and name == "euler" else s.timesteps

        x = up(spec["start"], dtype)
        trajectory.append(down(x))
        if scaled:
            x = x / node(s, None, 0, flow)[0]
        for i, t in enumerate(s.timesteps):
            if disturb:
                x = disturb(s, i, x)
            alpha, sigma = node(s, t, getattr(s, "step_index", None) or 0, flow)
            given = down(s.scale_model_input(x, t) if scaled else x)
            answer = up(model(given, times[i], alpha, sigma), dtype)
            assert x.dtype == answer.dtype == dtype
            following = s.step(answer, t, x, **extra).prev_sample
            if increment:
                following = up(increment(s, i, down(x), down(following), model.plain))
            x = following
            if ends_a_step(s, name, i + 1 == len(s.timesteps)):
                trajectory.append(down(x * node(s, None, s.step_index, flow)[0] if scaled else x))
        assert x.dtype == dtype
        require_tables()
    return result(model, trajectory)


def k_sampling():
    """k_diffusion.sampling by itself: the package asks for a dozen others that its samplers do not need."""
    if "k_diffusion" not in sys.modules:
        package = types.ModuleType("k_diffusion")
        package.__path__ = importlib.util.find_spec("k_diffusion").submodule_search_locations
        sys.modules["k_diffusion"] = package
        for unused in ("torchdiffeq", "torchsde", "torchvision", "torchvision.transforms"):
            sys.modules.setdefault(unused, unittest.mock.MagicMock())
    return importlib.import_module("k_diffusion.sampling")


def run_k(spec, noise):
    """k-diffusion on alpha = 1, sigma = t."""
    torch.set_default_dtype(torch.float64)
    k = k_sampling()

    sampler = spec["sampler"]
    if "timesteps" in sampler:
        sigmas = torch.tensor(sampler["timesteps"])
    else:
        sigmas = k.get_sigmas_karras(
            sampler["steps"], sampler.get("sigma_min", 0.002), sampler.get("sigma_max", 80.0), sampler.get("rho", 7.0)
        )
    draws = iter(noise if noise is not None else [np.zeros(np.shape(spec["start"]))] * len(sigmas))
    before, k.torch = k.torch, Widened(torch, randn_like=lambda x: torch.tensor(next(draws)))
    model = Answers(spec)

    def denoiser(x, sigma, **_):
        level = float(sigma[0])
        assert x.dtype == sigma.dtype == torch.float64
        return x - level * torch.tensor(model(x.numpy(), level, 1.0, level))

    extra = {key: sampler[key] for key in ("s_churn", "s_tmin", "s_tmax", "s_noise") if key in sampler}
    method = getattr(k, "sample_" + sampler["name"])
    x = torch.tensor(spec["start"])
    trajectory = [x.numpy()]
    try:
        if "s_churn" in extra:  # shared out over the steps; here each step is a run of its own
            extra["s_churn"] /= len(sigmas) - 1
        for i in range(len(sigmas) - 1):
            x = method(denoiser, x, sigmas[i : i + 2], disable=True, **extra)
            trajectory.append(x.numpy())
    finally:
        k.torch = before
        torch.set_default_dtype(torch.float32)
    return result(model, trajectory)


def result(model, trajectory):
    return {
        "timesteps": model.times,
        "samples": trajectory[-1].tolist(),
        "nfe": len(model.times),
        "trajectory": [x.tolist() for x in trajectory],
    }
