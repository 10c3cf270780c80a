"""Makes a virtual environment of the peers that `lml bench` measures: setup_peers.py DIR SET.

peers: numpy, PyTorch and JAX, pinned, for `lml bench score --peers`; peers-dynamics: JAX and blackjax, for `lml bench
dynamics --peers`; peers-generator: fplanck, for its Fokker-Planck generators; peers-samplers: diffusers, numpy and JAX, for `lml bench
samplers --peers`.
"""

import pathlib
import subprocess
import sys
import venv

# The wheel of torch pins its CUDA libraries itself; Python's torch cannot be imported without them, even on a CPU.
PINNED = {
    "peers": [
        "numpy==2.4.6",
        "jax==0.10.2",
        "jaxlib==0.10.2",
        "torch==2.11.0",
        "filelock==3.20.0",
        "typing-extensions==4.15.0",
        "sympy==1.14.0",
        "networkx==3.5",
        "jinja2==3.1.6",
        "fsspec==2025.9.0",
        "mpmath==1.3.0",
    ],
    "peers-dynamics": [
        "numpy==2.4.6",
        "jax==0.10.2",
        "jaxlib==0.10.2",
        "blackjax==1.7.1",
        "optax==0.2.8",
        "scipy==1.17.1",
    ],
    "peers-samplers": [
        "numpy==2.4.6",
        "jax==0.10.2",
        "jaxlib==0.10.2",
        "torch==2.11.0",
        "diffusers==0.42.1",
        "huggingface_hub==2.4.0",
        "safetensors==0.8.0",
        "importlib_metadata==10.2.0",
        "filelock==4.3.1",
        "regex==2026.11.19",
        "requests==2.34.2",
        "pillow==13.0.0",
        "typing-extensions==4.16.0",
        "sympy==1.14.0",
        "networkx==3.6.1",
        "jinja2==3.1.6",
        "fsspec==2026.9.0",
        "mpmath==1.3.0",
    ],
    "peers-generator": ["numpy==2.4.6", "scipy==1.17.1", "fplanck==0.2.2"],
}
SIZES = {"peers-generator": "0.2 GB", "peers": "5 GB", "peers-dynamics": "0.7 GB", "peers-samplers": "5 GB"}


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[2] not in PINNED:
        print("usage: setup_peers.py DIR SET", file=sys.stderr)
        return 2
    root, packages = pathlib.Path(sys.argv[1]), PINNED[sys.argv[2]]
    stamp = root / "peers.txt"
    wanted = "\n".join(packages)
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    venv.create(root, with_pip=True)
    pip = [str(root / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    print(f"peers: installing {len(packages)} packages, {SIZES[sys.argv[2]]}, once", file=sys.stderr)
    subprocess.run(pip + packages, check=True, stdout=sys.stderr)
    stamp.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
