// A mixture of three Gaussians in the plane: its damped Langevin dynamics (law on a grid, gap, paths) and Algorithm 1 on
// DDIM. Plain float64; tests compare it with `lml stationary`, `gap` and `sample`.
'use strict';
const lmlMixture = (() => {
  const data = {weights: [0.5, 0.3, 0.2], means: [[-1, -0.5], [1, -0.5], [0, 1]], variance: 0.04};
  const alpha = 0.8, sigma = 0.6;

  // Score s and F = -Hess log p of the law at (alpha, sigma), and p itself.
  function local(x, y, a = alpha, b = sigma) {
    const v = a * a * data.variance + b * b, logs = data.means.map(([mx, my], k) =>
      Math.log(data.weights[k]) - ((x - a * mx) ** 2 + (y - a * my) ** 2) / (2 * v));
    const top = Math.max(...logs);
    let sum = 0, mx = 0, my = 0, xx = 0, xy = 0, yy = 0;
    logs.forEach((l, k) => {
      const r = Math.exp(l - top), px = a * data.means[k][0], py = a * data.means[k][1];
      sum += r; mx += r * px; my += r * py; xx += r * px * px; xy += r * px * py; yy += r * py * py;
    });
    mx /= sum; my /= sum;
    xx = xx / sum - mx * mx; xy = xy / sum - mx * my; yy = yy / sum - my * my;
    return {p: Math.exp(top) * sum / (2 * Math.PI * v), sx: (mx - x) / v, sy: (my - y) / v,
            F: [1 / v - xx / (v * v), -xy / (v * v), 1 / v - yy / (v * v)]};
  }

  // Symmetric matrices are [xx, xy, yy].
  const inverse = ([a, b, c]) => { const d = a * c - b * b; return [c / d, -b / d, a / d]; };
  const root = ([a, b, c]) => {
    const d = Math.sqrt(a * c - b * b), t = Math.sqrt(a + c + 2 * d);
    return [(a + d) / t, b / t, (c + d) / t];
  };
  const leastEigenvalue = ([a, b, c]) => (a + c) / 2 - Math.hypot((a - c) / 2, b);

  // D of Eq. 7: (F + lambda I)^-1, or with u u^T/sigma^2 for F, or the identity.
  function metric(x, y, law) {
    if (law.curvature === 'identity') return [1, 0, 1];
    const {sx, sy, F} = local(x, y);
    if (law.curvature === 'exact') return inverse([F[0] + law.lambda, F[1], F[2] + law.lambda]);
    const n = Math.max(sx * sx + sy * sy, 1e-300), k = 1 / (n * sigma * sigma);
    return inverse([k * sx * sx + law.lambda, k * sx * sy, k * sy * sy + law.lambda]);
  }

  // div of a field of symmetric matrices, by central differences.
  function divergence(x, y, field, h = 1e-4) {
    const r = field(x + h, y), l = field(x - h, y), u = field(x, y + h), d = field(x, y - h);
    return [(r[0] - l[0] + u[1] - d[1]) / (2 * h), (r[1] - l[1] + u[2] - d[2]) / (2 * h)];
  }

  // What the calculus adds to the drift D s: nothing, half or all of div D, or Stratonovich's div D - (R div R)/2, R^2 = 2 D.
  function added(x, y, law, whole) {
    if (law.calculus === 'ito') return [0, 0];
    const all = whole || divergence(x, y, (a, b) => metric(a, b, law));
    if (law.calculus === 'corrected') return all;
    if (law.calculus === 'half') return [all[0] / 2, all[1] / 2];
    const twice = (a, b) => root(metric(a, b, law).map(e => 2 * e));
    const R = twice(x, y), d = divergence(x, y, twice);
    return [all[0] - (R[0] * d[0] + R[1] * d[1]) / 2, all[1] - (R[1] * d[0] + R[2] * d[1]) / 2];
  }

  // Least damping that makes F + lambda I positive everywhere, to the grid's resolution.
  function criticalDamping(n = 200, box = 2) {
    let least = 0;
    for (let i = 0; i < n; ++i)
      for (let j = 0; j < n; ++j)
        least = Math.min(least, leastEigenvalue(local(box * (2 * i / n - 1), box * (2 * j / n - 1)).F));
    return -least;
  }

  // Generator of w = q/p by finite volumes on n x n cells of [-box, box]^2, no flux through the edge: row c of the band
  // matrix A has the net flux out of cell c, flux = -p (D grad w + (div D - added) w).
  function generator(law, n, box) {
    const h = 2 * box / n, half = n + 1, width = 2 * half + 1, A = new Float64Array(n * n * width), p = new Float64Array(n * n);
    const at = i => -box + (i + 0.5) * h, cell = (i, j) => Math.min(Math.max(i, 0), n - 1) + n * Math.min(Math.max(j, 0), n - 1);
    const add = (row, column, value) => { A[row * width + column - row + half] += value; };
    for (let j = 0; j < n; ++j)
      for (let i = 0; i < n; ++i) p[cell(i, j)] = local(at(i), at(j)).p;
    for (let j = 0; j < n; ++j)
      for (let i = 0; i < n; ++i)
        for (const [di, dj] of [[1, 0], [0, 1]]) {
          if (i + di >= n || j + dj >= n) continue;
          const x = at(i + di / 2), y = at(j + dj / 2), D = metric(x, y, law), here = cell(i, j), there = cell(i + di, j + dj);
          const P = local(x, y).p / (h * h), across = D[1] * P / 4;
          let e = 0;
          if (law.calculus !== 'corrected') {
            const all = divergence(x, y, (a, b) => metric(a, b, law)), b = added(x, y, law, all);
            e = (di ? all[0] - b[0] : all[1] - b[1]) * P * h / 2;
          }
          const along = D[di ? 0 : 2] * P;
          for (const [row, sign] of [[here, 1], [there, -1]]) {
            add(row, here, sign * (along - e));
            add(row, there, -sign * (along + e));
            for (const [a, b] of [[i, j], [i + di, j + dj]]) {
              add(row, cell(a + dj, b + di), -sign * across);
              add(row, cell(a - dj, b - di), sign * across);
            }
          }
        }
    return {A, p, n, h, half, width};
  }

  // In place: A = L U within the band, without pivoting (A is nearly an M-matrix).
  function factor({A, n, half, width}) {
    const N = n * n;
    for (let k = 0; k < N; ++k) {
      const pivot = A[k * width + half], last = Math.min(N - 1, k + half);
      for (let r = k + 1; r <= last; ++r) {
        const start = r * width + k - r + half, f = A[start] / pivot;
        if (f === 0) continue;
        A[start] = f;
        const other = k * width + half;
        for (let c = 1; c <= last - k; ++c) A[start + c] -= f * A[other + c];
      }
    }
  }
  function solve({A, n, half, width}, b) {
    const N = n * n;
    for (let r = 0; r < N; ++r)
      for (let c = Math.max(0, r - half); c < r; ++c) b[r] -= A[r * width + c - r + half] * b[c];
    for (let r = N - 1; r >= 0; --r) {
      for (let c = r + 1; c <= Math.min(N - 1, r + half); ++c) b[r] -= A[r * width + c - r + half] * b[c];
      b[r] /= A[r * width + half];
    }
    return b;
  }

  // The stationary density on the grid, beside p: {q, p, totalVariation, secondMoment, ...}; exists is false where D is not positive.
  function stationary(law, n = 72, box = 4.2) {
    if (law.curvature === 'exact' && law.lambda <= criticalDamping()) return {exists: false};
    const G = generator(law, n, box), N = n * n, {p, h} = G;
    const q = new Float64Array(N);
    if (law.calculus === 'corrected') q.set(p);
    else {
      const pinned = p.indexOf(Math.max(...p));  // its equation follows from the others
      G.A.fill(0, pinned * G.width, (pinned + 1) * G.width);
      G.A[pinned * G.width + G.half] = 1;
      factor(G);
      q[pinned] = 1;
      solve(G, q);
      for (let c = 0; c < N; ++c) q[c] *= p[c];
    }
    const mass = f => f.reduce((a, b) => a + b, 0), Q = mass(q), P = mass(p);
    let tv = 0, moment = 0, ofTarget = 0;
    for (let c = 0; c < N; ++c) {
      const x = -box + (c % n + 0.5) * h, y = -box + (Math.floor(c / n) + 0.5) * h;
      q[c] /= Q * h * h; p[c] /= P * h * h;
      tv += Math.abs(q[c] - p[c]) * h * h / 2;
      moment += q[c] * (x * x + y * y) * h * h; ofTarget += p[c] * (x * x + y * y) * h * h;
    }
    return {exists: true, q, p, n, box, totalVariation: tv, secondMoment: moment, targetMoment: ofTarget};
  }

  // Spectral gap of the metric: the slowest rate of the dynamics with div D, by inverse iteration.
  function gap(law, n = 56, box = 3.4) {
    if (law.curvature === 'exact' && law.lambda <= criticalDamping()) return NaN;
    const G = generator({...law, calculus: 'corrected'}, n, box), N = n * n, {p} = G, shift = 1e-3;
    const total = p.reduce((a, b) => a + b, 0);
    for (let c = 0; c < N; ++c) G.A[c * G.width + G.half] += shift * p[c];
    factor(G);
    let w = Float64Array.from({length: N}, (_, c) => c % n - n / 2 + 0.3 * Math.floor(c / n)), rate = 0;
    for (let round = 0; round < 60; ++round) {
      let mean = 0, norm = 0;
      for (let c = 0; c < N; ++c) mean += p[c] * w[c] / total;
      for (let c = 0; c < N; ++c) norm += p[c] * (w[c] - mean) ** 2;
      const right = w.map((value, c) => p[c] * (value - mean) / Math.sqrt(norm));
      const next = solve(G, right.slice());
      let product = 0;
      for (let c = 0; c < N; ++c) product += right[c] * next[c];
      const before = rate;
      rate = 1 / product - shift;
      w = next;
      if (Math.abs(rate - before) < 1e-7 * rate) break;
    }
    return rate;
  }

  // Normal draws from a seed (mulberry32 and Box-Muller).
  function normals(seed) {
    const uniform = () => {
      seed = seed + 0x6D2B79F5 | 0;
      let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
      t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
      return ((t ^ t >>> 14) >>> 0) / 4294967296;
    };
    return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  // One Euler-Maruyama step of the dynamics.
  function move(state, law, step, normal) {
    const [x, y] = state, {sx, sy} = local(x, y), D = metric(x, y, law), R = root(D), b = added(x, y, law);
    const a = normal() * Math.sqrt(2 * step), c = normal() * Math.sqrt(2 * step);
    return [x + step * (D[0] * sx + D[1] * sy + b[0]) + R[0] * a + R[1] * c,
            y + step * (D[1] * sx + D[2] * sy + b[1]) + R[1] * a + R[2] * c];
  }

  // `particles` chains from draws of p: where they are after `steps`, the mean of |x|^2 there with its standard error, and
  // the path of the first.
  function chain(law, step, particles, steps, seed = 1) {
    const normal = normals(seed), v = Math.sqrt(alpha * alpha * data.variance + sigma * sigma), points = [], path = [];
    let sum = 0, square = 0;
    for (let k = 0; k < particles; ++k) {
      const m = data.means[k % 10 < 5 ? 0 : k % 10 < 8 ? 1 : 2];  // as many from each as its weight says
      let state = [alpha * m[0] + v * normal(), alpha * m[1] + v * normal()];
      for (let i = 0; i < steps; ++i) {
        if (k === 0) path.push(state);
        state = move(state, law, step, normal);
      }
      points.push(state);
      const r = state[0] ** 2 + state[1] ** 2;
      sum += r; square += r * r;
    }
    const mean = sum / particles;
    return {points, path, mean, error: Math.sqrt((square / particles - mean * mean) / particles)};
  }

  // Signal and noise of a thousand linear betas, at the integer time t; t = -1 is the data.
  const levels = (() => {
    const out = [];
    let product = 1;
    for (let t = 0; t < 1000; ++t) {
      product *= 1 - (1e-4 + (0.02 - 1e-4) * t / 999);
      out.push([Math.sqrt(product), Math.sqrt(1 - product)]);
    }
    return t => t < 0 ? [1, 0] : out[t];
  })();
  const times = steps => Array.from({length: steps}, (_, i) => Math.round(1000 * (steps - i) / steps) - 1);

  // DDIM from x, with Algorithm 1 where kappa > 0 (in its stable form): all states, the last one the sample.
  function sample(start, steps, kappa = 0, lambda = 1) {
    const at = times(steps), path = [start];
    let last = null;
    at.forEach((t, i) => {
      const [a, b] = levels(t), [a2, b2] = levels(i + 1 < steps ? at[i + 1] : -1), [x, y] = path[i];
      const {sx, sy} = local(x, y, a, b), e = [-b * sx, -b * sy];
      let [u, v] = e;
      if (kappa > 0 && last) {
        const m = [kappa * last[0] + (1 - kappa) * e[0], kappa * last[1] + (1 - kappa) * e[1]];
        const d = [last[0] - e[0], last[1] - e[1]], ee = e[0] ** 2 + e[1] ** 2, ed = e[0] * d[0] + e[1] * d[1];
        const p = lambda + kappa * ed + kappa * kappa * (d[0] ** 2 + d[1] ** 2), q = kappa * (ee + kappa * ed);
        const w = [p * e[0] - q * d[0], p * e[1] - q * d[1]], scale = Math.sqrt(ee) / Math.hypot(...w);
        if (Number.isFinite(scale)) [u, v] = [w[0] * scale, w[1] * scale];
      }
      last = e;
      path.push([a2 / a * (x - b * u) + b2 * u, a2 / a * (y - b * v) + b2 * v]);
    });
    return path;
  }

  return {data, alpha, sigma, local, stationary, gap, chain, move, normals, criticalDamping, sample, times, levels};
})();
