"""The commands on networks as a user types them, on the network that this repository holds."""
import array
import ast
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

LML = None
LINEAR = {"name": "linear", "beta_start": 1e-4, "beta_end": 0.02}


def sets(spec):
    return [word for key, value in spec.items()
            for word in ("--set", "%s=%s" % (key, value if isinstance(value, str) else json.dumps(value)))]


def load(path):
    """(shape, dtype, numbers) of a .npy file; numpy need not be here."""
    with open(path, "rb") as f:
        data = f.read()
    start = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:start].decode())
    return header["shape"], header["descr"], array.array({"<f4": "f", "<f8": "d", "|u1": "B"}[header["descr"]], data[start:])


class Commands(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def lml(self, *words, status=0):
        environment = {k: v for k, v in os.environ.items() if k != "LML_LAUNCHER"}
        done = subprocess.run([LML, *words, "--threads", "1"], capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def sample(self, out, *more, **spec):
        given = {"model": "fashion28", "samples": 3, "sampler": {"name": "heun", "steps": 4}, **spec}
        self.lml("sample", *sets(given), "--out", self.path(out), *more)
        return load(self.path(out) + "/samples.npy")

    def test_an_image_does_not_depend_on_the_batch(self):
        # float32 networks may sum a batch in another order: 100 roundings of numbers of size 1.
        one, all_three = (self.sample(n, "--batch", n)[2] for n in ("1", "3"))
        self.assertLess(max(abs(a - b) for a, b in zip(one, all_three)), 100 * 2 ** -23)

    def test_output_and_rounding_are_those_asked_for(self):
        shape, dtype, exact = self.sample("a", output="float64")
        self.assertEqual((shape, dtype), ((3, 1, 28, 28), "<f8"))
        near, cut = self.sample("b", output="uint8")[2], self.sample("c", output="uint8", rounding="truncate")[2]
        level = [255 * min(max((v + 1) / 2, 0), 1) for v in exact]
        self.assertEqual(list(near), [round(v) for v in level])
        self.assertEqual(list(cut), [math.floor(v) for v in level])

    def test_a_killed_run_goes_on_with_the_same_bits(self):
        spec = dict(samples=2, sampler={"name": "ddpm", "steps": 1000}, schedule=LINEAR)
        words = ["sample", *sets({"model": "fashion28", **spec}), "--out", self.path("killed"), "--threads", "1"]
        run = subprocess.Popen([LML, *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               env={**os.environ, "LML_SAVE_SECONDS": "0"})
        while run.poll() is None and not os.path.exists(self.path("killed/checkpoint.safetensors")):
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        killed = self.sample("killed", **spec)
        self.assertEqual(killed, self.sample("whole", **spec))
        self.assertFalse(os.path.exists(self.path("killed/checkpoint.safetensors")))

    def compare(self, status=0, **spec):
        given = {"model": "fashion28", "schedule": LINEAR, "grid": {"from": 999, "to": 0}, "samples": 4, "steps": [4],
                 "samplers": [{"name": "ddim"}], "reference": {"steps": 12}, **spec}
        done = self.lml("compare", *sets(given), "--json", status=status)
        return json.loads(done.stdout) if status == 0 else done.stderr

    def test_compare_tells_corrections_from_none(self):
        printed = {"form": "printed", "kappa": 1e-8, "lambda": 8e-4, "precision": "float32"}
        runs = self.compare(lml=[{"form": "stable", "kappa": 0, "lambda": 1}, printed, {"form": "noise", "like": printed},
                                 {"form": "adaptive"}])["runs"]
        nothing, rounded, noise, extrapolated = (r["against_base"] for r in runs[1:])
        self.assertEqual((nothing["ratio"], nothing["wins"], nothing["ties"]), (1, 0, 4))
        self.assertEqual(runs[2]["relative_change"], runs[3]["relative_change"])
        self.assertNotEqual(rounded["ratio"], noise["ratio"])
        self.assertLess(extrapolated["ratio"], 1)
        self.assertEqual({r["nfe"] for r in runs}, {4})

    def test_what_is_wrong_is_named_where_it_stands(self):
        for spec, place in (({"lml": [{"kappa": 1}]}, "/lml/0/form: "),
                            ({"lml": [{"form": "stable", "kappa": 2, "lambda": 1}]}, "/lml/0/kappa: "),
                            ({"samplers": [{"name": "ddim", "eta": 2}]}, "/samplers/0/eta: "),
                            ({"samplers": [{"name": "ddim", "timesteps": [5]}]}, "/samplers/0/timesteps: "),
                            ({"samplers": [{"name": "ddim", "prediction_type": "sample"}]}, "/samplers/0/prediction_type: "),
                            ({"lml": [{"form": "noise", "like": {"form": "increment", "kappa": 1, "lambda": 1}}]},
                             "/lml/0/like/form: "),
                            ({"reference": {"sampler": 5}}, "/reference/sampler: "),
                            ({"reference": {"steps": 7}}, "/reference/steps: "),
                            ({"grid": {"from": 999, "to": 5}}, "/grid/to: ")):
            self.assertIn("--set: " + place, self.compare(status=2, **spec))
        self.assertIn("/sampler/nme: unknown key",
                      self.lml("sample", *sets({"model": "fashion28", "samples": 1, "sampler": {"nme": 1}}), status=2).stderr)


if __name__ == "__main__":
    LML = os.path.abspath(sys.argv.pop(1))
    unittest.main()
