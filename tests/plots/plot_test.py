"""Figures: what is drawn where, and what is refused how. Ends with 3 where matplotlib is not here.

    plot_test.py PROGRAM"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

PLOTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "plots")
sys.dont_write_bytecode = True
sys.path.insert(0, PLOTS)
import plot  # noqa: E402

plot.require_matplotlib()
import numpy as np  # noqa: E402
import result as results  # noqa: E402

PROGRAM = ""  # path of lml
INF = "inf"


def flow(**changes):
    times = [0, 0.5, 1, 2, 4]
    out = {"exists": True, "unique": True, "method": "spectral elements", "gap": 0.5, "times": times,
           "chi2": [float(0.4 * np.exp(-1.1 * t)) for t in times], "kl": [0] * 5, "error_estimate": 1e-9,
           "chi2_bound": [float(0.4 * np.exp(-t)) for t in times]}
    out.update(changes)
    return {k: v for k, v in out.items() if v is not None}


def law(**changes):
    x = np.linspace(-6, 6, 121)
    out = {"exists": True, "target_moments": {}, "chi2": 0.1, "kl": 0.05, "total_variation": 0.1,
           "error_estimate": 1e-9,
           "x": x.tolist(), "density": np.exp(-x**2).tolist(),
           "target_density": np.exp(-x**2 / 2).tolist()}
    out.update(changes)
    return {k: v for k, v in out.items() if v is not None}


def plane(turned=False):
    x, y = np.linspace(-5, 5, 40), np.linspace(-4, 4, 30)
    u, v = np.meshgrid(x, y)
    p, q = np.exp(-u**2 / 2 - v**2), np.exp(-u**2 - v**2)
    if turned:
        x, y = 0.8 * u - 0.6 * v, 0.6 * u + 0.8 * v
    return law(x=x.tolist(), y=y.tolist(), density=q.tolist(), target_density=p.tolist())


def comparison(**changes):
    def runs(label, lml, beta, order):
        return [{"label": label, "lml": lml, "beta": beta, "steps": n, "nfe": 2 * n, "error": (0.5 if lml else 1) / n**order,
                 "standard_error": 0.1 / n, "median": 0.5 / n, "reference_error": 1e-9} for n in (5, 10, 20)]

    stable = [{"form": "stable", "kappa": 0.001, "lambda": 0.002 / b} for b in (0.5, 1)]
    out = {"samples": 50, "dim": 2, "reference_error": 1e-9, "runs": []}
    for label, order in (("ddim", 1), ("heun", 2), ("dpm_solver++ solver_order=3 lower_order_final=false", 3)):
        out["runs"] += runs(label, None, None, order)
        for lml, beta in zip(stable, (0.5, 1)):
            out["runs"] += runs(label, lml, beta, order)
    out.update(changes)
    return out


def drawn(document):
    return plot.draw(results.Result("r.json", document))[1]


def by_gid(figure, gid):
    return [a for a in figure.findobj(lambda a: a.get_gid() == gid)]


def legend(figure):
    return [t.get_text() for t in figure.axes[0].get_legend().get_texts()]


class Convergence(unittest.TestCase):
    def test_what_was_computed_is_what_is_drawn(self):
        document = flow()
        figure = drawn(document)
        (curve,), (rate,) = by_gid(figure, "chi2"), by_gid(figure, "claimed-rate")
        np.testing.assert_array_equal(curve.get_data(), (document["times"], document["chi2"]))
        np.testing.assert_array_equal(rate.get_data(), (document["times"], document["chi2_bound"]))
        self.assertNotEqual(curve.get_linestyle(), rate.get_linestyle())  # told apart in grey
        self.assertEqual(figure.axes[0].get_yscale(), "log")

    def test_times_in_any_order_give_the_same_curve(self):
        document, shuffled = flow(), flow()
        for key in ("times", "chi2", "chi2_bound"):
            shuffled[key] = [document[key][i] for i in (3, 0, 4, 1, 2)]
        self.assertEqual(by_gid(drawn(shuffled), "chi2")[0].get_ydata().tolist(), document["chi2"])

    def test_axes_have_quantity_and_unit_and_the_legend_the_error(self):
        figure = drawn(flow())
        self.assertIn("time", figure.axes[0].get_xlabel())
        self.assertIn("chi", figure.axes[0].get_ylabel())
        for label in (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()):
            self.assertIn("(dimensionless)", label)
        self.assertIn("error estimate", legend(figure)[0])
        self.assertIn("gap = 0.5", legend(figure)[1])
        self.assertIn("gap 0.5", by_gid(figure, "caption")[0].get_text().replace("\n", " "))

    def test_an_infinite_start_is_marked_and_leaves_the_slope_of_the_claimed_rate(self):
        document = flow(chi2_bound=[INF] * 5)
        document["chi2"][0] = INF
        figure = drawn(document)
        self.assertEqual([m.get_xdata()[0] for m in by_gid(figure, "infinite")], [0])
        (rate,) = by_gid(figure, "claimed-rate")
        (t0, t1), (v0, v1) = rate.get_data()
        self.assertEqual((t0, v0), (0.5, document["chi2"][1]))
        self.assertAlmostEqual(np.log(v1 / v0) / (t1 - t0), -2 * document["gap"], places=12)

    def test_the_axis_keeps_to_what_chi2_reaches(self):
        figure = drawn(flow(chi2=[1, 0.2, 0.1, 0.09, 0.09], chi2_bound=[1, 1e-5, 1e-30, 1e-200, 0]))
        self.assertGreater(figure.axes[0].get_ylim()[0], 1e-4)

    def test_below_the_error_estimate_is_shown_as_such(self):
        figure = drawn(flow(chi2=[1, 1e-4, 1e-9, 1e-20, 0], error_estimate=1e-9))
        self.assertEqual(len(by_gid(figure, "unresolved")), 1)
        self.assertGreater(figure.axes[0].get_ylim()[0], 1e-10)
        self.assertEqual(by_gid(drawn(flow()), "unresolved"), [])


class Comparison(unittest.TestCase):
    def test_every_run_is_drawn_in_the_panel_of_its_sampler(self):
        document = comparison()
        figure = drawn(document)
        self.assertEqual(len(figure.axes), 3)
        self.assertEqual([t.get_text() for t in by_gid(figure, "sampler")], ["ddim", "heun", "dpm_solver++, order 3"])
        for gid, first in (("base", 0), ("corrected-0", 3), ("corrected-1", 6)):
            for panel, curve in enumerate(by_gid(figure, gid)):
                runs = document["runs"][9 * panel + first:9 * panel + first + 3]
                np.testing.assert_array_equal(curve.get_data(), ([r["nfe"] for r in runs], [r["error"] for r in runs]))
                self.assertIs(curve.axes, figure.axes[panel])

    def test_curves_are_told_apart_in_grey_and_have_names(self):
        figure = drawn(comparison())
        curves = [by_gid(figure, g)[0] for g in ("base", "corrected-0", "corrected-1")]
        self.assertEqual(len({c.get_marker() for c in curves}), 3)
        names = [t.get_text() for t in figure.legends[0].get_texts()]
        self.assertEqual(names[0], "no correction")
        self.assertIn("0.5", names[1])
        self.assertEqual(len(names), 3)

    def test_axes_are_logarithmic_shared_and_named_and_the_caption_has_the_starts_and_the_errors(self):
        figure = drawn(comparison())
        for axes in figure.axes:
            self.assertEqual((axes.get_xscale(), axes.get_yscale()), ("log", "log"))
            self.assertEqual(axes.get_ylim(), figure.axes[0].get_ylim())
        self.assertIn("error", figure.axes[0].get_ylabel())
        self.assertIn("evaluations", figure.axes[0].get_xlabel())
        caption = by_gid(figure, "caption")[0].get_text().replace("\n", " ")
        self.assertIn("50 starts", caption)
        self.assertIn("1.0e−09", caption)

    def test_a_reference_slope_has_its_order(self):
        figure = drawn(comparison())
        for order in (1, 2, 3):
            for line in by_gid(figure, "slope-%d" % order):
                x, y = np.log(line.get_data())
                self.assertAlmostEqual((y[1] - y[0]) / (x[1] - x[0]), -order, places=9)
        self.assertEqual(len(by_gid(figure, "slope-1")), 3)

    def test_what_is_no_comparison_is_refused_by_its_place(self):
        def refused(change):
            document = comparison()
            change(document)
            with self.assertRaises(results.ResultError) as caught:
                drawn(document)
            return str(caught.exception)

        def of_run(key, value):
            return lambda d: d["runs"][4].update({key: value})

        for change, place in (
                (lambda d: d.update(runs=[]), "/runs: "), (lambda d: d["runs"].__setitem__(4, 3), "/runs/4: "),
                (of_run("nfe", 0), "/runs/4/nfe: "), (of_run("error", INF), "/runs/4/error: "),
                (of_run("error", -1), "/runs/4/error: "), (of_run("standard_error", None), "/runs/4/standard_error: "),
                (of_run("label", 3), "/runs/4/label: "), (of_run("lml", 3), "/runs/4/lml: "),
                (of_run("beta", None), "/runs/4/beta: "), (lambda d: d.update(samples=0), "/samples: "),
                (lambda d: d.update(runs=d["runs"][3:]), "/runs: has no run of ddim without correction"),
                (lambda d: [r.update(error=0) for r in d["runs"]], "/runs: no figure")):
            with self.subTest(place=place):
                self.assertIn(place, refused(change))


class Law(unittest.TestCase):
    def test_law_and_target_are_drawn_as_computed(self):
        document = law()
        figure = drawn(document)
        (q,), (p,) = by_gid(figure, "law"), by_gid(figure, "target")
        np.testing.assert_array_equal(q.get_data(), (document["x"], document["density"]))
        np.testing.assert_array_equal(p.get_data(), (document["x"], document["target_density"]))
        self.assertNotEqual(q.get_linestyle(), p.get_linestyle())
        self.assertLess(figure.axes[0].get_xlim()[1], 4)  # where the density is 1e-3 of its highest value, not 6

    def test_both_densities_of_the_plane_have_one_scale(self):
        for turned in (False, True):
            document = plane(turned)
            figure = drawn(document)
            (q,), (p,) = by_gid(figure, "stationary"), by_gid(figure, "target")
            np.testing.assert_array_equal(q.get_array().ravel(), np.ravel(document["density"]))
            np.testing.assert_array_equal(p.get_array().ravel(), np.ravel(document["target_density"]))
            self.assertEqual(q.get_clim(), p.get_clim())
            self.assertEqual(q.get_clim()[0], 0)


class Refusals(unittest.TestCase):
    def refused(self, document):
        with self.assertRaises(results.ResultError) as caught:
            drawn(json.loads(json.dumps(document)))
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_the_place_is_named(self):
        for document, place in (
                ({}, "/: "), ({"claims": []}, "/: "), (flow(times=None), "/times: is missing"),
                (flow(gap=None), "/gap: is missing"), (flow(gap=INF), "/gap: "), (flow(gap=-1), "/gap: "),
                (flow(gap=True), "/gap: "), (flow(chi2=[1, 2]), "/chi2: has 2 numbers for 5 times"),
                (flow(times=[0, 1, INF, 3, 4]), "/times/2: "), (flow(times=[0, -1, 2, 3, 4]), "/times/1: "),
                (flow(chi2=[1, "-inf", 1, 1, 1]), "/chi2/1: "), (flow(chi2=[1, None, 1, 1, 1]), "/chi2/1: "),
                (flow(chi2=[INF] * 5), "/chi2: no figure"), (flow(chi2=[1e-10] * 5), "/chi2: no figure"),
                (flow(chi2=[[1]] * 5), "/chi2/0: "), (flow(chi2=[]), "/chi2: "), (flow(chi2="../chi2.npy"), "/chi2: "),
                (flow(chi2=[10**400] * 5), "/chi2/0: "), (flow(exists=False, why="because"), "/exists: "),
                (law(x=None), "/x: is missing"), (law(density=None), "/density: is missing"),
                (law(density=[0] * 121), "/density: is 0"), (law(density=[-1] + [1] * 120), "/density/0: "),
                (law(density=[INF] + [1] * 120), "/density/0: "), (law(x=[0] * 121), "/x: must rise"),
                (law(x=["-inf"] + [0] * 120), "/x/0: "),
                (law(target_density=[1]), "/target_density: has 1 numbers for 121 places")):
            with self.subTest(place=place):
                self.assertIn(place, self.refused(document))

    def test_shapes_of_the_plane_must_fit(self):
        document = plane()
        document["density"][3] = [1]
        self.assertIn("/density/3: ", self.refused(document))
        document = plane()
        document["target_density"].pop()
        self.assertIn("/target_density: ", self.refused(document))
        document = plane()
        document["x"].pop()
        self.assertIn("/x: ", self.refused(document))


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else json.dumps(content).encode())
        return self.path(name)

    def results(self, document, command="converge"):
        self.write("run/manifest.json",
                   {"command": command, "spec": {"target": "a_target", "times": [0]}, "version": "1"})
        self.write("run/result.json", document)


class Files(Folder):
    def refused(self, name):
        with self.assertRaises(results.ResultError) as caught:
            plot.draw(results.read(self.path(name)))
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_large_arrays_are_read_from_their_files(self):
        document = plane()
        self.results(document, "stationary")
        np.save(self.path("run/density.npy"), np.array(document["density"]))
        self.write("run/result.json", dict(document, density="density.npy"))
        figure = plot.draw(results.read(self.path("run")))[1]
        (q,) = by_gid(figure, "stationary")
        np.testing.assert_array_equal(q.get_array().ravel(), np.ravel(document["density"]))
        with open(self.path("run/density.npy"), "rb") as f:
            whole = f.read()
        for broken in (b"", whole[:50], whole[:-8], whole.replace(b"(30, 40)", b"(3000000000, 40)"),
                       whole.replace(b"<f8", b"|O8"), whole.replace(b"<f8", b"<i8")):
            self.write("run/density.npy", broken)
            self.assertIn("density.npy: ", self.refused("run"))
        os.remove(self.path("run/density.npy"))
        self.assertIn("density.npy: No such file", self.refused("run"))

    def test_files_that_are_no_results(self):
        whole = json.dumps(flow()).encode()
        for content, says in ((b"", "no JSON"), (whole[:-40], "cut short"), (b"PK\x03\x04", "no JSON"),
                              (b"\xff", "UTF-8"), (b'{"a":1,"a":2}', "twice"), (b'{"gap":NaN}', "NaN"),
                              (b"[" * 100000, "no JSON"),
                              (b"[1]", "must be an object"), (b"{}", "no result"), (whole + b"x", "no JSON")):
            with self.subTest(content=content[:20]):
                self.write("r.json", content)
                message = self.refused("r.json")
                self.assertTrue(message.startswith(self.path("r.json") + ": "), message)
                self.assertIn(says, message)

    def test_folders_that_are_no_results(self):
        self.assertIn("none.json: No such file", self.refused("none.json"))
        os.makedirs(self.path("run"))
        self.assertIn("manifest.json", self.refused("run"))
        self.write("run/manifest.json", {"command": "gap", "spec": {}, "version": "1"})
        self.assertIn("result.json", self.refused("run"))
        self.write("run/result.json", {"gap": 1})
        self.assertIn("lml gap", self.refused("run"))
        self.write("run/manifest.json", {"command": 1})
        self.assertIn("manifest.json: /command: ", self.refused("run"))


class Program(Folder):
    def lml(self, *arguments, **options):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, cwd=self.folder.name, **options)

    def refused(self, *arguments, status=2, **options):
        before = sorted(os.listdir(self.folder.name))
        done = self.lml("plot", *arguments, **options)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (status, "", 1), done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder.name)), before)
        return done.stderr

    def test_a_folder_gets_a_vector_figure_and_an_image_with_the_command_under_it(self):
        self.results(flow())
        done = self.lml("plot", "run")
        self.assertEqual((done.returncode, done.stdout), (0, "run/convergence.svg\nrun/convergence.png\n"), done.stderr)
        with open(self.path("run/convergence.svg"), encoding="utf-8") as f:
            text = f.read()
        ElementTree.fromstring(text)
        for gid in ("chi2", "claimed-rate", "error-band", "caption"):
            self.assertEqual(len(re.findall('id="%s"' % gid, text)), 1)
        self.assertIn("lml converge target=a_target. gap 0.5", text)
        with open(self.path("run/convergence.png"), "rb") as f:
            header = f.read(24)
        self.assertEqual(header[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(int.from_bytes(header[16:20], "big"), 1020)  # a column of 3.4 inches at 300 dots an inch
        self.assertEqual(sorted(os.listdir(self.path("run"))),
                         ["convergence.png", "convergence.svg", "manifest.json", "result.json"])

    def test_the_same_result_gives_the_same_bytes(self):
        for suffix in plot.SUFFIXES:
            self.assertEqual(plot.render(drawn(flow()), suffix), plot.render(drawn(flow()), suffix))

    def test_a_document_of_its_own_and_standard_input(self):
        self.write("mine.json", law())
        self.assertEqual(self.lml("plot", "mine.json").stdout, "mine.svg\nmine.png\n")
        done = self.lml("plot", "-", "--out", "o.pdf", input=json.dumps(flow()))
        self.assertEqual((done.returncode, done.stdout), (0, "o.pdf\n"), done.stderr)

    def test_what_the_commands_write_is_what_the_figures_read(self):
        well = [a for v in ("target=double_well_1d", "alpha=0.8", "sigma=0.6", 'metric={"curvature":"identity"}',
                            "calculus=corrected") for a in ("--set", v)]
        start = 'initial={"kind":"gaussian_mixture","weights":[1],"means":[[0.5]],"covariances":[0.25]}'
        samplers = [a for v in ("target=double_well_1d", 'samplers=[{"name":"ddim"}]', "steps=[5,10]", "samples=8",
                                'schedule={"name":"linear","beta_start":1e-4,"beta_end":0.02}',
                                'lml=[{"form":"stable","kappa":0.5,"lambda":1},{"form":"adaptive"},'
                                '{"form":"exact_fisher","lambda":1000}]') for a in ("--set", v)]
        for command, spec in (("stationary", well), ("converge", well + ["--set", "times=[0,1,2]", "--set", start]),
                              ("compare", samplers)):
            done = self.lml(command, *spec, "--out", command)
            self.assertEqual(done.returncode, 0, done.stderr)
            done = self.lml("plot", command)
            self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 2), done.stderr)

    def test_bad_input_is_one_line_and_status_2_and_leaves_nothing(self):
        self.write("r.json", json.dumps(flow())[:-40].encode())
        self.assertEqual(self.refused("r.json"), "r.json: is cut short\n")

    def test_places_that_cannot_be_written(self):
        self.write("r.json", flow())
        self.assertIn(".svg, .pdf or .png", self.refused("r.json", "--out", "o.gif"))
        self.assertIn("cannot be written", self.refused("r.json", "--out", "nowhere/o.svg"))
        os.makedirs(self.path("o.svg"))
        self.assertIn("cannot be written", self.refused("r.json", "--out", "o.svg"))

    def test_without_matplotlib_the_status_is_3_and_says_how_to_get_it(self):
        hidden = "import importlib.util as u, sys; u.find_spec = lambda n: None; " \
                 "sys.executable = '/usr/bin/python3'; sys.path.insert(0, %r); import plot; plot.require_matplotlib()" % PLOTS
        done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn("python3-matplotlib", done.stderr)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
