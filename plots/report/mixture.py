"""The part to play with: mixture.js computes, mixture_view.js draws."""
SCRIPTS = ("mixture.js", "mixture_view.js")

HTML = """
<section id="try" aria-labelledby="try-h"><h2 id="try-h">Try it: three Gaussians in the plane</h2>
<p>Data at three places (weights 0.5, 0.3, 0.2; variance 0.04), computed in this page. Nothing is sent anywhere.</p>
<h3 id="law-h">Which law does the damped dynamics have?</h3>
<p>dx = D s dt [+ a part of div D] + √(2D) dB at α = 0.8, σ = 0.6. As printed (Itô) the law is not p unless λ is
large; with all of div D it is p whatever λ and D. Below λ* = <span id="critical">…</span> the exact metric is not positive.</p>
<form class="play" id="law" aria-labelledby="law-h" autocomplete="off">
 <div class="controls">
  <label>metric D <select name="curvature"><option value="rank_one" selected>(u uᵀ/σ² + λI)⁻¹, rank one</option>
   <option value="exact">(F + λI)⁻¹, exact</option><option value="identity">I: plain Langevin</option></select></label>
  <label>calculus <select name="calculus"><option value="ito" selected>Itô, as printed</option><option value="half">half of div D</option>
   <option value="stratonovich">Stratonovich</option><option value="corrected">all of div D</option></select></label>
  <label for="lambda">damping λ <output for="lambda"></output><input type="range" name="lambda" id="lambda" min="-0.3" max="2.5" step="0.02" value="0.3"></label>
  <label for="step">step h/λ <output for="step"></output><input type="range" name="step" id="step" min="-2.3" max="-0.3" step="0.05" value="-1.3"></label>
  <table class="data answers"><tbody>
   <tr><th scope="row">E‖x‖² under p</th><td id="target-moment">–</td></tr>
   <tr><th scope="row">under the law</th><td id="law-moment">–</td></tr>
   <tr><th scope="row">of chains with that step</th><td id="chain-moment">–</td></tr>
   <tr><th scope="row">total variation, law and p</th><td id="law-tv">–</td></tr>
   <tr><th scope="row">spectral gap of D</th><td id="law-gap">–</td></tr></tbody></table>
  <p class="status" id="law-status" role="status"></p>
 </div>
 <figure><canvas id="canvas-p" width="300" height="300" role="img" aria-label="the density p"></canvas><figcaption>p</figcaption></figure>
 <figure><canvas id="canvas-q" width="300" height="300" role="img" aria-label="the density of the law"></canvas>
  <figcaption>the law, a path and 300 ends of chains</figcaption></figure>
</form>
<h3 id="sampler-h">What do κ and λ′ of Algorithm 1 do?</h3>
<p>DDIM from twelve starts. Only β = κ‖ε‖²/λ′ counts; at the published κ = 10<sup>−8</sup> it is 0.03 in 3,072 dimensions and
nothing in the plane. Some tenths of β take a little off the error or add a little, by the number of steps; far above 1 the
samples are lost.</p>
<form class="play" id="sampler" aria-labelledby="sampler-h" autocomplete="off">
 <div class="controls">
  <label for="kappa">κ <output for="kappa"></output><input type="range" name="kappa" id="kappa" min="-8" max="0" step="0.1" value="-3"></label>
  <label for="damping">λ′ <output for="damping"></output><input type="range" name="damping" id="damping" min="-5" max="1" step="0.1" value="-2.6"></label>
  <label for="steps">steps <output for="steps"></output><input type="range" name="steps" id="steps" min="3" max="40" step="1" value="8"></label>
  <p class="buttons"><button type="button" data-beta="0.03">β = 0.03, as published</button> <button type="button" data-beta="0.8">β = 0.8</button>
   <button type="button" data-beta="30">β = 30</button></p>
  <table class="data answers"><tbody>
   <tr><th scope="row">β at ‖ε‖² = 2</th><td id="beta">–</td></tr>
   <tr><th scope="row">error of DDIM</th><td id="base-error">–</td></tr>
   <tr><th scope="row">with the correction</th><td id="corrected-error">–</td></tr></tbody></table>
  <p class="status" id="sampler-status" role="status"></p>
 </div>
 <figure class="wide"><canvas id="canvas-s" width="620" height="400" role="img" aria-label="paths of the sampler"></canvas>
  <figcaption><span class="base">DDIM</span>, <span class="corrected">with the correction</span>; circles: where 1,000 steps of DDIM end</figcaption></figure>
</form></section>
"""


def section():
    return HTML
