// Plots in SVG: lines over buckets, points over a cost, steps over time.
const palette = matchMedia("(prefers-color-scheme: dark)").matches ?
  ["#7cb7ff", "#ffab70", "#6fdb97", "#d8a6ff", "#ff9a90", "#5fd6d6", "#f0d060", "#c0c8d0"] :
  ["#0b62c4", "#b3470b", "#14703a", "#7a2fb5", "#b3261e", "#0b7285", "#8a6a00", "#4a5560"];
const dashes = ["", "6 3", "2 3", "8 3 2 3"];
const chosen = () => state.chosen ?? byRank().filter(index => systems[index].origin !== "baseline").slice(0, 5);

function ticks(low, high, count = 5) {
  const raw = (high - low || 1) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= raw);
  const values = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) values.push(Number(value.toPrecision(12)));
  return values;
}

const short = value => Math.abs(value) >= 1e9 ? `${format(value / 1e9, 1)}G` : Math.abs(value) >= 1e6 ? `${format(value / 1e6, 1)}M` :
  Math.abs(value) >= 1e4 ? `${format(value / 1e3, 0)}k` : value.toLocaleString("en", { maximumFractionDigits: 2 });

// Returns the empty picture, and how values become places in it.
function frame(figure, { low, high, bottomLabel, label }) {
  const width = Math.max(260, figure.clientWidth - 24), height = Math.round(Math.min(320, Math.max(220, width * 0.6)));
  const box = { left: 44, right: width - 12, top: 12, bottom: height - 38 };
  const margin = (high - low) * 0.06 || 1;
  [low, high] = [low - margin, high + margin];
  const y = value => box.bottom - (value - low) / (high - low) * (box.bottom - box.top);
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const value of ticks(low, high)) {
    picture.append(draw("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
      draw("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  picture.append(draw("text", { x: (box.left + box.right) / 2, y: height - 4, "text-anchor": "middle" }, bottomLabel));
  return { picture, box, y };
}

function caption(figure, text, ...controls) {
  figure.replaceChildren(make("figcaption", {}, text, ...controls));
}

// The figures of a plot, for those who cannot see it.
function asTable(headings, rows) {
  const cells = (row, tag) => make("tr", {}, ...row.map((text, place) => make(place ? tag : "th", { class: place ? "number" : "" }, String(text))));
  return make("details", {}, make("summary", {}, "Figures"), make("div", { class: "wide", tabIndex: 0 },
    make("table", {}, make("thead", {}, cells(headings, "th")), make("tbody", {}, ...rows.map(row => cells(row, "td"))))));
}

function lines(figure, title, buckets, order, unit, what) {
  caption(figure, title);
  const shown = chosen().filter(index => order.includes(index));
  if (!buckets?.length || !shown.length) {
    figure.append(make("p", { class: "faint" }, "No texts are kept of the chosen systems."));
    return;
  }
  const value = (index, bucket) => bucket.values[order.indexOf(index)];
  const all = shown.flatMap(index => buckets.map(bucket => value(index, bucket)));
  const { picture, box, y } = frame(figure, { low: Math.min(...all), high: Math.max(...all), bottomLabel: unit, label: `${title}; figures below` });
  const x = place => box.left + (place + 0.5) * (box.right - box.left) / buckets.length;
  buckets.forEach((bucket, place) => picture.append(draw("text", { x: x(place), y: box.bottom + 16, "text-anchor": "middle" }, bucket.label)));
  shown.forEach((index, place) => {
    const color = palette[place % palette.length];
    const points = buckets.map((bucket, at) => `${x(at)},${y(value(index, bucket))}`).join(" ");
    picture.append(draw("polyline", { points, fill: "none", stroke: color, "stroke-width": 2, "stroke-dasharray": dashes[Math.floor(place / palette.length) % dashes.length] }));
    buckets.forEach((bucket, at) => picture.append(draw("circle", { cx: x(at), cy: y(value(index, bucket)), r: 4, fill: color },
      draw("title", {}, `${systems[index].name}, ${bucket.label}: ${format(value(index, bucket))}`))));
  });
  figure.append(picture, make("p", { class: "faint" }, what), asTable([unit, ...buckets.map(bucket => `${bucket.label} (${format(bucket.size, 0)})`)],
    shown.map(index => [systems[index].name, ...buckets.map(bucket => format(value(index, bucket)))])));
}

const costs = { parameters: "parameters", minutes: "training, minutes", speed: "words per second" };
function costPlot(figure) {
  const known = kind => visible().filter(index => systems[index][kind] > 0 && comparable(systems[index]));
  const kinds = Object.keys(costs).filter(kind => known(kind).length);
  const kind = kinds.includes(state.cost) ? state.cost : kinds[0];
  const select = make("select", { "aria-label": "Cost" }, ...kinds.map(name => make("option", { value: name, selected: name === kind }, costs[name])));
  select.addEventListener("change", () => { state.cost = select.value; costPlot(figure); });
  caption(figure, `${column().label} against cost`, kinds.length ? select : "");
  if (!kind) {
    figure.append(make("p", { class: "faint" }, "No system on this test set says what it costs: runs do, other systems with --parameters, --training-minutes or --words-per-second."));
    return;
  }
  const points = known(kind).map(index => ({ index, cost: Math.log10(systems[index][kind]), value: comparable(systems[index]).value }));
  const values = points.map(point => point.value), xs = points.map(point => point.cost);
  const { picture, box, y } = frame(figure, { low: Math.min(...values), high: Math.max(...values), bottomLabel: `${costs[kind]}, logarithmic`, label: `${column().label} against ${costs[kind]}; figures below` });
  const left = Math.min(...xs), span = Math.max(...xs) - left || 1, margin = span * 0.1;
  const x = cost => box.left + 10 + (cost - left + margin) / (span + 2 * margin) * (box.right - box.left - 20);
  for (const value of ticks(left, left + span, 4)) picture.append(draw("text", { x: x(value), y: box.bottom + 16, "text-anchor": "middle" }, short(Number((10 ** value).toPrecision(2)))));
  for (const { index, cost, value } of points) {
    const right = x(cost) < (box.left + box.right) / 2;
    picture.append(draw("circle", { cx: x(cost), cy: y(value), r: 5, fill: palette[0] }, draw("title", {}, `${systems[index].name}: ${format(value)}`)),
      draw("text", { class: "label", x: x(cost) + (right ? 9 : -9), y: y(value) + 4, "text-anchor": right ? "start" : "end" }, systems[index].name));
  }
  figure.append(picture, asTable(["system", column().label, costs[kind]], points.map(({ index, value }) => [systems[index].name, format(value), format(systems[index][kind], 0)])));
}

function historyPlot(figure) {
  caption(figure, `Best ${column().label} over time`);
  const dated = byRank().filter(index => comparable(systems[index]) && !Number.isNaN(Date.parse(systems[index].time)))
    .sort((one, other) => Date.parse(systems[one].time) - Date.parse(systems[other].time) || one - other);
  const better = (one, other) => column().lower ? one < other : one > other;
  const best = [];
  for (const index of dated) {
    const value = comparable(systems[index]).value, last = best.at(-1);
    if (last && last.time === systems[index].time) {
      if (better(value, last.value)) best[best.length - 1] = { index, value, time: systems[index].time };
    } else if (!last || better(value, last.value)) best.push({ index, value, time: systems[index].time });
  }
  if (!best.length) {
    figure.append(make("p", { class: "faint" }, "No comparable scores."));
    return;
  }
  const values = best.map(step => step.value), times = dated.map(index => Date.parse(systems[index].time));
  const { picture, box, y } = frame(figure, { low: Math.min(...values), high: Math.max(...values), bottomLabel: "entered", label: `Best ${column().label} over time; figures below` });
  const start = times[0], span = times.at(-1) - start;
  const x = time => span ? box.left + 12 + (Date.parse(time) - start) / span * (box.right - box.left - 24) : (box.left + box.right) / 2;
  let path = "";
  best.forEach((step, place) => {
    path += place ? `H${x(step.time)}V${y(step.value)}` : `M${x(step.time)},${y(step.value)}`;
  });
  picture.append(draw("path", { d: `${path}H${box.right}`, fill: "none", stroke: palette[0], "stroke-width": 2 }));
  best.forEach((step, place) => {
    const right = x(step.time) < (box.left + box.right) / 2;
    picture.append(draw("circle", { cx: x(step.time), cy: y(step.value), r: 5, fill: palette[0] }, draw("title", {}, `${systems[step.index].name}, ${step.time}: ${format(step.value)}`)));
    if (place === best.length - 1 || best.length < 8) picture.append(draw("text", { class: "label", x: x(step.time) + (right ? 8 : -8), y: y(step.value) - 8, "text-anchor": right ? "start" : "end" }, systems[step.index].name));
  });
  const moment = time => span < 2 * 864e5 ? time.slice(0, 16).replace("T", " ") : day(time);
  const shown = span ? [[systems[dated[0]].time, "start"], [systems[dated.at(-1)].time, "end"]] : [[systems[dated[0]].time, "middle"]];
  for (const [time, anchor] of shown) picture.append(draw("text", { x: x(time), y: box.bottom + 16, "text-anchor": anchor }, moment(time)));
  figure.append(picture, asTable(["system", "time", column().label], best.map(step => [systems[step.index].name, step.time, format(step.value)])));
}

function showPlots() {
  const now = chosen();
  $("chosen").replaceChildren($("chosen").querySelector("legend"), ...visible().filter(index => column().order.includes(index)).map(index => {
    const place = now.indexOf(index), line = make("i");
    if (place >= 0) line.style.background = palette[place % palette.length];
    const box = make("input", { type: "checkbox", checked: place >= 0, value: String(index) });
    box.addEventListener("change", () => {
      state.chosen = box.checked ? [...now, index] : now.filter(other => other !== index);
      showPlots();
      $("chosen").querySelector(`input[value="${index}"]`)?.focus();
    });
    return make("label", {}, box, line, systems[index].name);
  }));
  costPlot($("cost"));
  historyPlot($("history"));
  lines($("length"), `${column().label} by length of the source`, column().length, column().order, test().unit, "Each part has about equally many sentences.");
  lines($("frequency"), "Words by frequency in the reference", test().frequency, test().frequencyOrder, "occurrences", "F1 of words in percent: rare words on the left.");
}
