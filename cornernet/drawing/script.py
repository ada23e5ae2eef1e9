"""The scripts of pages: tables that are sorted by a click, lists of images that are filtered, sorted and enlarged.

A page holds one script, the sum of those that it needs, which its policy names by its digest. They write text, never
HTML, so that a name stays a name.
"""

SORT = """
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => {
  const head = button.closest("th"), body = head.closest("table").tBodies[0], column = head.cellIndex;
  const key = row => { const cell = row.cells[column], held = cell.querySelector("data");
    return held ? Number(held.value) : cell.textContent; };
  const rows = [...body.rows], number = rows.some(row => typeof key(row) === "number");
  const before = head.getAttribute("aria-sort");
  const up = before ? before === "descending" : !number;
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  rows.sort((a, b) => { const x = key(a), y = key(b);
    if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
    return (up ? 1 : -1) * (typeof x === "number" ? x - y : x.localeCompare(y, undefined, {numeric: true})); });
  body.append(...rows); });
"""

GALLERY = """
const all = JSON.parse(document.querySelector("#shots").textContent), list = document.querySelector(".shots");
const form = document.querySelector(".choose"), field = form.elements, rest = document.querySelector(".more");
const zoom = document.querySelector("dialog"), drawn = ["svg", "rect", "title", "text"];
let shown = [], current = 0;
const make = (tag, has, ...inside) => { const made = drawn.includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(has)) made.setAttribute(key, value);
  made.append(...inside); return made; };
const panes = shot => shot.panes.map(([title, boxes]) => make("span", {class: "pane"},
  ...(shot.file ? [make("img", {alt: "", decoding: "async", src: "data:image/jpeg;base64," + shot.file})] : []),
  make("svg", {viewBox: "0 0 " + shot.size.join(" "), "aria-hidden": "true"},
    ...boxes.map(([kind, x, y, width, height, text]) =>
      make("rect", {class: kind, x, y, width, height}, make("title", {}, text)))),
  ...(title ? [make("em", {}, make("bdi", {}, title))] : [])));
const card = shot => { const name = "Enlarge " + shot.name;
  const button = make("button", {type: "button", "aria-label": name}, ...panes(shot));
  button.addEventListener("click", () => open(shown.indexOf(shot)));
  return make("figure", {}, button,
    make("figcaption", {}, make("b", {}, make("bdi", {}, shot.name)), " " + shot.caption)); };
const fits = shot => { const kind = field.kind.value, label = field.label.value;
  return shot.f1 >= Number(field.low.value) && shot.f1 <= Number(field.high.value || 1)
    && shot.name.toLowerCase().includes(field.search.value.toLowerCase())
    && (!kind && !label || shot.panes.some(([, boxes]) => boxes.some(box =>
      (!kind || box[0] === kind) && (!label || box[6].includes(Number(label)))))); };
const more = () => { list.append(...shown.slice(list.children.length, list.children.length + 60).map(card));
  rest.hidden = list.children.length >= shown.length; };
const show = () => { const [key, sign] = field.order.value.split(" ");
  shown = all.filter(fits).sort((a, b) => sign * (a[key] - b[key]));
  form.querySelector("output").value = `${shown.length} of ${all.length} images`;
  list.replaceChildren(); more(); };
const write = svg => { const view = svg.viewBox.baseVal, taken = [];
  const unit = 1 / Math.min(svg.clientWidth / view.width, svg.clientHeight / view.height);
  for (const box of [...svg.querySelectorAll("rect:not(.a)")].reverse()) { const x = box.x.baseVal.value + unit;
    let y = Math.max(box.y.baseVal.value - 4 * unit, 14 * unit);
    const hides = at => Math.abs(at.x - x) < 120 * unit && Math.abs(at.y - y) < 15 * unit;
    while (y < view.height && taken.some(hides)) y += 15 * unit;
    if (y >= view.height) continue;
    taken.push({x, y});
    svg.append(make("text", {class: box.getAttribute("class"), x, y, "font-size": 14 * unit, "stroke-width": 3 * unit},
      box.textContent)); } };
const open = at => { current = (at + shown.length) % shown.length;
  zoom.querySelector(".stage").replaceChildren(...panes(shown[current]));
  zoom.querySelector("p").textContent = `${shown[current].name} ${shown[current].caption}`;
  if (!zoom.open) zoom.showModal();
  zoom.querySelectorAll("svg").forEach(write); };
form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("input", event => { if (event.target.name !== "draw") return show();
  for (const where of [list, zoom]) where.classList.toggle("no-" + event.target.value, !event.target.checked); });
zoom.addEventListener("keydown", event => { const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by) open(current + by); });
zoom.addEventListener("click", event => { const by = Number(event.target.value);
  if (by) open(current + by); else if (event.target.name === "close" || event.target === zoom) zoom.close(); });
zoom.addEventListener("close", () => { while (list.children.length <= current) more();
  list.children[current].querySelector("button").focus(); });
zoom.querySelector("[name=names]").addEventListener("change", event =>
  zoom.classList.toggle("no-names", !event.target.checked));
rest.addEventListener("click", more);
new IntersectionObserver(seen => { if (seen.some(one => one.isIntersecting)) more(); },
  {rootMargin: "600px"}).observe(rest);
form.querySelector("fieldset").disabled = false; show();
"""
