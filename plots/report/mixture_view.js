// Controls and drawings of the part to play with; the numbers are lmlMixture's.
'use strict';
(() => {
  const byId = id => document.getElementById(id), M = lmlMixture;
  const law = byId('law'), sampler = byId('sampler');
  if (!law) return;
  const brief = v => v === 0 ? '0' : Math.abs(v) >= 0.001 && Math.abs(v) < 1e5 ? String(+v.toPrecision(3)) :
    v.toExponential(1).replace('-', '−');
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const exponent = (form, name) => 10 ** form.elements[name].value;
  const BOX = 3;  // half the width of the drawings

  function tell(form, name, value) {
    form.querySelector(`output[for=${name}]`).textContent = value;
    form.elements[name].setAttribute('aria-valuetext', value);
  }

  // A density as shades of one colour, `top` being full.
  function shade(canvas, density, n, box, top) {
    const context = canvas.getContext('2d'), size = canvas.width, image = context.createImageData(size, size);
    const [r, g, b] = colour('--mark').match(/\w\w/g).map(h => parseInt(h, 16));
    for (let j = 0; j < size; ++j)
      for (let i = 0; i < size; ++i) {
        // Between the four nearest cells.
        const fx = ((2 * (i + 0.5) / size - 1) * BOX + box) * n / (2 * box) - 0.5;
        const fy = ((1 - 2 * (j + 0.5) / size) * BOX + box) * n / (2 * box) - 0.5;
        const x = Math.floor(fx), y = Math.floor(fy), u = fx - x, v = fy - y, c = x + n * y;
        const value = (1 - v) * ((1 - u) * density[c] + u * density[c + 1]) + v * ((1 - u) * density[c + n] + u * density[c + n + 1]);
        image.data.set([r, g, b, 255 * Math.min(1, value / top)], 4 * (j * size + i));
      }
    context.putImageData(image, 0, 0);
  }

  function lines(canvas, points, stroke, width, dash = []) {
    const context = canvas.getContext('2d'), scale = Math.min(canvas.width, canvas.height) / (2 * BOX);
    context.beginPath();
    for (const [x, y] of points) context.lineTo(canvas.width / 2 + scale * x, canvas.height / 2 - scale * y);
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke();
  }
  function dots(canvas, points, radius, fill, stroke) {
    const context = canvas.getContext('2d'), scale = Math.min(canvas.width, canvas.height) / (2 * BOX);
    context.setLineDash([]);
    for (const [x, y] of points) {
      context.beginPath();
      context.arc(canvas.width / 2 + scale * x, canvas.height / 2 - scale * y, radius, 0, 7);
      if (fill) { context.fillStyle = fill; context.fill(); }
      if (stroke) { context.strokeStyle = stroke; context.lineWidth = 1.5; context.stroke(); }
    }
  }

  function drawLaw() {
    const chosen = {curvature: law.elements.curvature.value, calculus: law.elements.calculus.value, lambda: exponent(law, 'lambda')};
    const found = M.stationary(chosen), critical = M.criticalDamping();
    byId('critical').textContent = brief(critical);
    for (const id of ['target-moment', 'law-moment', 'chain-moment', 'law-tv', 'law-gap']) byId(id).textContent = '–';
    const canvas = byId('canvas-q');
    if (!found.exists) {
      canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
      byId('law-status').textContent = 'No law: at λ below λ* = ' + brief(critical) + ' D is not positive between the modes.';
      canvas.setAttribute('aria-label', 'no law');
      return;
    }
    // In units in which damped dynamics are as fast as plain ones.
    const step = exponent(law, 'step'), unit = chosen.curvature === 'identity' ? 1 : chosen.lambda, top = Math.max(...found.p);
    const ends = M.chain(chosen, step * unit, 300, Math.min(300, Math.ceil(8 / step)));
    shade(byId('canvas-p'), found.p, found.n, found.box, top);
    shade(canvas, found.q, found.n, found.box, top);
    lines(canvas, ends.path.slice(0, 120), colour('--other'), 1);
    dots(canvas, ends.points, 1.3, colour('--ink'));
    const stable = Number.isFinite(ends.mean) && ends.mean < 1e3;
    byId('target-moment').textContent = brief(found.targetMoment);
    byId('law-moment').textContent = brief(found.secondMoment);
    byId('chain-moment').textContent = stable ? brief(ends.mean) + ' ± ' + brief(ends.error) : 'unstable';
    byId('law-tv').textContent = brief(found.totalVariation);
    byId('law-gap').textContent = brief(M.gap(chosen));
    byId('law-status').textContent = found.totalVariation < 1e-9 ? 'The law is p.' :
      'The law is ' + brief(100 * found.totalVariation) + '% off p in total variation.';
    canvas.setAttribute('aria-label', 'density of the law; ' + byId('law-status').textContent);
  }

  const starts = Array.from({length: 12}, (_, i) => [2 * Math.cos(i * Math.PI / 6 + 0.2), 2 * Math.sin(i * Math.PI / 6 + 0.2)]);
  const exact = starts.map(x => M.sample(x, 1000).at(-1));
  const error = ends => Math.sqrt(ends.reduce((sum, [x, y], i) => sum + (x - exact[i][0]) ** 2 + (y - exact[i][1]) ** 2, 0) / ends.length);

  function drawSampler() {
    const kappa = exponent(sampler, 'kappa'), lambda = exponent(sampler, 'damping'), steps = +sampler.elements.steps.value;
    const base = starts.map(x => M.sample(x, steps)), corrected = starts.map(x => M.sample(x, steps, kappa, lambda));
    const canvas = byId('canvas-s');
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    base.forEach(path => lines(canvas, path, colour('--mark'), 1.4, [4, 3]));
    corrected.forEach(path => { lines(canvas, path, colour('--other'), 1.4); dots(canvas, path.slice(1), 2, colour('--other')); });
    dots(canvas, exact, 6, null, colour('--ink'));
    const before = error(base.map(p => p.at(-1))), after = error(corrected.map(p => p.at(-1)));
    byId('beta').textContent = brief(2 * kappa / lambda);
    byId('base-error').textContent = brief(before);
    byId('corrected-error').textContent = brief(after);
    byId('sampler-status').textContent = 'The correction makes the error ' + brief(after / before) + ' times DDIM\'s.';
    canvas.setAttribute('aria-label', `paths of DDIM in ${steps} steps, without and with the correction. ` + byId('sampler-status').textContent);
  }

  // Values at once, drawings when the hand rests.
  function afterRest(draw) {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(draw, 60); };
  }
  const lawSoon = afterRest(drawLaw), samplerSoon = afterRest(drawSampler);
  function label() {
    tell(law, 'lambda', brief(exponent(law, 'lambda')));
    tell(law, 'step', brief(exponent(law, 'step')));
    tell(sampler, 'kappa', brief(exponent(sampler, 'kappa')));
    tell(sampler, 'damping', brief(exponent(sampler, 'damping')));
    tell(sampler, 'steps', sampler.elements.steps.value);
  }
  law.addEventListener('input', () => { label(); lawSoon(); });
  sampler.addEventListener('input', () => { label(); samplerSoon(); });
  for (const form of [law, sampler]) form.addEventListener('submit', event => event.preventDefault());
  for (const button of sampler.querySelectorAll('[data-beta]'))
    button.addEventListener('click', () => {
      sampler.elements.kappa.value = -3;
      sampler.elements.damping.value = Math.log10(2e-3 / button.dataset.beta);
      label();
      samplerSoon();
    });
  label();
  // Nothing is computed before it is seen.
  const seen = new IntersectionObserver(entries => {
    if (!entries.some(e => e.isIntersecting)) return;
    seen.disconnect();
    setTimeout(() => { drawSampler(); drawLaw(); });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { lawSoon(); samplerSoon(); });
  }, {rootMargin: '200px'});
  seen.observe(byId('try'));
})();
