"""Fixtures for the networks of samplers/torch: tests/torch/data/networks.json.

diffusers' own UNet2DModel in float64, loaded by its own from_pretrained out of a folder, on small configurations that
together touch every branch; and the bias-free CNN in a few lines of torch. Weights and inputs are not stored: they are
`hashed` from their names, here and in tests/torch/hashed.hpp. Only timesteps and outputs are.
Beside them state_dict.bin, written by torch.save, and schedulers.jsonl, the schedulers' default configurations.
"""
import collections
import json
import math
import pathlib
import sys
import tempfile

import diffusers
import numpy as np
import torch
from diffusers.models.embeddings import TimestepEmbedding
from safetensors.torch import save_file

MASK = (1 << 64) - 1


def hashed(name, shape):
    """Number i is 2 (s >> 11) 2^-53 - 1, s the splitmix64 of FNV-1a(name) + (i + 1) 0x9E3779B97F4A7C15."""
    start = 0xCBF29CE484222325
    for byte in name.encode():
        start = (start ^ byte) * 0x100000001B3 & MASK
    z = np.uint64(start) + np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return torch.from_numpy(2 * ((z >> np.uint64(11)).astype(np.float64) * 2.0**-53) - 1).reshape(shape)


def hashed_weight(name, shape):
    u = hashed(name, shape)
    if name.endswith("gammas"):
        return 2 * u
    if name.endswith("running_sd") or (name.endswith("weight") and len(shape) == 1):
        return 1 + u / 2
    return u / 2 if len(shape) == 1 else u * math.sqrt(3 / math.prod(shape[1:]))


class Sinusoids(torch.nn.Module):
    """diffusers' Timesteps, which computes in float32, in float64."""

    def __init__(self, config, channels):
        super().__init__()
        self.flip, self.shift, self.half = config.flip_sin_to_cos, config.freq_shift, channels // 2

    def forward(self, t):
        a = t.double()[:, None] * torch.exp(
            -math.log(10000) * torch.arange(self.half, dtype=torch.float64) / (self.half - self.shift)
        )
        return torch.cat([a.cos(), a.sin()] if self.flip else [a.sin(), a.cos()], 1)


def old_name(name):
    """What attention tensors were called before diffusers 0.16."""
    if ".attentions." not in name:
        return name
    for now, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        name = name.replace(f".{now}.", f".{old}.")
    return name


def normalized_residual(attention):
    """anime64's departure: attention is added to its normalised input."""
    attention.residual_connection = False
    inner = attention.forward

    def forward(x, *arguments, **named):
        n = attention.group_norm(x.flatten(2)).reshape(x.shape)
        return inner(x, *arguments, **named) + n / attention.rescale_output_factor

    attention.forward = forward


def unet(name, config, shape, t, old=False):
    own = dict(config)
    channels, residual = own.pop("time_embedding_channels", None), own.pop("attention_residual", None)
    model = diffusers.UNet2DModel(**own)
    if channels:
        model.time_embedding = TimestepEmbedding(channels, model.time_embedding.linear_1.out_features)
    rename = old_name if old else str
    weights = {rename(k): hashed_weight(rename(k), tuple(v.shape)) for k, v in model.state_dict().items()}
    if channels or residual:
        model = model.double()
        model.load_state_dict(weights)
    else:
        with tempfile.TemporaryDirectory() as folder:
            model.save_config(folder)
            save_file(weights, pathlib.Path(folder) / "diffusion_pytorch_model.safetensors")
            model = diffusers.UNet2DModel.from_pretrained(folder, torch_dtype=torch.float64, low_cpu_mem_usage=False)
    model.eval()
    model.time_proj = Sinusoids(model.config, channels or model.config.block_out_channels[0])
    if residual:
        for module in model.modules():
            if type(module).__name__ == "Attention":
                normalized_residual(module)
    assert all(p.dtype == torch.float64 for p in model.parameters())
    with torch.no_grad():
        y = model(hashed("x", shape), torch.tensor(t, dtype=torch.float64)).sample
    assert y.dtype == torch.float64 and y.shape == tuple(shape)
    return {
        "name": name,
        "config": {"_class_name": "UNet2DModel", **config},
        "old_attention_names": old,
        "shape": list(shape),
        "t": t,
        "output": y.flatten().tolist(),
    }


def bias_free(name, channels, out_channels, width, layers, shape):
    c, bn = "conv_layers.{}.weight", "BN_layers.{}.{}"
    x = hashed("x", shape)
    for k in range(layers):
        inner = 0 < k < layers - 1
        w = (out_channels if k == layers - 1 else width, channels if k == 0 else width, 3, 3)
        x = torch.nn.functional.conv2d(x, hashed_weight(c.format(k), w), padding=1)
        if inner:
            sd, gammas = (hashed_weight(bn.format(k - 1, p), (1, width, 1, 1)) for p in ("running_sd", "gammas"))
            x = torch.relu(x / sd * gammas)
    config = {"in_channels": channels, "out_channels": out_channels, "width": width, "layers": layers}
    return {"name": name, "config": config, "shape": list(shape), "output": x.flatten().tolist()}


def state_dict(path):
    """What torch.save can make of a state dict: parameters, views with an offset and strides, a storage that two share,
    every precision. Each tensor is `hashed` from its name (in its precision)."""
    base = hashed("base", (4, 6)).float()
    tensors = collections.OrderedDict(
        double=hashed("double", (2, 3)),
        float=torch.nn.Parameter(hashed("float", (3,)).float()),
        half=hashed("half", (5, 1)).half(),
        bfloat16=hashed("bfloat16", (2, 2)).bfloat16(),
        scalar=hashed("scalar", ()),
        rows=base[1:3],
        transposed=base.T,
        channels_last=hashed("channels_last", (2, 3, 2, 2)).float().to(memory_format=torch.channels_last),
        integers=torch.arange(-2, 3),
    )
    tensors._metadata = collections.OrderedDict({"": {"version": 1}})
    torch.save(tensors, path)


def schedulers(path):
    """Each scheduler's configuration as diffusers saves it."""
    names = "DDPM DDIM PNDM DPMSolverMultistep DPMSolverSinglestep UniPCMultistep DEISMultistep EulerDiscrete HeunDiscrete"
    configs = [getattr(diffusers, f"{name}Scheduler")() for name in (names + " EDMEuler").split()]
    path.write_text("".join(json.dumps(json.loads(c.to_json_string())) + "\n" for c in configs))


BASE = {
    "sample_size": 8,
    "in_channels": 2,
    "out_channels": 2,
    "block_out_channels": [4, 8],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "attention_head_dim": 4,
}
SQUARE, T = (2, 2, 8, 8), [3.0, 871.0]

UNETS = [
    ("heads", {}, SQUARE, T),
    ("rectangle", {}, (2, 2, 4, 12), T),
    ("head-of-full-width", {"attention_head_dim": None}, SQUARE, T),
    ("heads-narrower-than-the-block", {"attention_head_dim": 3}, SQUARE, T),
    ("many-heads", {"attention_head_dim": 1}, SQUARE, T),
    ("padding-0", {"downsample_padding": 0}, SQUARE, T),
    ("scale-shift", {"resnet_time_scale_shift": "scale_shift"}, SQUARE, T),
    (
        "scale-shift-with-a-norm-in-the-middle",
        {"resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 4},
        SQUARE,
        T,
    ),
    ("other-groups-in-the-middle", {"attn_norm_num_groups": 8}, SQUARE, T),
    ("no-attention-in-the-middle", {"add_attention": False}, SQUARE, T),
    ("no-middle", {"mid_block_type": None}, SQUARE, T),
    ("scaled-middle", {"mid_block_scale_factor": 1.4142135623730951}, SQUARE, T),
    ("sines-first", {"flip_sin_to_cos": False, "freq_shift": 1}, SQUARE, [0.0, 999.0]),
    ("between-timesteps", {"freq_shift": 0.5, "block_out_channels": [8, 8]}, SQUARE, [17.25, 640.5]),
    ("centered", {"center_input_sample": True, "norm_eps": 1e-3}, SQUARE, T),
    ("time-width", {"time_embedding_dim": 6, "act_fn": "swish"}, SQUARE, T),
    (
        "three-levels",
        {
            "block_out_channels": [4, 4, 8],
            "down_block_types": ["AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
            "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
            "layers_per_block": 2,
            "attention_head_dim": 2,
        },
        (1, 2, 8, 8),
        [25.0],
    ),
    (
        "one-level-and-odd-sides",
        {
            "sample_size": 5,
            "block_out_channels": [6],
            "down_block_types": ["AttnDownBlock2D"],
            "up_block_types": ["UpBlock2D"],
            "norm_num_groups": 3,
            "attention_head_dim": 2,
            "layers_per_block": 3,
        },
        (2, 2, 5, 7),
        T,
    ),
    (
        "as-anime64",
        {
            "time_embedding_channels": 16,
            "attention_residual": "normalized",
            "mid_block_scale_factor": 2,
            "downsample_padding": 0,
            "freq_shift": 1,
            "flip_sin_to_cos": False,
        },
        SQUARE,
        T,
    ),
]


def main():
    torch.set_num_threads(1)
    fixtures = [unet(n, {**BASE, **config}, shape, t) for n, config, shape, t in UNETS]
    fixtures.append(unet("old-attention-names", BASE, SQUARE, T, old=True))
    networks = {
        "unet2d": fixtures,
        "bias_free": [
            bias_free("alone", 1, 1, 5, 5, (2, 1, 6, 7)),
            bias_free("stage-of-a-cascade", 4, 3, 4, 3, (2, 4, 5, 4)),
        ],
    }
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "torch/data"
    lines = [
        f'"{kind}": [\n' + ",\n".join(json.dumps(f, separators=(",", ":")) for f in entries) + "\n]"
        for kind, entries in networks.items()
    ]
    state_dict(folder / "state_dict.bin")
    schedulers(folder / "schedulers.jsonl")
    (folder / "networks.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
