"""Makes the virtual environment of the peers that `lml bench score --peers` measures: setup_peers.py DIR.

numpy, PyTorch and JAX, pinned.
"""

import pathlib
import subprocess
import sys
import venv

# The wheel of torch pins its CUDA libraries itself; Python's torch cannot be imported without them, even on a CPU.
PINNED = [
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
]


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: setup_peers.py DIR", file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1])
    stamp = root / "peers.txt"
    wanted = "\n".join(PINNED)
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    venv.create(root, with_pip=True)
    pip = [str(root / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    print("peers: installing numpy, PyTorch and JAX, about 5 GB, once", file=sys.stderr)
    subprocess.run(pip + PINNED, check=True, stdout=sys.stderr)
    stamp.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
