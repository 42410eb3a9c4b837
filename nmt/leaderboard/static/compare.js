// Two systems, sentence by sentence.
const BATCH = 40;
let compared = null;  // texts and scores of the chosen pair
let listed = [];      // places of the sentences, in the order in which they are shown

function segmenter() {
  const language = test().target || undefined;
  if (/^(zh|ja|th|lo|km|my)/.test(language ?? "") && typeof Intl.Segmenter === "function") {
    const words = new Intl.Segmenter(language, { granularity: "word" });
    return text => [...words.segment(text)].map(part => part.segment);
  }
  return text => text.match(/\s+|[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]/gu) ?? [];
}

// Returns which parts of each side are not in a longest common subsequence of both.
function difference(one, other) {
  const marks = [new Array(one.length).fill(true), new Array(other.length).fill(true)];
  let start = 0, ends = [one.length, other.length];
  while (start < ends[0] && start < ends[1] && one[start] === other[start]) {
    marks[0][start] = marks[1][start] = false;
    start += 1;
  }
  while (ends[0] > start && ends[1] > start && one[ends[0] - 1] === other[ends[1] - 1]) {
    ends = ends.map(end => end - 1);
    marks[0][ends[0]] = marks[1][ends[1]] = false;
  }
  const rows = ends[0] - start, columns = ends[1] - start, width = columns + 1;
  if (rows * columns > 4e6) return marks;
  const longest = new Uint16Array((rows + 1) * width);
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let place = columns - 1; place >= 0; place -= 1) {
      longest[row * width + place] = one[start + row] === other[start + place] ? longest[(row + 1) * width + place + 1] + 1 :
        Math.max(longest[(row + 1) * width + place], longest[row * width + place + 1]);
    }
  }
  for (let row = 0, place = 0; row < rows && place < columns;) {
    if (one[start + row] === other[start + place]) marks[0][start + row++] = marks[1][start + place++] = false;
    else if (longest[(row + 1) * width + place] >= longest[row * width + place + 1]) row += 1;
    else place += 1;
  }
  return marks;
}

// Neighbouring marked words become one mark; spaces alone are never marked.
function marked(parts, marks) {
  const pieces = [];
  let plain = "", strong = "";
  const flush = () => {
    if (strong) {
      const kept = strong.trimEnd();
      if (plain) pieces.push(plain);
      pieces.push(make("mark", {}, kept));
      plain = strong.slice(kept.length);
      strong = "";
    }
  };
  parts.forEach((part, place) => {
    const space = !part.trim();
    if (space && strong) strong += part;
    else if (marks[place] && !space) strong += part;
    else {
      flush();
      plain += part;
    }
  });
  flush();
  return plain ? [...pieces, plain] : pieces;
}

async function loadPair() {
  const { a, b } = state, chosenTest = test(), chosenColumn = column();
  const keys = [chosenTest.source, ...chosenTest.references.map(reference => reference.key), chosenTest.hypotheses[a], chosenTest.hypotheses[b],
    chosenColumn.sentences[a], chosenColumn.sentences[b]];
  if (keys.some(key => key === undefined)) return null;
  const content = await Promise.all(keys.map(unpack));
  const count = chosenTest.references.length;
  const found = { source: content[0], references: content.slice(1, 1 + count), a: content[1 + count], b: content[2 + count],
    scoresA: content[3 + count].map(value => value / 10), scoresB: content[4 + count].map(value => value / 10), lower: chosenColumn.lower };
  found.gain = found.scoresB.map((value, place) => (value - found.scoresA[place]) * (found.lower ? -1 : 1));
  found.searchable = found.source.map((text, place) =>
    [text, ...found.references.map(reference => reference[place]), found.a[place], found.b[place]].join("\n").toLocaleLowerCase());
  return found;
}

function sentence(place, split) {
  const parts = { a: split(compared.a[place]), b: split(compared.b[place]) };
  let marks = { a: [], b: [] };
  if (state.marks === "other") {
    const [ofA, ofB] = difference(parts.a, parts.b);
    marks = { a: ofA, b: ofB };
  } else if (state.marks === "reference") {
    const reference = split(compared.references[0][place]);
    marks = { a: difference(parts.a, reference)[0], b: difference(parts.b, reference)[0] };
  }
  const gain = compared.gain[place];
  const text = (kind, ...children) => make("span", { class: `text ${kind}`, dir: "auto" }, ...children);
  const what = (...children) => make("span", { class: "what" }, ...children);
  const score = value => make("span", { class: "score" }, value === null ? "" : format(value, 1));
  const verdict = gain === 0 ? "equal" : `${gain > 0 ? "B" : "A"} better by ${format(Math.abs(gain), 1)}`;
  const item = make("li", {}, make("div", { class: "head" }, make("span", {}, `line ${place + 1}`),
    make("span", { class: gain > 0 ? "b" : gain < 0 ? "a" : "" }, verdict)));
  item.append(what("source"), text("source", compared.source[place]), score(null));
  compared.references.forEach((reference, number) => item.append(
    what(compared.references.length > 1 ? `reference ${test().references[number].name}` : "reference"), text("reference", reference[place]), score(null)));
  for (const [key, scores] of [["a", compared.scoresA], ["b", compared.scoresB]]) {
    item.append(what(make("span", { class: `key ${key}` }, key.toUpperCase())), text(`of-${key}`, ...marked(parts[key], marks[key])), score(scores[place]));
  }
  return item;
}

function showMore(count = BATCH) {
  const list = $("sentences"), split = segmenter(), from = list.children.length;
  list.append(...listed.slice(from, from + count).map(place => sentence(place, split)));
  $("more").hidden = list.children.length >= listed.length;
}

function listSentences() {
  const wanted = state.search.trim().toLocaleLowerCase();
  listed = [...compared.source.keys()].filter(place => (!state.different || compared.a[place] !== compared.b[place]) &&
    (!wanted || compared.searchable[place].includes(wanted)));
  const keys = {
    gain: place => -compared.gain[place], loss: place => compared.gain[place], change: place => -Math.abs(compared.gain[place]),
    worst: place => (compared.scoresA[place] + compared.scoresB[place]) * (compared.lower ? -1 : 1),
    length: place => -compared.source[place].length, place: place => place,
  };
  const key = keys[state.order];
  listed.sort((one, other) => key(one) - key(other) || one - other);
  $("found").textContent = `${format(listed.length, 0)} of ${format(compared.source.length, 0)} sentences. Scores are those of single sentences.`;
  $("sentences").replaceChildren();
  showMore();
}

function verdict() {
  const { a, b } = state, [one, other] = [comparable(systems[a]), comparable(systems[b])], total = compared.gain.length;
  const p = pValue(a, b), difference = other.value - one.value;
  const sentences = make("p", { class: "figures" }, `${column().label}: A ${format(one.value)}, B ${format(other.value)}, difference `,
    make("b", { class: difference === 0 ? "" : (difference > 0) === !column().lower ? "up" : "down" }, signed(difference)));
  const claim = make("p", {}, p === null ? "" : p < data.level && difference !== 0 ?
    `The difference is significant: p = ${format(p, 3)}.` : `The difference is not significant: p = ${format(p, 3)}.`,
    make("span", { class: "faint" }, " Paired bootstrap (Koehn 2004)."));
  const losses = compared.gain.filter(gain => gain < 0).length, wins = compared.gain.filter(gain => gain > 0).length;
  const share = (kind, count, text) => {
    const part = make("span", { class: kind, title: `${text}: ${count}` }, text[0], make("span", { class: "extra" }, text.slice(1)), ` ${format(count, 0)}`);
    part.style.flex = `${count} 1 0`;
    return part;
  };
  $("verdict").replaceChildren(sentences, claim, make("div", { class: "shares" }, share("loss", losses, "A better"),
    share("tie", total - losses - wins, "= equal"), share("win", wins, "B better")));
}

let showing = 0;
async function showCompare() {
  const turn = showing += 1;
  const possible = byRank().filter(index => test().hypotheses[index] !== undefined && column().sentences[index] !== undefined);
  if (!possible.includes(state.a)) state.a = possible.find(index => index !== state.b) ?? null;
  if (!possible.includes(state.b)) state.b = possible.find(index => index !== state.a) ?? state.a;
  $("a").replaceChildren(...names(state.a, possible));
  $("b").replaceChildren(...names(state.b, possible));
  compared = possible.length ? await loadPair() : null;
  if (turn !== showing) return;  // another pair was chosen meanwhile
  for (const id of ["compare-tools", "found", "sentences"]) $(id).hidden = !compared;
  $("more").hidden = true;
  if (!compared) {
    $("verdict").replaceChildren(make("p", {}, "No texts are kept of systems on this test set."));
    return;
  }
  verdict();
  listSentences();
  remember();
}

function startCompare() {
  for (const key of ["a", "b"]) $(key).addEventListener("change", () => { state[key] = Number($(key).value); showCompare(); });
  $("swap").addEventListener("click", () => { [state.a, state.b] = [state.b, state.a]; showCompare(); });
  for (const key of ["order", "marks"]) $(key).addEventListener("change", () => { state[key] = $(key).value; listSentences(); });
  $("search").addEventListener("input", () => { state.search = $("search").value; listSentences(); });
  $("different").addEventListener("change", () => { state.different = $("different").checked; listSentences(); });
  $("more").addEventListener("click", () => showMore());
  const observer = new IntersectionObserver(entries => {
    if (!compared || !entries.some(entry => entry.isIntersecting)) return;
    showMore();
    observer.unobserve($("more"));  // it is asked again where the end of the list is still in sight
    observer.observe($("more"));
  }, { rootMargin: "400px" });
  observer.observe($("more"));
}
