"use strict";
// What all parts of the page use: the data, the state, elements, packed texts. Text goes into the page by textContent alone.
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const systems = data.systems;
const state = {
  tab: "ranking", test: 0, metric: 0, filter: "", baselines: true, sort: null, a: null, b: null,
  order: "gain", search: "", marks: "other", different: true, open: new Set(), chosen: null, cost: null,
};

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name === "onclick") element.addEventListener("click", value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined && child !== ""));
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const format = (value, digits = 2) => value === null || value === undefined ? "" :
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const signed = (value, digits = 2) => (value > 0 ? "+" : value < 0 ? "\u2212" : "\u00b1") + format(Math.abs(value), digits);
const day = time => time.slice(0, 10);
const test = () => data.tests[state.test];
const column = () => test().columns[state.metric];
const scoreOf = (system, metric = column().metric) => system.scores[test().name]?.[metric];
const comparable = (system, metric) => { const score = scoreOf(system, metric); return score && !score.mark ? score : null; };
const rankOf = index => column().ranks[index] ?? null;

// The systems of the chosen column, best first; those without a comparable score at the end.
function byRank() {
  const sign = column().lower ? 1 : -1;
  const key = index => comparable(systems[index]) ? sign * comparable(systems[index]).value : Infinity;
  return systems.map((_, index) => index).filter(index => scoreOf(systems[index]))
    .sort((one, other) => key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : one - other);
}

function visible() {
  const wanted = state.filter.trim().toLocaleLowerCase();
  return byRank().filter(index => (state.baselines || systems[index].origin !== "baseline") &&
    systems[index].name.toLocaleLowerCase().includes(wanted));
}

// Packed content is unpacked when it is first wanted: a page of fifty systems opens as fast as one of two.
const unpacked = new Map();
function unpack(key) {
  if (!unpacked.has(key)) {
    const bytes = Uint8Array.from(atob($(key).textContent), character => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    unpacked.set(key, new Response(stream).json());
  }
  return unpacked.get(key);
}

function names(selected, indices) {
  // Two systems of one name are told apart by the day.
  const count = new Map();
  systems.forEach(system => count.set(system.name, (count.get(system.name) ?? 0) + 1));
  return indices.map(index => make("option", { value: String(index), selected: index === selected },
    systems[index].name + (count.get(systems[index].name) > 1 ? ` (${systems[index].time})` : "")));
}
