// The ranking, the matrix of significance, what is known about the board, and the start.
const tabs = ["ranking", "compare", "significance", "plots", "about"];

// The p value of two systems, or null where it is not known. The table has the lower half only.
function pValue(one, other) {
  const [first, second] = [one, other].map(index => column().order.indexOf(index)).sort((a, b) => b - a);
  if (second < 0) return null;
  return first === second ? 1 : column().p[first][second];
}

const columns = [
  { key: "rank", label: "rank", class: "rank", value: index => rankOf(index), cell: index => rankOf(index) ? [make("b", {}, String(rankOf(index)))] : [] },
  { key: "name", label: "system", value: index => systems[index].name.toLocaleLowerCase(), head: true },
  { key: "interval", label: "95% interval", class: "interval", value: null },
];

function shownColumns() {
  const scores = test().columns.map((other, place) => ({
    key: `score-${other.metric}`, label: other.label, class: place === state.metric ? "number main" : "number extra", numeric: true, lower: other.lower,
    value: index => scoreOf(systems[index], other.metric)?.value ?? null,
    cell: index => scoreCell(systems[index], other.metric),
  }));
  const cost = (key, label, digits) => systems.some(system => system[key] !== null) ? [{ key, label, class: "number extra", numeric: true,
    value: index => systems[index][key], cell: index => [format(systems[index][key], digits)] }] : [];
  return [...columns, scores[state.metric], ...scores.filter((_, place) => place !== state.metric), ...cost("minutes", "training, min", 1),
    ...cost("parameters", "parameters", 0), ...cost("speed", "words/s", 0),
    { key: "time", label: "entered", class: "number extra", value: index => systems[index].time, cell: index => [day(systems[index].time)] }];
}

function scoreCell(system, metric) {
  const score = scoreOf(system, metric);
  if (!score) return [];
  const interval = score.low === null ? "" : make("small", {}, ` [${format(score.low, 1)}, ${format(score.high, 1)}]`);
  return [format(score.value), interval, score.mark ? make("span", { class: "warning" }, ` ${score.mark}`) : ""].filter(Boolean);
}

// The scale of the intervals leaves out baselines, which would press all others to one side.
function intervalScale(indices) {
  const all = indices.filter(index => systems[index].origin !== "baseline").map(index => comparable(systems[index])).filter(Boolean);
  const low = Math.min(...all.map(score => score.low ?? score.value)), high = Math.max(...all.map(score => score.high ?? score.value));
  return value => `${2 + Math.max(0, Math.min(1, (value - low) / (high - low || 1))) * 96}%`;
}

function intervalPicture(index, place) {
  const score = comparable(systems[index]);
  if (!score) return "";
  const [low, middle, high] = [score.low ?? score.value, score.value, score.high ?? score.value].map(place);
  return draw("svg", { role: "img", "aria-label": `${format(score.low ?? score.value, 1)} to ${format(score.high ?? score.value, 1)}` },
    draw("line", { x1: low, x2: high, y1: 10, y2: 10 }), draw("line", { x1: low, x2: low, y1: 6, y2: 14 }), draw("line", { x1: high, x2: high, y1: 6, y2: 14 }),
    draw("circle", { cx: middle, cy: 10, r: 4 }));
}

function sortBy(key) {
  const same = state.sort?.key === key;
  const down = columnOf(key).numeric && !columnOf(key).lower;
  state.sort = { key, descending: same ? !state.sort.descending : down };
  showRanking();
  $("table").querySelector(`[data-key="${key}"] button`)?.focus();
}
const columnOf = key => shownColumns().find(other => other.key === key);

function sorted(indices) {
  const by = state.sort && columnOf(state.sort.key);
  if (!by) return indices;
  const sign = state.sort.descending ? -1 : 1;
  const compare = (one, other) => typeof one === "string" ? one.localeCompare(other) : one - other;
  return [...indices].sort((one, other) => {
    const [a, b] = [by.value(one), by.value(other)];
    return a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b);
  });
}

function row(index, shown, place, previous) {
  const system = systems[index], opened = state.open.has(index);
  const toggle = make("button", { class: "name", type: "button", "aria-expanded": String(opened), onclick: () => {
    state.open[opened ? "delete" : "add"](index);
    showRanking();
    $("table").querySelector(`tr[data-index="${index}"] .name`).focus();
  } }, system.name);
  const tags = [system.origin === "baseline" ? make("span", { class: "tag" }, "baseline") : "",
    system.overlap[test().name]?.pairs ? make("span", { class: "tag bad", title: "Pairs of the test set occur in its training text." }, "overlap") : ""];
  const cells = shown.map(({ key, head, cell, class: kind }) => head ? make("th", { scope: "row" }, toggle, ...tags) :
    make("td", { class: `${kind} ${state.sort?.key === key ? "sorted" : ""}` }, ...(key === "interval" ? [intervalPicture(index, place)] : cell(index))));
  const first = !state.sort && previous !== null && rankOf(index) !== rankOf(previous);
  return make("tr", { class: [first ? "first" : "", system.origin === "baseline" ? "baseline" : "", rankOf(index) === 1 ? "best" : ""].join(" "), "data-index": String(index) }, ...cells);
}

function listing(pairs) {
  return make("dl", {}, ...pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value instanceof Node ? value : String(value))]));
}

function details(index, width) {
  const system = systems[index], code = text => text ? make("code", {}, text) : "", overlap = system.overlap[test().name];
  const compare = make("button", { type: "button", class: "small", onclick: () => {
    const best = byRank().find(other => other !== index && test().hypotheses[other] !== undefined);
    [state.a, state.b] = [best ?? index, index];
    select("compare");
  } }, "Compare sentence by sentence");
  const scores = Object.keys(system.scores[test().name]).map(metric => [test().columns.find(other => other.metric === metric).label,
    make("span", {}, ...scoreCell(system, metric))]);
  const content = [
    listing([...scores, ["training", system.minutes === null ? "" : `${format(system.minutes, 1)} minutes`], ["parameters", format(system.parameters, 0)],
      ["speed", system.speed === null ? "" : `${format(system.speed, 0)} words per second`], ["entered", system.time], ["languages", system.languages],
      ["trained on the test set", overlap ? `${overlap.pairs} pairs, ${overlap.sources} sources, ${overlap.targets} targets of ${overlap.lines} lines` : "not known"],
      ["seed", system.seed], ["version", system.version]]),
    test().hypotheses[index] === undefined ? "" : compare,
    make("details", {}, make("summary", {}, "Digests and recipe"), listing(system.digests.map(([name, digest]) => [name, code(digest)])),
      system.recipe ? make("pre", {}, JSON.stringify(system.recipe, null, 2)) : ""),
  ];
  return make("tr", { class: "details" }, make("td", { colSpan: width }, ...content.filter(Boolean)));
}

function showRanking() {
  const shown = shownColumns(), all = byRank(), indices = sorted(visible()), place = intervalScale(indices);
  $("table").tHead.replaceChildren(make("tr", {}, ...shown.map(({ key, label, class: kind, value, head }) => {
    const cell = make("th", { class: kind ?? "", scope: "col", "data-key": key }, value ? make("button", { type: "button", onclick: () => sortBy(key) }, label) : label);
    if (state.sort?.key === key) cell.setAttribute("aria-sort", state.sort.descending ? "descending" : "ascending");
    if (!state.sort && key === "rank") cell.setAttribute("aria-sort", "ascending");
    return cell;
  })));
  const rows = indices.flatMap((index, at) => [row(index, shown, place, at ? indices[at - 1] : null),
    ...(state.open.has(index) ? [details(index, shown.length)] : [])]);
  $("table").tBodies[0].replaceChildren(...rows);
  $("shown").textContent = indices.length === all.length ? `${all.length} systems` : `${indices.length} of ${all.length} systems`;
  const tied = column().tested ? "Systems share a rank when they are not significantly worse than its best (paired bootstrap, Koehn 2004, p < 0.05). " :
    "Ranks say nothing of significance here, for the texts are not kept. ";
  $("ranking-note").textContent = `Best first by ${column().label}. ${tied}In brackets: 95% interval. A name opens what is known of the system.`;
  $("notes").replaceChildren(...data.notes.map(note => make("p", { class: "warning" }, note)));
}

function showMatrix() {
  const order = visible().filter(index => column().order.includes(index));
  $("matrix-note").textContent = order.length > 1 ? `Is the system of the row better (green) or worse (red) than that of the column in ${column().label}, with p < 0.05? Grey: no significant difference. In the cells: p of the paired bootstrap. A cell opens the comparison.` :
    "For this there must be two systems whose texts are kept.";
  if (order.length < 2) {
    $("matrix").replaceChildren();
    return;
  }
  const cell = (one, other) => {
    if (one === other) return make("td");
    const p = pValue(one, other), gain = (scoreOf(systems[one]).value - scoreOf(systems[other]).value) * (column().lower ? -1 : 1);
    const kind = p >= data.level || gain === 0 ? "" : gain > 0 ? "better" : "worse";
    const claim = kind ? `significantly ${kind} than` : "not significantly different from";
    return make("td", { class: kind }, make("button", { type: "button", title: `${systems[one].name} is ${claim} ${systems[other].name}, p = ${format(p, 3)}`,
      "aria-label": `${systems[one].name} is ${claim} ${systems[other].name}, p = ${format(p, 3)}`,
      onclick: () => { [state.a, state.b] = [other, one]; select("compare"); } }, p < 0.001 ? "<.001" : format(p, 3).replace(/^0/, "")));
  };
  $("matrix").replaceChildren(make("thead", {}, make("tr", {}, make("td"), ...order.map(index => make("th", { scope: "col" }, make("span", {}, systems[index].name))))),
    make("tbody", {}, ...order.map(one => make("tr", {}, make("th", { scope: "row" }, systems[one].name), ...order.map(other => cell(one, other))))));
}

function showAbout() {
  $("about").replaceChildren(make("h2", {}, "Signatures"), listing(test().columns.map(({ label, signature }) => [label, make("code", {}, signature)])),
    make("h2", {}, "Test set"), listing([["name", test().name], ["sentences", format(test().lines, 0)], ["references", test().references.map(({ name }) => name).join(", ")],
      ["languages", test().languages], ["sha256", make("code", {}, test().digest)]]),
    ...(data.problems.length ? [make("h2", { class: "warning" }, "Problems"), make("ul", {}, ...data.problems.map(problem => make("li", {}, problem)))] : []));
}

const show = { ranking: showRanking, compare: showCompare, significance: showMatrix, plots: showPlots, about: showAbout };

function select(tab, focus = false) {
  state.tab = tab;
  for (const id of ["filter-field", "baselines-field"]) $(id).hidden = ["compare", "about"].includes(tab);
  if (!systems.some(system => system.origin === "baseline")) $("baselines-field").hidden = true;
  for (const name of tabs) {
    $(name).hidden = name !== tab;
    $(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
    $(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
  }
  if (focus) $(`tab-${tab}`).focus();
  show[tab]();
  remember();
}

// The place in the page is in its address, so that it can be passed on.
function remember() {
  const place = new URLSearchParams({ tab: state.tab, test: String(state.test), metric: column().metric });
  if (state.tab === "compare" && state.a !== null) [["a", state.a], ["b", state.b]].forEach(([key, index]) => place.set(key, systems[index].id));
  if (location.hash.slice(1) !== place.toString()) location.replace(`#${place}`);
}

function recall() {
  const place = new URLSearchParams(location.hash.slice(1)), index = key => systems.findIndex(system => system.id === place.get(key));
  if (data.tests[Number(place.get("test"))]) state.test = Number(place.get("test"));
  state.metric = Math.max(0, test().columns.findIndex(other => other.metric === place.get("metric")));
  for (const key of ["a", "b"]) if (index(key) >= 0) state[key] = index(key);
  return tabs.includes(place.get("tab")) ? place.get("tab") : "ranking";
}

function showMetrics() {
  $("metrics").replaceChildren($("metrics").querySelector("legend"), make("div", {}, ...test().columns.map((other, place) => {
    const box = make("input", { type: "radio", name: "metric", checked: place === state.metric, value: other.metric });
    box.addEventListener("change", () => { state.metric = place; state.sort = null; select(state.tab); });
    return make("label", {}, box, make("span", {}, other.label));
  })));
}

function start() {
  $("app").hidden = false;
  if (!data.tests.length) {
    $("app").replaceChildren(make("p", {}, "No records."), ...data.problems.map(problem => make("p", { class: "warning" }, problem)));
    return;
  }
  const tab = recall();
  $("test").append(...data.tests.map((other, place) => make("option", { value: String(place), selected: place === state.test }, other.label)));
  $("test-field").hidden = data.tests.length < 2;
  $("test").addEventListener("change", () => {
    const metric = column().metric;
    state.test = Number($("test").value);
    state.metric = Math.max(0, test().columns.findIndex(other => other.metric === metric));
    [state.sort, state.chosen] = [null, null];
    showMetrics();
    select(state.tab);
  });
  $("filter").addEventListener("input", () => { state.filter = $("filter").value; show[state.tab](); });
  $("baselines").addEventListener("change", () => { state.baselines = $("baselines").checked; show[state.tab](); });
  tabs.forEach((name, place) => {
    $(`tab-${name}`).addEventListener("click", () => select(name));
    $(`tab-${name}`).addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: tabs.length - 1 - place }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      select(tabs[(place + step + tabs.length) % tabs.length], true);
    });
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (state.tab === "plots" && innerWidth !== width) showPlots();
    width = innerWidth;
  });
  const languages = [...new Set(systems.map(system => system.languages).filter(Boolean))].join(", ");
  const latest = systems.map(system => system.time).sort().at(-1);
  $("summary").textContent = [`${systems.length} systems`, languages, `${data.tests.length} test sets`.replace(/^1 test sets$/, test().name),
    `last entry ${day(latest)}`, ...(data.problems.length ? [`${data.problems.length} problems of the file, see About`] : [])].filter(Boolean).join(" \u00b7 ");
  startCompare();
  showMetrics();
  select(tab);
}
start();
