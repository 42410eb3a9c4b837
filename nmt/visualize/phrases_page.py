"""The page on which phrases are explored: its style, its body (a Jinja template), its script."""

STYLE = """
body { max-width: 100rem; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; margin: .75rem 0; }
.controls fieldset { border: 0; margin: 0; padding: 0; display: flex; gap: 1rem; }
.controls input, .controls button { font: inherit; color: inherit; accent-color: var(--accent); }
.controls [type=search], .controls button { background: var(--band); border: 1px solid var(--line);
  border-radius: .3rem; padding: .2rem .6rem; }
.plane { position: relative; height: max(22rem, calc(100vh - 15rem)); border: 1px solid var(--line);
  border-radius: .4rem; overflow: hidden; }
canvas { display: block; width: 100%; height: 100%; cursor: crosshair; }
#tip { position: absolute; max-width: min(28rem, 90%); padding: .3rem .6rem; background: var(--ink);
  color: var(--paper); border-radius: .3rem; pointer-events: none; overflow-wrap: anywhere; }
#matches { padding: 0; list-style: none; columns: 22rem; }
#matches li { padding: .1rem .4rem; break-inside: avoid; overflow-wrap: anywhere; }
#matches li:hover { background: var(--band); }
"""

BODY = """<h1>Phrases of {{ name }}</h1>
<p class="faint">{{ caption }} Near points are sentences of which the encoder makes nearly the same vector.
Point at one to read it; turn the wheel to come nearer, drag to move.</p>
<noscript><p class="warning">This page needs JavaScript; phrases.png shows the same without it.</p></noscript>
<div class="controls">
<fieldset aria-label="Layout">{% for view in views %}<label><input type="radio" name="view" value="{{ loop.index0 }}"
{%- if loop.first %} checked{% endif %}> {{ view.name }}</label>{% endfor %}</fieldset>
<label>Search <input type="search" id="search" autocomplete="off"></label>
<span><button type="button" id="nearer" aria-label="Nearer">+</button>
<button type="button" id="farther" aria-label="Farther">&minus;</button>
<button type="button" id="whole">Whole picture</button></span>
<output class="faint" id="count"></output>
</div>
<div class="plane"><canvas role="img" aria-label="Points, one per phrase"></canvas>
<div id="tip" dir="auto" hidden></div></div>
<p class="faint" id="note"></p>
<ul id="matches"></ul>
<script type="application/json" id="data">{{ data | tojson }}</script>"""

SCRIPT = """
const element = selector => document.querySelector(selector);
const { phrases, views } = JSON.parse(element("#data").textContent);
const lowered = phrases.map(phrase => phrase.toLocaleLowerCase());
const plane = element(".plane"), canvas = element("canvas"), tip = element("#tip"), pen = canvas.getContext("2d");
const many = phrases.length > 500, radius = many ? 2.5 : 4;
let view = views[0], zoom = 1, shift = [0, 0], pointed = -1, matches = null, waiting = false;

for (const { points } of views) {
  // Reaches of both axes: the picture fills the window whatever its shape.
  points.reach = [0, 1].map(axis => Math.max(1e-3, ...points.map(point => Math.abs(point[axis]))));
}
function place(index) {
  const [x, y] = view.points[index], [right, up] = view.points.reach;
  const width = canvas.clientWidth / 2, height = canvas.clientHeight / 2;
  const scale = zoom * Math.min((width - 60) / right, (height - 30) / up);
  return [width + shift[0] + x * scale, height + shift[1] - y * scale];
}
function dot(index, size) {
  pen.beginPath();
  pen.arc(...place(index), size, 0, 2 * Math.PI);
  pen.fill();
}
function labels(indices, ink, paper) {
  const taken = [];
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeStyle = paper;
  pen.fillStyle = ink;
  for (const index of indices) {
    if (taken.length === 40) break;
    const letters = [...phrases[index]], [x, y] = place(index);
    const text = letters.length > 32 ? letters.slice(0, 31).join("") + "\\u2026" : phrases[index];
    const width = pen.measureText(text).width, gap = radius + 3;
    if (x < 0 || y < 8 || x > canvas.clientWidth || y > canvas.clientHeight - 8) continue;
    const centred = x - width / 2;
    for (const [left, middle] of [[x + gap, y], [x - gap - width, y], [centred, y - 13], [centred, y + 13]]) {
      if (left < 0 || left + width > canvas.clientWidth) continue;
      if (taken.some(box => Math.abs(box[1] - middle) < 15 && left < box[2] + 4 && box[0] < left + width + 4)) continue;
      taken.push([left, middle, left + width]);
      pen.strokeText(text, left, middle);
      pen.fillText(text, left, middle);
      break;
    }
  }
}
function draw() {
  waiting = false;
  const ratio = devicePixelRatio || 1, color = name => getComputedStyle(document.body).getPropertyValue(name);
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  pen.scale(ratio, ratio);
  const all = [...phrases.keys()];
  pen.fillStyle = color("--accent");
  pen.globalAlpha = matches ? 0.25 : many ? 0.6 : 0.85;
  all.forEach(index => dot(index, radius));
  pen.globalAlpha = 1;
  if (matches) {
    pen.fillStyle = color("--warning");
    matches.forEach(index => dot(index, radius + 1));
  }
  labels(matches ?? all, color("--ink"), color("--paper"));
  if (pointed >= 0) {
    pen.fillStyle = color("--ink");
    dot(pointed, radius + 2.5);
  }
}
function redraw() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}
function point(index) {
  pointed = index;
  tip.hidden = index < 0;
  if (index >= 0) {
    const [x, y] = place(index);
    tip.textContent = phrases[index];
    tip.style.left = `${Math.max(4, Math.min(x + 12, plane.clientWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${y + 14 + tip.offsetHeight > plane.clientHeight ? y - tip.offsetHeight - 12 : y + 14}px`;
  }
  redraw();
}
function nearest(x, y) {
  let best = -1, least = 14;
  phrases.forEach((_, index) => {
    const [left, top] = place(index), distance = Math.hypot(left - x, top - y);
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}
function magnify(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const to = Math.min(200, Math.max(0.5, zoom * factor)), middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
  shift = [x, y].map((at, axis) => at - middle[axis] - (at - middle[axis] - shift[axis]) * to / zoom);
  zoom = to;
  point(-1);
}
function whole() {
  [zoom, shift] = [1, [0, 0]];
  point(-1);
}
function search() {
  const wanted = element("#search").value.trim().toLocaleLowerCase();
  matches = wanted ? [...phrases.keys()].filter(index => lowered[index].includes(wanted)) : null;
  element("#count").textContent = matches ? `${matches.length} of ${phrases.length} phrases` : "";
  element("#matches").replaceChildren(...(matches ?? []).slice(0, 100).map(index => {
    const item = document.createElement("li");
    item.dir = "auto";
    item.textContent = phrases[index];
    item.addEventListener("pointerenter", () => point(index));
    return item;
  }));
  point(-1);
}
function choose(index) {
  view = views[index];
  element("#note").textContent = view.note;
  whole();
}
canvas.addEventListener("pointermove", event => {
  if (event.pointerType === "mouse" && event.buttons) {
    shift = [shift[0] + event.movementX, shift[1] + event.movementY];
    point(-1);
  } else point(nearest(event.offsetX, event.offsetY));
});
canvas.addEventListener("pointerdown", event => point(nearest(event.offsetX, event.offsetY)));
canvas.addEventListener("pointerleave", () => point(-1));
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  magnify(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });
element("#nearer").addEventListener("click", () => magnify(1.5));
element("#farther").addEventListener("click", () => magnify(1 / 1.5));
element("#whole").addEventListener("click", whole);
element("#search").addEventListener("input", search);
document.querySelectorAll("[name=view]").forEach(
  button => button.addEventListener("change", () => choose(Number(button.value))));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(redraw).observe(plane);
choose(Number(element("[name=view]:checked").value));
search();
"""
