"""Writes tests/torch/data/features.json: what the feature networks of samplers/torch/features.hpp give, by a few lines of
torch in float64. Weights and images are `hashed` from their names (networks.py)."""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

from networks import hashed

torch.set_default_dtype(torch.float64)


def weights(shapes):
    """A convolution's variance is 2 over its inputs."""
    out = {}
    for name, shape in shapes.items():
        u = hashed(name, shape)
        if len(shape) > 1:
            out[name] = u * np.sqrt(6 / np.prod(shape[1:]))
        else:
            out[name] = 1 + u / 2 if name.endswith(("running_var", ".weight")) else u / 2
    return out


def images(shape):
    return (hashed("images", shape) + 1) / 2


def resnet_shapes(n):
    shapes = {"conv1.weight": (16, 3, 3, 3), "linear.weight": (10, 64), "linear.bias": (10,)}
    norms, width = {"bn1": 16}, 16
    for layer, wide in ((1, 16), (2, 32), (3, 64)):
        for i in range(n):
            name = f"layer{layer}.{i}"
            shapes[name + ".conv1.weight"] = (wide, width, 3, 3)
            shapes[name + ".conv2.weight"] = (wide, wide, 3, 3)
            norms[name + ".bn1"] = norms[name + ".bn2"] = width = wide
    for name, wide in norms.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (wide,)
    return shapes


def resnet(w, n, x):
    def norm(name, x):
        part = {p: w[f"{name}.{p}"][:, None, None] for p in ("weight", "bias", "running_mean", "running_var")}
        return (x - part["running_mean"]) / torch.sqrt(part["running_var"] + 1e-5) * part["weight"] + part["bias"]

    x = (x - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x = norm("bn1", F.conv2d(x, w["conv1.weight"], padding=1)).relu()
    for layer in (1, 2, 3):
        for i in range(n):
            name = f"layer{layer}.{i}"
            stride = 2 if layer > 1 and i == 0 else 1
            h = norm(name + ".bn1", F.conv2d(x, w[name + ".conv1.weight"], stride=stride, padding=1)).relu()
            h = norm(name + ".bn2", F.conv2d(h, w[name + ".conv2.weight"], padding=1))
            if stride == 2:
                none = torch.zeros(len(x), x.shape[1] // 2, *h.shape[2:])
                x = torch.cat([none, x[:, :, ::2, ::2], none], 1)
            x = (x + h).relu()
    features = x.mean((2, 3))
    return features, features @ w["linear.weight"].T + w["linear.bias"]


# (expansion, width, repeats, stride of the first)
MOBILE = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def mobilenet_layers():
    """Name, in, out, side, stride, groups, whether ReLU6 follows, whether a block begins, whether it ends."""
    yield "stem", 3, 32, 3, 2, 1, True, False, False
    width, i = 32, 0
    for expansion, wide, repeats, stride in MOBILE:
        for j in range(repeats):
            inner, name = expansion * width, f"blocks.{i}."
            if expansion > 1:
                yield name + "expand", width, inner, 1, 1, 1, True, True, False
            yield name + "depthwise", inner, inner, 3, stride if j == 0 else 1, inner, True, expansion == 1, False
            yield name + "project", inner, wide, 1, 1, 1, False, False, True
            width, i = wide, i + 1
    yield "head", 320, 1280, 1, 1, 1, True, False, False


def same(x, side, stride):
    """TensorFlow's padding SAME, as its documentation has it."""
    pads = []
    for length in (x.shape[3], x.shape[2]):
        rest = length % stride
        pad = max(side - (stride if rest == 0 else rest), 0)
        pads += [pad // 2, pad - pad // 2]
    return F.pad(x, pads)


def mobilenet(w, x):
    x = 2 * x - 1
    for name, wide_in, wide_out, side, stride, groups, active, begins, ends in mobilenet_layers():
        if begins:
            before = x
        x = F.conv2d(same(x, side, stride), w[name + ".weight"], w[name + ".bias"], stride=stride, groups=groups)
        if active:
            x = F.relu6(x)
        if ends and x.shape == before.shape:
            x = x + before
    features = x.mean((2, 3))
    return features, features @ w["classifier.weight"][:, :, 0, 0].T + w["classifier.bias"]


def main():
    cases = []
    w = weights(resnet_shapes(2))
    for shape in ((2, 3, 32, 32), (1, 1, 24, 20), (1, 3, 48, 40)):
        x = images(shape).expand(-1, 3, -1, -1)
        if shape[2:] != (32, 32):
            x = F.interpolate(x, (32, 32), mode="bilinear", align_corners=False, antialias=shape[2] > 32)
        features, logits = resnet(w, 2, x)
        cases.append({"network": "ResNet14", "shape": shape, "features": features.tolist(), "logits": logits.tolist()})
    shapes = {"classifier.weight": (1001, 1280, 1, 1), "classifier.bias": (1001,)}
    for name, wide_in, wide_out, side, _, groups, *_ in mobilenet_layers():
        shapes[name + ".weight"] = (wide_out, wide_in // groups, side, side)
        shapes[name + ".bias"] = (wide_out,)
    features, logits = mobilenet(weights(shapes), F.interpolate(images((1, 3, 75, 50)), (128, 128), mode="bilinear"))
    cases.append({"network": "MobileNetV2", "shape": (1, 3, 75, 50), "features": features[:, ::20].tolist(),
                  "logits": logits[:, ::20].tolist()})
    print(*(f"{c['network']}: features of deviation {np.std(c['features']):.3g}" for c in cases), sep="\n")
    text = json.dumps({"source": f"torch {torch.__version__}", "cases": cases})
    (pathlib.Path(__file__).parent.parent / "torch/data/features.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
