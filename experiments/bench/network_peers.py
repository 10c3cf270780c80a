"""What `lml bench networks` measures, by eager PyTorch with diffusers' own UNet2DModel: network_peers.py FOLDER.

Reads FOLDER/cases.json and writes FOLDER/peers.json:
seconds, peak_bytes: of an evaluation at each batch, float32, channels-last, the best of the repeats; the process's
largest resident size meanwhile.
trajectory: dpm_solver++ of order 2 by diffusers' scheduler from start.npy over given timesteps, in float64 (sinusoids
and sigmas too) and in float32; states in trajectory-float64.npy and -float32.npy.
"""

import json
import os
import pathlib
import sys
import time

FOLDER = pathlib.Path(sys.argv[1])
CASES = json.loads((FOLDER / "cases.json").read_text())
os.environ["OMP_NUM_THREADS"] = str(CASES["threads"])

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import DPMSolverMultistepScheduler, UNet2DModel  # noqa: E402
from diffusers.models.embeddings import TimestepEmbedding, Timesteps  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(CASES["threads"])


def normalized_residual(attention):
    attention.residual_connection = False
    inner = attention.forward

    def forward(x, *arguments, **named):
        n = attention.group_norm(x.flatten(2)).reshape(x.shape)
        return inner(x, *arguments, **named) + n / attention.rescale_output_factor

    attention.forward = forward


class WideTimesteps(torch.nn.Module):
    """diffusers' sinusoids, which are float32, in float64."""

    def __init__(self, channels, flip, shift):
        super().__init__()
        self.half, self.flip, self.shift = channels // 2, flip, shift

    def forward(self, t):
        k = torch.arange(self.half, dtype=torch.float64)
        a = t.double()[:, None] * torch.exp(-np.log(10000.0) * k / (self.half - self.shift))
        return torch.cat([a.cos(), a.sin()] if self.flip else [a.sin(), a.cos()], 1)


def network(folder):
    unet = folder / "unet" if (folder / "unet").exists() else folder
    config = json.loads((unet / "config.json").read_text())
    channels = config.pop("time_embedding_channels", None)
    residual = config.pop("attention_residual", None)
    config = {k: v for k, v in config.items() if not k.startswith("_")}
    model = UNet2DModel(**config)
    if channels:
        model.time_proj = Timesteps(channels, model.config.flip_sin_to_cos, model.config.freq_shift)
        model.time_embedding = TimestepEmbedding(channels, model.time_embedding.linear_1.out_features)
    if residual == "normalized":
        for module in model.modules():
            if type(module).__name__ == "Attention":
                normalized_residual(module)
    weights = {}
    for file in sorted(unet.glob("*.safetensors")):
        weights.update(load_file(file))
    model.load_state_dict({k: v.float() for k, v in weights.items()})
    return model.eval()


def peak_bytes():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return 1024 * int(line.split()[1])


def evaluations(model):
    model = model.to(memory_format=torch.channels_last)
    out = {}
    for batch in CASES["batches"]:
        x = torch.randn(batch, *CASES["shape"]).to(memory_format=torch.channels_last)
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        times, spent = [], 0.0
        with torch.inference_mode():
            model(x, CASES["told"])
            while len(times) < 3 or (spent < CASES["budget"] and len(times) < 200):
                start = time.perf_counter()
                model(x, CASES["told"])
                times.append(time.perf_counter() - start)
                spent += times[-1]
        out[str(batch)] = {"seconds": min(times), "peak_bytes": peak_bytes()}
    return out


def trajectory(model, dtype):
    scheduler = DPMSolverMultistepScheduler(
        trained_betas=CASES["betas"], num_train_timesteps=len(CASES["betas"]), solver_order=2,
        algorithm_type="dpmsolver++", final_sigmas_type="zero", lower_order_final=True)
    scheduler.set_timesteps(timesteps=CASES["timesteps"])
    if dtype == torch.float64:
        kept = np.cumprod(1 - np.array(CASES["betas"]))[CASES["timesteps"]]
        scheduler.sigmas = torch.tensor(np.append(np.sqrt((1 - kept) / kept), 0.0))
        model = model.double()
        projection = model.time_proj
        model.time_proj = WideTimesteps(projection.num_channels, projection.flip_sin_to_cos,
                                        projection.downscale_freq_shift)
    x = torch.from_numpy(np.load(FOLDER / "start.npy")).to(dtype)
    states = [x]
    with torch.inference_mode():
        for t in scheduler.timesteps:
            x = scheduler.step(model(x, t).sample, t, x).prev_sample.to(dtype)
            states.append(x)
    np.save(FOLDER / f"trajectory-{str(dtype).split('.')[1]}.npy", torch.stack(states).double().numpy())


model = network(pathlib.Path(CASES["model"]))
answer = evaluations(model)
if CASES.get("timesteps"):
    # float32 first: the model is widened in place.
    trajectory(model, torch.float32)
    trajectory(model, torch.float64)
(FOLDER / "peers.json").write_text(json.dumps(answer))
