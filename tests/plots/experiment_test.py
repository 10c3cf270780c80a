"""Figures of experiments: what is drawn where, how they look, and which result folders are refused. Ends with 3 where
matplotlib is not here.

    experiment_test.py PROGRAM            the tests
    experiment_test.py --write            new pictures in tests/plots/baseline, to be looked at and committed"""
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "..", "plots"))
import plot  # noqa: E402

plot.require_matplotlib()
import matplotlib  # noqa: E402
import numpy as np  # noqa: E402

import measurements  # noqa: E402
from files import ResultError  # noqa: E402

PROGRAM = ""  # path of lml
BASELINE = os.path.join(HERE, "baseline")
DOTS_AN_INCH = 50  # of the stored pictures
# Root mean square of the differences of pixels, of 255. Another version of libpng or freetype with the same matplotlib
# moves edges of letters (below 2); a line that is missing or in other colours is above 5 (test_a_change_is_seen).
TOLERANCE = 3


def csv_of(rows):
    columns = [c for c in rows[0]]
    return "\n".join([",".join(columns)] + [",".join(str(r[c]) for c in columns) for r in rows]) + "\n"


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = temporary.name

    def run_folder(self, case, **changes):
        return write_folder(os.path.join(self.root, "run"), case, **changes)


def write_folder(folder, case, **changes):
    """A folder as `lml run` writes it: of one of CASES, with other entries of the manifest."""
    rows, arrays, manifest = CASES[case]()
    os.makedirs(folder, exist_ok=True)
    files = {"measurements.csv": csv_of(rows).encode()}
    jobs = manifest.get("jobs", [{"command": "gap", "spec": {"samples": 40}, "vary": {}}])
    for i, named in enumerate(arrays):
        os.makedirs(os.path.join(folder, "%03d" % i), exist_ok=True)
        jobs[i]["folder"] = "%03d" % i
        result = {}
        for name, array in named.items():
            path = os.path.join(folder, "%03d" % i, name + ".npy")
            if i == 0 and name == "trajectory":  # small ones stand in the document
                result[name] = array.tolist()
                continue
            np.save(path, array)
            result[name] = name + ".npy"
            with open(path, "rb") as f:
                files["%03d/%s.npy" % (i, name)] = f.read()
        files["%03d/result.json" % i] = json.dumps(result).encode()
        with open(os.path.join(folder, "%03d" % i, "result.json"), "wb") as f:
            f.write(files["%03d/result.json" % i])
    document = {"command": "run", "experiment": "made-up", "title": "t", "question": "q", "paper": "", "claims": [],
                "size": "quick", "version": "%d.%d.%d" % measurements.VERSION, "complete": True, "jobs": jobs, "axes": {},
                "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}}
    document.update(manifest)
    document.update(changes)
    with open(os.path.join(folder, "measurements.csv"), "wb") as f:
        f.write(files["measurements.csv"])
    with open(os.path.join(folder, "manifest.json"), "w") as f:
        json.dump(document, f)
    return folder


def lines():
    rows = [{"series": s, "seed": seed, "x": x, "measure": m, "value": v(x) * (1 + 0.05 * seed), "error": 0.1 * v(x) if m == "error" else ""}
            for s, v in (("a", lambda x: 1 / x), ("b", lambda x: 1 / x**2)) for seed in (0, 1) for x in (1, 2, 4, 8)
            for m in ("error", "bound")]
    rows += [{"series": "a", "seed": 0, "x": "", "measure": "error", "value": 0.3, "error": 0.02},
             {"series": "b", "seed": 0, "x": 3, "measure": "error", "value": "inf", "error": ""},
             {"series": "b", "seed": 0, "x": 5, "measure": "error", "value": "", "error": ""}]
    return rows, [], {"figure": "lines", "axes": {"x": {"label": "steps", "unit": "", "scale": "log"},
                                                  "value": {"label": "error", "scale": "log"}},
                      "draw": {"x": "x", "series": "series", "repeat": "seed", "dotted": "bound", "slopes": [1, 2],
                               "band": "standard error", "names": {"a": "first"}, "caption": "of two samplers"}}


def panels():
    rows = [{"p": p, "x": x, "measure": m, "value": k * x, "error": ""} for p in ("one", "two") for x in (0, 1, 2)
            for k, m in enumerate("uvw", 1)]
    return rows, [], {"figure": "lines", "draw": {"x": "x", "panel": "p", "only": {"p": ["one", "two"]}, "y": ["u", "w"],
                                                  "lines": {"no change": 1}}}


def dots():
    rows = [{"case": c, "s": s, "measure": "ratio", "value": v, "error": e} for c, s, v, e in (
        ("plain", "ddim", 1, ""), ("corrected", "ddim", 1.2, 0.1), ("corrected", "heun", "inf", ""), ("plain", "heun", 0.9, 0.05))]
    rows += [{"case": "corrected", "s": "ddim", "measure": "wins", "value": 17, "error": ""}]
    return rows, [], {"figure": "dots", "draw": {"rows": "case", "series": "s", "y": "ratio", "band": "standard error",
                                                 "lines": {"no change": 1}, "beside": "wins", "beside_text": "numbers: wins"}}


def heat():
    rows = [{"p": p, "x": x, "y": y, "measure": m, "value": v, "error": ""} for p in ("one", "two") for x in (0.1, 1)
            for y in (1, 2, 3) for m, v in (("ratio", x * y * y), ("holds", int(x * y * y < 2)))]
    return rows, [], {"figure": "heat", "axes": {"ratio": {"label": "error over bound", "scale": "log"}},
                      "draw": {"x": "x", "y": "y", "value": "ratio", "panel": "p", "marked": "holds", "middle": 1,
                               "marked_text": "holds", "unmarked_text": "fails"}}


def plane():
    x, y = np.linspace(-3, 3, 24), np.linspace(-2, 2, 20)
    u, v = np.meshgrid(x, y)
    jobs = [{"command": "stationary", "spec": {}, "vary": {"law": k}} for k in ("narrow", "wide")]
    arrays = [{"x": x, "y": y, "density": np.exp(-u**2 / w - v**2), "target_density": np.exp(-u**2 - v**2)} for w in (0.5, 2)]
    rows = [{"law": k, "measure": "tv", "value": 0.25, "error": ""} for k in ("narrow", "wide")]
    return rows, arrays, {"figure": "plane", "jobs": jobs, "draw": {"measures": "tv"}}


def paths():
    start = np.stack([np.cos(np.arange(12)), np.sin(np.arange(12))], -1)
    jobs = [{"command": "sample", "spec": {"samples": 12}, "vary": {"run": k}} for k in ("finest", "few")]
    arrays = [{"trajectory": np.stack([start * (1 + k * s / n) for k in range(n + 1)])} for n, s in ((20, 1.0), (4, 1.4))]
    rows = [{"run": k, "measure": "nfe", "value": 4, "error": ""} for k in ("finest", "few")]
    return rows, arrays, {"figure": "paths", "jobs": jobs, "draw": {"finest": {"run": "finest"}, "animated": True, "frames": 5}}


def images():
    grey = (np.arange(3 * 64).reshape(3, 1, 8, 8) % 64) / 32 - 1
    jobs = [{"command": "sample", "spec": {"samples": 3}, "vary": {"run": k}} for k in ("plain", "turned")]
    rows = [{"run": k, "measure": "nfe", "value": 10, "error": ""} for k in ("plain", "turned")]
    return rows, [{"samples": grey}, {"samples": -grey}], {"figure": "images", "jobs": jobs, "draw": {"measures": "nfe"}}


def flow():
    at = [[x, y] for x in (-1, 0, 1, 2) for y in (-1, 0, 1)]
    jobs = [{"command": "score", "spec": {"at": at, "alpha": 0.5, "target": {"kind": "points", "points": [[0, 0], [2, 1]]}},
             "vary": {"sigma": k}} for k in ("0.5", "1")]
    arrays = [{"log_density": -np.sum(np.square(at), 1) / s, "score": -2 * np.array(at, float) / s} for s in (0.5, 1)]
    return [{"sigma": "1", "measure": "m", "value": 1, "error": ""}], arrays, {"figure": "flow", "jobs": jobs}


def relaxation():
    x, times = np.linspace(-3, 3, 50), np.array([0, 1, 3.0])
    jobs = [{"command": "converge", "spec": {}, "vary": {"calculus": k}} for k in ("none", "all")]
    arrays = [{"x": x, "target_density": np.exp(-x * x), "times": times, "chi2": 1 / (1 + k * times),
               "density": np.exp(-np.square(x - np.exp(-k * times)[:, None]))} for k in (0.5, 2)]
    rows = [{"calculus": "all", "time": 0, "measure": "chi2", "value": 1, "error": ""}]
    return rows, arrays, {"figure": "relaxation", "jobs": jobs, "axes": {"value": {"label": "chi2", "scale": "log"}},
                          "draw": {"shown": [0, 3], "animated": True}}


CASES = {f.__name__: f for f in (lines, panels, dots, heat, plane, flow, paths, images, relaxation)}


def drawn(folder):
    return plot.draw_run(measurements.read_run(folder))[1]


def by_gid(figure, gid):
    return [a for a in figure.findobj(lambda a: a.get_gid() == gid)]


def caption(figure):
    return by_gid(figure, "caption")[0].get_text().replace("\n", " ")


def pixels(figure):
    from matplotlib.image import imread
    import io
    return imread(io.BytesIO(plot.render(figure, ".png", dpi=DOTS_AN_INCH)))[..., :3] * 255


def difference(a, b):
    return float(np.sqrt(np.mean((a - b)**2))) if a.shape == b.shape else float("inf")


class Pictures(Folder):
    def test_every_kind_looks_as_stored(self):
        from matplotlib.image import imread
        with open(os.path.join(BASELINE, "matplotlib")) as f:
            stored = f.read().strip()
        if stored != matplotlib.__version__:
            self.skipTest("pictures are of matplotlib %s, here is %s" % (stored, matplotlib.__version__))
        for case in CASES:
            with self.subTest(case):
                picture = imread(os.path.join(BASELINE, case + ".png"))[..., :3] * 255
                figure = drawn(write_folder(os.path.join(self.root, case), case))
                self.assertLess(difference(pixels(figure), picture), TOLERANCE)

    def test_a_change_is_seen(self):
        folder = self.run_folder("lines")
        figure, other = drawn(folder), drawn(folder)
        for line in by_gid(other, "line")[:1]:
            line.set_color("red")
            line.set_linewidth(3)
        self.assertEqual(difference(pixels(figure), pixels(drawn(folder))), 0)
        self.assertGreater(difference(pixels(figure), pixels(other)), TOLERANCE)


class Lines(Folder):
    def test_what_was_measured_is_what_is_drawn(self):
        figure = drawn(self.run_folder("lines"))
        solid = [l for l in by_gid(figure, "line") if l.get_marker() not in (None, "None")]
        self.assertEqual(len(solid), 4)  # two series, two seeds
        np.testing.assert_array_equal(solid[0].get_xdata(), [1, 2, 4, 8])
        np.testing.assert_array_equal(solid[0].get_ydata(), [1, 0.5, 0.25, 0.125])
        self.assertEqual(len(by_gid(figure, "band")), 4)
        self.assertEqual(by_gid(figure, "across")[0].get_ydata()[0], 0.3)
        self.assertEqual([list(m.get_xdata()) for m in by_gid(figure, "infinite")], [[3]])

    def test_series_are_told_apart_in_grey(self):
        figure = drawn(self.run_folder("lines"))
        looks = {(l.get_marker(), str(l.get_linestyle()) + str(l._unscaled_dash_pattern if hasattr(l, "_unscaled_dash_pattern") else l._us_dashSeq))
                 for l in by_gid(figure, "line") if l.get_marker() not in (None, "None")}
        self.assertEqual(len(looks), 2)

    def test_axes_have_quantity_and_unit_the_legend_the_band_and_the_caption_command_samples_and_seeds(self):
        figure = drawn(self.run_folder("lines"))
        self.assertEqual(figure.axes[0].get_xlabel(), "steps")  # a count has no unit
        self.assertEqual(figure.axes[0].get_ylabel(), "error (dimensionless)")
        texts = [t.get_text() for t in figure.legends[0].get_texts()]
        self.assertEqual(texts, ["first", "b", "bound", "band: standard error"])
        for part in ("lml run made-up --quick", "of two samplers", "40 samples", "2 seeds", "lml 0.1.0"):
            self.assertIn(part, caption(figure))

    def test_a_reference_slope_has_its_order(self):
        figure = drawn(self.run_folder("lines"))
        for order in (1, 2):
            (line,) = by_gid(figure, "slope-%d" % order)
            x, y = np.log(line.get_data())
            self.assertAlmostEqual((y[1] - y[0]) / (x[1] - x[0]), -order, places=9)

    def test_panels_share_their_axes_and_hold_the_measures_asked_for(self):
        figure = drawn(self.run_folder("panels"))
        self.assertEqual([t.get_text() for t in by_gid(figure, "panel")], ["one", "two"])
        self.assertEqual(len(by_gid(figure, "line")), 4)
        self.assertEqual(figure.axes[0].get_xlim(), figure.axes[1].get_xlim())
        self.assertEqual(figure.axes[0].get_ylim(), figure.axes[1].get_ylim())


class Others(Folder):
    def test_dots_stand_at_their_values_with_their_bars_and_numbers(self):
        figure = drawn(self.run_folder("dots"))
        self.assertEqual(sorted(float(d.get_xdata()[0]) for d in by_gid(figure, "dot")), [0.9, 1, 1.2])
        self.assertEqual(len(by_gid(figure, "bar")), 2)
        self.assertEqual(len(by_gid(figure, "infinite")), 1)
        self.assertEqual([t.get_text() for t in by_gid(figure, "beside")], ["17"])

    def test_cells_of_a_map_hold_their_values_and_those_that_fail_are_hatched(self):
        figure = drawn(self.run_folder("heat"))
        first = by_gid(figure, "map")[0]
        np.testing.assert_allclose(first.get_array().ravel(), [0.1, 1, 0.4, 4, 0.9, 9])
        self.assertEqual(len(by_gid(figure, "fails")), 4)  # two cells in each of two panels
        self.assertAlmostEqual(first.norm(1.0), 0.5)

    def test_densities_have_one_scale(self):
        figure = drawn(self.run_folder("plane"))
        fields = by_gid(figure, "density")
        self.assertEqual(len(fields), 3)  # the target first
        self.assertEqual(len({f.get_clim() for f in fields}), 1)
        self.assertIn("tv 0.25", figure.axes[1].get_title())

    def test_points_of_a_grid_are_drawn_in_their_places_in_whatever_order(self):
        figure = drawn(self.run_folder("flow"))
        field = by_gid(figure, "density")[0].get_array().reshape(3, 4)  # rows are y
        np.testing.assert_allclose(field, -2 * np.add.outer([1, 0, 1], [1, 0, 1, 4]))
        np.testing.assert_array_equal(np.transpose(by_gid(figure, "data")[0].get_data()), [[0, 0], [1, 0.5]])

    def test_paths_begin_and_end_where_the_samples_do_and_move(self):
        folder = self.run_folder("paths")
        figure = drawn(folder)
        run = measurements.read_run(folder)
        steps = run.array(1, "trajectory", [3])
        np.testing.assert_array_equal(np.transpose(by_gid(figure, "end")[1].get_data()), steps[-1])
        np.testing.assert_array_equal(np.transpose(by_gid(figure, "start")[1].get_data()), steps[0])
        self.assertEqual(len(by_gid(figure, "finest")), 2)
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("animations need pillow")
        paths = [p for p, _ in plot.files_of(folder, None)]
        self.assertEqual([os.path.splitext(p)[1] for p in paths], [".svg", ".png", ".gif"])
        import io
        (gif,) = [d for p, d in plot.files_of(folder, None) if p.endswith(".gif")]
        with Image.open(io.BytesIO(gif)) as image:
            self.assertEqual(image.n_frames, 5)
            self.assertEqual(image.convert("RGB").getpixel((0, 0)), (255, 255, 255))

    def test_laws_that_relax_stand_at_their_times_and_move_with_them(self):
        folder = self.run_folder("relaxation")
        run = measurements.read_run(folder)
        lines = by_gid(drawn(folder), "density")
        self.assertEqual(len(lines), 4)  # two times, two laws
        x = lines[3].get_xdata()
        np.testing.assert_allclose(lines[3].get_ydata(), np.exp(-np.square(x - np.exp(-6))), atol=1e-12)
        kind, _ = plot.draw_run(run)
        figure, update, frames = kind.animate(run)
        self.assertEqual(frames, 3)
        update(2)
        moving = [l.get_ydata() for l in figure.axes[0].lines]
        np.testing.assert_allclose(moving[1], lines[3].get_ydata())
        self.assertIn("/draw/shown: 2 is none of the times", self.refusal(folder, {"shown": [2]}))

    def refusal(self, folder, draw):
        with self.assertRaises(ResultError) as caught:
            drawn(self.run_folder("relaxation", draw=draw))
        return str(caught.exception)

    def test_images_of_one_start_stand_in_one_column(self):
        figure = drawn(self.run_folder("images"))
        self.assertEqual(len(by_gid(figure, "image")), 6)
        boxes = [a.get_position().x0 for a in figure.axes]
        self.assertEqual(boxes[:3], boxes[3:])
        self.assertIn("nfe 10", by_gid(figure, "row")[0].get_text())

    def test_a_palette_is_taken_where_no_eye_sees_it(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("palettes need pillow")
        import io
        drawing, out = io.BytesIO(), io.BytesIO()
        drawn(self.run_folder("lines")).savefig(drawing, dpi=100)
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 50, 3)).astype(np.uint8)).save(out, "PNG", dpi=(100, 100))
        for data, mode in ((drawing.getvalue(), "P"), (out.getvalue(), "RGB")):
            with Image.open(io.BytesIO(data)) as whole, Image.open(io.BytesIO(plot.palette(data))) as small:
                self.assertEqual((small.mode, round(small.info["dpi"][0])), (mode, 100))
                self.assertLess(difference(*(np.asarray(i.convert("RGB"), float) for i in (whole, small))), plot.SEEN_RMS)

    def test_the_same_folder_gives_the_same_bytes(self):
        folder = self.run_folder("dots")
        self.assertEqual(plot.files_of(folder, None), plot.files_of(folder, None))


class Refusals(Folder):
    def refused(self, case="lines", break_it=lambda folder: None, **changes):
        folder = self.run_folder(case, **changes)
        break_it(folder)
        with self.assertRaises(ResultError) as caught:
            drawn(folder)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_incomplete_altered_and_newer_folders(self):
        def alter(name, data=b"x"):
            def f(folder):
                with open(os.path.join(folder, name), "ab") as file:
                    file.write(data)
            return f

        again = self.refused(complete=False, experiment="fig10", size="quick", set=["damping=[1,2]"])
        self.assertIn("is incomplete: `lml run fig10 --quick --set 'damping=[1,2]' --out %s` goes on with it" % self.root, again)
        self.assertIn("run mine.toml --full --out", self.refused(complete=False, experiment="mine", size="full"))
        self.assertIn("measurements.csv: was altered", self.refused(break_it=alter("measurements.csv", b"a,0,1,error,2,\n")))
        self.assertIn("001/density.npy: was altered", self.refused("plane", alter("001/density.npy")))
        self.assertIn("No such file", self.refused("plane", lambda f: os.remove(os.path.join(f, "000/x.npy"))))
        newer = "%d.%d.0" % (measurements.VERSION[0], measurements.VERSION[1] + 1)
        self.assertIn("/version: is %s, newer" % newer, self.refused(version=newer))
        self.assertIn("/version: ", self.refused(version="tomorrow"))
        for key in ("experiment", "figure", "version", "jobs", "files"):
            self.assertIn("/%s: is missing" % key, self.refused(**{key: None}))
        self.assertIn("manifest.json: is cut short", self.refused(break_it=lambda f: self.cut(os.path.join(f, "manifest.json"))))

    def cut(self, path):
        with open(path, "rb+") as f:
            f.truncate(os.path.getsize(path) - 20)

    def test_a_digest_of_a_file_outside_is_not_followed(self):
        self.assertIn("/files: must stand in the folder", self.refused(files={"../x": "0"}))

    def test_what_the_figure_cannot_draw_is_named_by_its_place(self):
        draw = lines()[2]["draw"]
        for change, place in (({"x": "z"}, "/draw/x: there is no column z"), ({"colour": 1}, "/draw/colour: is no option"),
                              ({"y": "speed"}, "/draw/y: there is no measure speed"), ({"band": ""}, "/draw/band: "),
                              ({"panel": "q"}, "/draw/panel: "), ({"only": {"series": ["c"]}}, "no figure"),
                              ({"series": 3}, "/draw/series: ")):
            self.assertIn(place, self.refused(draw=dict(draw, **change)))
        self.assertIn("/figure: no figure is called pie", self.refused(figure="pie"))
        self.assertIn("/jobs: no figure", self.refused("plane", jobs=plane()[2]["jobs"]))
        self.assertIn("result.json: /trajectory: is missing", self.refused("plane", figure="paths", draw={}))
        self.assertIn("/jobs/0/spec/at: must be", self.refused("plane", figure="flow", draw={}))

    def test_a_file_that_is_no_table_is_named_with_its_line(self):
        def rewritten(data):
            def f(folder):
                with open(os.path.join(folder, "measurements.csv"), "wb") as file:
                    file.write(data)
                with open(os.path.join(folder, "manifest.json")) as file:
                    manifest = json.load(file)
                manifest["files"]["measurements.csv"] = hashlib.sha256(data).hexdigest()
                with open(os.path.join(folder, "manifest.json"), "w") as file:
                    json.dump(manifest, file)
            return f

        head = b"series,seed,x,measure,value,error\n"
        for data, says in ((b"", "line 1"), (b"a,b\n", "line 1"), (head + b"a,0,1\n", "line 2: has 3 fields of 6"),
                           (b"\xff", "is no CSV"), (head + b"a,0,1,error,much,\n", "line 2: value must be a number"),
                           (head + b"a,0,1,error,nan,\n", "line 2: value must be a number")):
            self.assertIn(says, self.refused(break_it=rewritten(data), draw={"x": "x"}))


class Program(Folder):
    def test_lml_plot_writes_the_figure_into_the_folder_and_refuses_with_status_2(self):
        folder = self.run_folder("dots")
        done = subprocess.run([PROGRAM, "plot", folder], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.split()), (0, [folder + "/figure.svg", folder + "/figure.png"]), done.stderr)
        done = subprocess.run([PROGRAM, "plot", folder, "--out", self.root + "/f.gif"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
        self.run_folder("dots", complete=False)
        done = subprocess.run([PROGRAM, "plot", folder, "--out", self.root + "/f.svg"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
        self.assertEqual(os.listdir(self.root), ["run"])

    def test_the_version_known_here_is_the_programs(self):
        version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True).stdout
        self.assertEqual(re.search(r"(\d+)\.(\d+)\.(\d+)", version).groups(), tuple(map(str, measurements.VERSION)))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        os.makedirs(BASELINE, exist_ok=True)
        with tempfile.TemporaryDirectory() as root:
            for case in CASES:
                data = plot.render(drawn(write_folder(os.path.join(root, case), case)), ".png", dpi=DOTS_AN_INCH)
                with open(os.path.join(BASELINE, case + ".png"), "wb") as f:
                    f.write(data)
        with open(os.path.join(BASELINE, "matplotlib"), "w") as f:
            f.write(matplotlib.__version__ + "\n")
        sys.exit()
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
