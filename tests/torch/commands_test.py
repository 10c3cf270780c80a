"""The commands on networks as a user types them, on the network that this repository holds."""
import array
import ast
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

LML = None
MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../samplers/torch/models/fashion28")
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

    def test_a_killed_comparison_goes_on_with_the_same_numbers(self):
        spec = {"model": "fashion28", "schedule": LINEAR, "grid": {"from": 999, "to": 0}, "samples": 4, "steps": [4, 5, 6],
                "samplers": [{"name": "ddim"}], "lml": [{"form": "adaptive"}], "reference": {"steps": 12}}
        words = ["compare", *sets(spec), "--out"]
        run = subprocess.Popen([LML, *words, self.path("killed"), "--threads", "1"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while run.poll() is None and not os.path.exists(self.path("killed/unfinished/run2.safetensors")):
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        first = os.stat(self.path("killed/unfinished/run0.safetensors")).st_mtime_ns
        again = subprocess.Popen([LML, *words, self.path("killed"), "--threads", "1"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        seen = first
        while again.poll() is None:
            try:
                seen = os.stat(self.path("killed/unfinished/run0.safetensors")).st_mtime_ns
            except FileNotFoundError:
                pass
            time.sleep(0.01)
        self.assertEqual((again.returncode, seen), (0, first))  # what was there was not made again
        self.lml(*words, self.path("whole"))

        def numbers(name):
            with open(self.path(name) + "/result.json") as f:
                runs = json.load(f)["runs"]
            return [{k: v for k, v in r.items() if not k.endswith("_seconds")} for r in runs]
        self.assertEqual(numbers("killed"), numbers("whole"))
        self.assertFalse(os.path.exists(self.path("killed/unfinished")))

    def test_another_comparison_does_not_go_on_from_a_folder(self):
        os.makedirs(self.path("out/unfinished"))
        with open(self.path("out/unfinished/run0.safetensors"), "wb") as f:
            f.write((2).to_bytes(8, "little") + b"{}")
        words = sets({"model": "fashion28", "schedule": LINEAR, "samples": 2, "steps": [2], "samplers": [{"name": "ddim"}]})
        said = self.lml("compare", *words, "--out", self.path("out"), status=2).stderr
        self.assertIn("run0.safetensors: /: is no run of a comparison", said)

    def test_a_comparison_that_cannot_keep_its_runs_does_not_begin(self):
        os.mkdir(self.path("out"))
        open(self.path("out/unfinished"), "w").close()
        words = sets({"model": "fashion28", "schedule": LINEAR, "samples": 2, "steps": [2], "samplers": [{"name": "ddim"}]})
        said = self.lml("compare", *words, "--out", self.path("out"), status=2).stderr
        self.assertRegex(said.splitlines()[-1], "out/unfinished is no folder$")

    def test_a_network_that_gives_no_numbers_is_told_with_step_and_image(self):
        shutil.copytree(MODEL, self.path("net"))
        weights, = (f for f in os.listdir(self.path("net/unet")) if f.endswith(".safetensors"))
        with open(self.path("net/unet/" + weights), "r+b") as f:
            f.seek(-2, os.SEEK_END)
            f.write(b"\xc0\x7f")  # nan, in float32 and bfloat16
        said = self.compare(status=2, model=self.path("net"))
        self.assertRegex(said.splitlines()[-1], "^--set: /reference: .*step.*image|^--set: /reference: .*image.*step")

    def test_a_run_that_diverges_is_an_answer(self):
        # In float32, lambda' far below the rounding of ||eps||^2 is 0/0.
        plain, broken, other = self.compare(lml=[
            {"form": "printed", "kappa": 1e-8, "lambda": 1e-30, "precision": "float32"}, {"form": "adaptive"}])["runs"]
        self.assertEqual(broken["error"], "inf")
        self.assertIn("is not a finite number", broken["why"])
        self.assertTrue(math.isfinite(plain["error"]) and math.isfinite(other["ratio"]))

    def test_a_batch_beyond_the_memory_names_one_that_fits(self):
        # 1 GiB of addresses holds the program and some hundred images on their way through the network, but not 1,000.
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2 ** 30,) * 2)  # noqa: E731
        words = sets({"model": "fashion28", "samples": 1000, "sampler": {"name": "heun", "steps": 2}})
        done = subprocess.run([LML, "sample", *words, "--batch", "1000", "--threads", "1", "--out", self.path("out")],
                              capture_output=True, text=True, preexec_fn=limit)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "a batch of 1000 images does not fit into memory; try --batch [1-9][0-9]*")

    def test_a_form_that_a_sampler_has_not_is_left_out(self):
        runs = self.compare(samplers=[{"name": "pndm"}, {"name": "unipc"}],
                            lml=[{"form": "adaptive"}, {"form": "increment", "kappa": 1e-8, "lambda": 8e-4}])["runs"]
        self.assertEqual([(r["sampler"]["name"], r["correction"].split()[0]) for r in runs],
                         [("pndm", "none"), ("unipc", "none"), ("unipc", "adaptive")])

    def test_what_is_wrong_is_named_where_it_stands(self):
        for spec, place in (({"lml": [{"kappa": 1}]}, "/lml/0/form: "),
                            ({"lml": [{"form": "stable", "kappa": 2, "lambda": 1}]}, "/lml/0/kappa: "),
                            ({"samplers": [{"name": "ddim", "eta": 2}]}, "/samplers/0/eta: "),
                            ({"samplers": [{"name": "ddim", "timesteps": [5]}]}, "/samplers/0/timesteps: "),
                            ({"samplers": [{"name": "ddim", "prediction_type": "sample"}]}, "/samplers/0/prediction_type: "),
                            ({"lml": [{"form": "noise", "like": {"form": "increment", "kappa": 1, "lambda": 1}}]},
                             "/lml/0/like/form: "),
                            ({"network": 3}, "/network: must be "),
                            ({"reference": {"sampler": 5}}, "/reference/sampler: "),
                            ({"reference": {"steps": 7}}, "/reference/steps: "),
                            ({"grid": {"from": 999, "to": 5}}, "/grid/to: ")):
            self.assertIn("--set: " + place, self.compare(status=2, **spec))
        self.assertIn("/sampler/nme: unknown key",
                      self.lml("sample", *sets({"model": "fashion28", "samples": 1, "sampler": {"nme": 1}}), status=2).stderr)


if __name__ == "__main__":
    LML = os.path.abspath(sys.argv.pop(1))
    unittest.main()
