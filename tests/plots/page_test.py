"""The report in a browser: what a reader sees, does and is read out. Ends with 3 where no browser is here.

    page_test.py PROGRAM"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "plots")]
import browser as browsers  # noqa: E402
from report import material, page  # noqa: E402

PROGRAM, BROWSER, PAGE = "", None, ""
GIF = os.path.join(HERE, "baseline", "moving.gif")
ALL = "document.head.append(Object.assign(document.createElement('style'), {textContent: '.claim{content-visibility:visible}'}))"
CONTRAST = """(() => {
  const part = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const numbers = c => c.match(/[\\d.]+/g).map(Number);
  const behind = e => {
    for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
    return [255, 255, 255];
  };
  const bad = new Map();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement;
    if (!n.textContent.trim() || e.closest('script, option') || !e.getClientRects().length) continue;
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.set(e.className + ' ' + e.tagName, ratio);
  }
  return [...bad];
})()"""
ROWS = "[...document.querySelectorAll('#table tbody tr')].filter(r => !r.hidden)"
REST = "new Promise(done => setTimeout(done, 400))"


def setting(name, value):
    """Sets a control of the interactive part as a hand does."""
    return ("(() => { const c = document.querySelector('.play [name=%s]'); c.value = %s;"
            " c.dispatchEvent(new Event('input', {bubbles: true})); })()") % (name, json.dumps(value))


class Open(unittest.TestCase):
    def open(self, **options):
        BROWSER.problems.clear()
        BROWSER.open(PAGE, **options)

    def tearDown(self):
        self.assertEqual(BROWSER.problems, [])


class Layout(Open):
    def test_nothing_is_wider_than_a_phone_or_any_other_screen(self):
        for width in (320, 375, 768, 1280, 1920):
            self.open(width=width)
            BROWSER.run(ALL)
            with self.subTest(width=width):
                self.assertLessEqual(BROWSER.run("document.documentElement.scrollWidth"), width)

    def test_the_answer_is_in_the_first_screen(self):
        self.open(width=1280, height=800)
        below = BROWSER.run("[...document.querySelectorAll('.lead, .columns, .columns li')].filter("
                            "e => e.getBoundingClientRect().bottom > innerHeight).map(e => e.textContent)")
        self.assertEqual(below, [])
        self.open(width=375, height=800)
        self.assertLess(BROWSER.run("document.querySelector('.lead').getBoundingClientRect().bottom"), 800)

    def test_nothing_moves_under_the_reader(self):
        for width in (375, 1280):
            self.open(width=width)
            BROWSER.run("(async () => { for (let y = 0; y < 8000; y += 400) { scrollTo(0, y);"
                        " await new Promise(r => setTimeout(r, 50)); } })()")
            with self.subTest(width=width):
                self.assertLess(BROWSER.run("shifts"), 0.01)

    def test_text_stands_out_in_light_and_dark(self):
        for dark in (False, True):
            self.open(dark=dark)
            BROWSER.run(ALL)
            with self.subTest(dark=dark):
                self.assertEqual(BROWSER.run(CONTRAST), [])

    def test_dark_is_dark(self):
        self.open(dark=True)
        self.assertLess(BROWSER.run("+getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"), 60)

    def test_on_paper_the_folds_are_open_and_the_controls_gone(self):
        self.open(media="print")
        BROWSER.run("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(BROWSER.run("document.querySelectorAll('details:not([open], .long)').length"), 0)
        self.assertEqual(BROWSER.run("getComputedStyle(document.querySelector('.filter')).display"), "none")
        BROWSER.run("dispatchEvent(new Event('afterprint'))")
        self.assertGreater(BROWSER.run("document.querySelectorAll('details:not([open], .long)').length"), 0)


class Motion(Open):
    SHOWN = "document.querySelector('picture img').currentSrc.slice(5, 14)"

    def press(self):
        BROWSER.run("document.querySelector('button.stop').click()")
        BROWSER.run(REST)
        return BROWSER.run("document.querySelector('button.stop').textContent")

    def test_a_figure_moves_until_it_is_stopped(self):
        self.open()
        BROWSER.run("document.getElementById('others').scrollIntoView()")
        BROWSER.run(REST)
        self.assertEqual(BROWSER.run(self.SHOWN), "image/gif")
        self.assertEqual((self.press(), BROWSER.run(self.SHOWN)), ("Play", "image/svg"))
        self.assertTrue(BROWSER.run("document.querySelector('picture img').naturalWidth"))
        self.assertEqual((self.press(), BROWSER.run(self.SHOWN)), ("Stop", "image/gif"))

    def test_where_less_motion_is_asked_for_it_moves_only_when_told(self):
        self.open(still=True)
        BROWSER.run("document.getElementById('others').scrollIntoView()")
        BROWSER.run(REST)
        self.assertEqual(BROWSER.run(self.SHOWN), "image/svg")
        self.assertEqual((self.press(), BROWSER.run(self.SHOWN)), ("Stop", "image/gif"))


class Structure(Open):
    def test_every_link_leads_somewhere_and_no_name_is_given_twice(self):
        self.open()
        self.assertEqual(BROWSER.run("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
                                     ".filter(h => h[0] !== '#' || !document.getElementById(h.slice(1)))"), [])
        self.assertEqual(BROWSER.run("(() => { const all = [...document.querySelectorAll('[id]')].map(e => e.id);"
                                     " return all.filter((x, i) => all.indexOf(x) < i); })()"), [])

    def test_a_reader_that_does_not_see_gets_all_of_it(self):
        self.open()
        nameless = BROWSER.run(
            "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length && !e.ariaLabel).map(e => e.outerHTML)"
            ".concat([...document.querySelectorAll('img, canvas')].filter(e => !e.alt && !e.ariaLabel).map(e => e.id))")
        self.assertEqual(nameless, [])
        levels = BROWSER.run("[...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])")
        self.assertEqual([(a, b) for a, b in zip(levels, levels[1:]) if b > a + 1], [])
        unreachable = BROWSER.run("[...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
                                  "['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.tabIndex < 0).map(e => e.outerHTML.slice(0, 80))")
        self.assertEqual(unreachable, [])
        self.assertEqual(BROWSER.run("document.documentElement.lang"), "en")

    def test_the_first_key_leads_past_the_top(self):
        self.open()
        BROWSER.press("Tab")
        self.assertEqual(BROWSER.run("document.activeElement.getAttribute('href')"), "#verdicts")

    def test_formulas_are_drawn(self):
        self.open()
        BROWSER.run("document.querySelector('math').scrollIntoView()")
        self.assertGreater(BROWSER.run("document.querySelector('math msup').getBoundingClientRect().height"), 8)


class Table(Open):
    def verdicts(self):
        return BROWSER.run(ROWS + ".map(r => r.dataset.verdict)")

    def test_it_sorts_both_ways_from_the_keyboard_and_says_so(self):
        self.open()
        before = self.verdicts()
        BROWSER.run("document.querySelector('#table thead button').focus()")
        for direction, order in (("ascending", 1), ("descending", -1)):
            BROWSER.press("Enter", text="\r")
            self.assertEqual(BROWSER.run("document.activeElement.closest('th').getAttribute('aria-sort')"), direction)
            rank = {"refuted": 0, "inconclusive": 1, "supported": 2, "not_run": 3}
            self.assertEqual(self.verdicts(), sorted(before, key=lambda v: order * rank[v]))
            self.assertNotEqual(self.verdicts(), before)
        BROWSER.run("document.querySelectorAll('#table thead button')[1].click()")
        self.assertEqual(self.verdicts(), before)  # the paper's order
        self.assertEqual(BROWSER.run("document.querySelectorAll('[aria-sort]').length"), 1)

    def test_it_filters_by_word_part_and_verdict_and_says_how_many_are_left(self):
        self.open()
        whole = len(self.verdicts())
        BROWSER.run("(() => { const t = document.querySelector('[name=text]'); t.value = 'chi-squared'; t.form.dispatchEvent("
                    "new Event('input')); })()")
        some = BROWSER.run(ROWS + ".map(r => r.textContent.toLowerCase())")
        self.assertTrue(0 < len(some) < whole and all("chi-squared" in r for r in some))
        self.assertEqual(BROWSER.run("document.querySelector('.filter output').textContent"), "%d of %d" % (len(some), whole))
        BROWSER.run("document.querySelector('.filter').reset();"
                    "document.querySelector('[name=verdict][value=refuted]').click()")
        self.assertEqual(set(self.verdicts()), {"supported", "not_run"})
        BROWSER.run("(() => { const p = document.querySelector('[name=part]'); p.selectedIndex = 3; p.form.dispatchEvent("
                    "new Event('input')); })()")
        self.assertTrue(0 < len(self.verdicts()) < whole)
        self.assertEqual(BROWSER.run("new Set(%s.map(r => r.dataset.part)).size" % ROWS), 1)


class Mixture(Open):
    SPEC = ["--set", 'target={"kind":"gaussian_mixture","weights":[0.5,0.3,0.2],"means":[[-1,-0.5],[1,-0.5],[0,1]],'
            '"covariances":[0.04,0.04,0.04]}']
    TIME = ["--set", "alpha=0.8", "--set", "sigma=0.6"]

    def lml(self, *arguments):
        return json.loads(subprocess.run([PROGRAM, *arguments, "--json"], capture_output=True, check=True).stdout)

    def test_its_law_is_that_of_lml_stationary(self):
        self.open()
        metric = 'metric={"curvature":"exact","damping":3}'
        asked = self.lml("stationary", *self.SPEC, *self.TIME, "--set", metric, "--set", "calculus=ito")
        found = BROWSER.run("(({totalVariation, secondMoment}) => [totalVariation, secondMoment])("
                            "lmlMixture.stationary({curvature: 'exact', lambda: 3, calculus: 'ito'}))")
        mean, spread = asked["moments"]["mean"], asked["moments"]["covariance"]
        # Second order in a cell of 1/9: what is left is below 1% (0.3% in total variation, 0.06% in the moment).
        self.assertAlmostEqual(found[0] / asked["total_variation"], 1, delta=0.01)
        self.assertAlmostEqual(found[1] / (sum(m * m for m in mean) + spread[0][0] + spread[1][1]), 1, delta=0.01)

    def test_its_gap_is_that_of_lml_gap(self):
        self.open()
        asked = self.lml("gap", *self.SPEC, *self.TIME, "--set", 'metric={"curvature":"exact","damping":3}')["gap"]
        self.assertAlmostEqual(BROWSER.run("lmlMixture.gap({curvature: 'exact', lambda: 3})") / asked, 1, delta=0.01)

    def test_its_sampler_is_that_of_lml_sample(self):
        self.open()
        for steps in (8, 20):
            spec = self.SPEC + ["--set", 'schedule={"name":"linear","beta_start":1e-4,"beta_end":0.02}', "--set",
                                'sampler={"name":"ddim","timesteps":%s}' % BROWSER.run("lmlMixture.times(%d)" % steps), "--set",
                                "start=[[1,0.5]]"]
            for kappa, lml in ((0, []), (0.001, ["--set", 'lml={"form":"stable","kappa":0.001,"lambda":0.002}'])):
                asked = self.lml("sample", *spec, *lml)["samples"][0]
                found = BROWSER.run("lmlMixture.sample([1, 0.5], %d, %g, 0.002).at(-1)" % (steps, kappa))
                for a, b in zip(found, asked):
                    self.assertAlmostEqual(a, b, delta=1e-12)

    def test_its_chain_has_the_moment_of_its_law_at_a_small_step(self):
        self.open()
        law = "{curvature: 'rank_one', lambda: 3, calculus: 'ito'}"
        mean, error, moment = BROWSER.run("(() => { const c = lmlMixture.chain(%s, 0.06, 1000, 200), s = lmlMixture.stationary(%s);"
                                          " return [c.mean, c.error, s.secondMoment]; })()" % (law, law))
        self.assertLess(abs(mean - moment), 4 * error + 0.02 * moment)  # a fixed stream, and the step's own bias

    def test_it_answers_to_its_controls(self):
        self.open()
        BROWSER.run("document.getElementById('try').scrollIntoView()")
        law = "document.getElementById('law-status').textContent"
        for name, value, says in (("calculus", "corrected", "The law is p."), ("curvature", "exact", "The law is p."),
                                  ("lambda", 0, "No law"), ("lambda", 1, "The law is p."), ("calculus", "ito", "% off p")):
            BROWSER.run(setting(name, value))
            BROWSER.run("(async () => { for (let i = 0; i < 200 && !%s.includes(%s); ++i) await %s; })()" % (law, json.dumps(says), REST))
            self.assertIn(says, BROWSER.run(law))
        beta = "document.getElementById('corrected-error').textContent"
        before = BROWSER.run(beta)
        BROWSER.run("document.querySelector('[data-beta=\"30\"]').click()")
        BROWSER.run(REST)
        self.assertNotEqual(BROWSER.run(beta), before)
        self.assertGreater(float(BROWSER.run(beta)), 2)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    found = browsers.find()
    if not found:
        print("the report's page is tested in a browser, which is not here:  sudo apt-get install -y chromium")
        sys.exit(3)
    with tempfile.TemporaryDirectory() as folder:
        PAGE = os.path.join(folder, "report.html")
        kept = material.of_repository()
        still = os.path.join(folder, "still.svg")
        with open(still, "w", encoding="utf-8") as f:
            f.write('<svg xmlns="http://www.w3.org/2000/svg" width="66pt" height="33pt"><path d="M 0 0 L 66 33" '
                    'style="stroke: #d55e00; stroke-dasharray: 3.6, 1.2, 1.2"/></svg>')
        kept.experiments = [{"experiment": "a-wide-one", "title": "A wide figure", "claims": ["prop3-exact", "prop3-scaled"],
                             "images": [os.path.join(HERE, "..", "..", "plots", "gallery", "error-against-evaluations.png")]},
                            {"experiment": "one-that-moves", "title": "It moves", "claims": [], "moving": GIF,
                             "images": [still]}]
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(page.text(kept))
        BROWSER = browsers.Browser(found)
        try:
            passed = unittest.main(exit=False).result.wasSuccessful()
        finally:
            BROWSER.close()
    sys.exit(not passed)
