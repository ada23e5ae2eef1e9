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
const list = document.querySelector(".shots"), form = document.querySelector(".choose");
const zoom = document.querySelector("dialog"), shots = [...list.children], field = form.elements;
let current = null;
const fits = shot => { const kind = field.kind.value, label = field.label.value;
  return shot.dataset.f1 >= Number(field.low.value) && shot.dataset.f1 <= Number(field.high.value)
    && shot.querySelector("bdi").textContent.toLowerCase().includes(field.search.value.toLowerCase())
    && (!kind && !label || shot.dataset.of.split(" ").some(one =>
      (!kind || one[0] === kind) && (!label || one.slice(1) === label))); };
const filter = () => { for (const shot of shots) shot.hidden = !fits(shot);
  form.querySelector("output").value = `${shots.filter(shot => !shot.hidden).length} of ${shots.length} images`; };
const sort = () => { const [key, sign] = field.order.value.split(" ");
  list.append(...[...shots].sort((a, b) => sign * (a.dataset[key] - b.dataset[key]))); };
const write = svg => { const view = svg.viewBox.baseVal, taken = [];
  const unit = 1 / Math.min(svg.clientWidth / view.width, svg.clientHeight / view.height);
  for (const box of svg.querySelectorAll("rect")) { const x = box.x.baseVal.value + unit;
    let y = Math.max(box.y.baseVal.value - 4 * unit, 14 * unit);
    while (taken.some(at => Math.abs(at.x - x) < 120 * unit && Math.abs(at.y - y) < 15 * unit)) y += 15 * unit;
    taken.push({x, y});
    const text = document.createElementNS(svg.namespaceURI, "text");
    text.textContent = box.textContent;
    for (const [key, value] of Object.entries({class: box.getAttribute("class"), x, y, "font-size": 14 * unit,
      "stroke-width": 3 * unit})) text.setAttribute(key, value);
    svg.append(text); } };
const open = shot => { current = shot;
  zoom.querySelector(".stage").replaceChildren(...[...shot.querySelectorAll(".pane")].map(x => x.cloneNode(true)));
  zoom.querySelector("p").textContent = shot.querySelector("figcaption").textContent;
  if (!zoom.open) zoom.showModal();
  zoom.querySelectorAll("svg").forEach(write); };
const step = by => { const shown = [...list.children].filter(shot => !shot.hidden);
  open(shown[(shown.indexOf(current) + by + shown.length) % shown.length]); };
list.addEventListener("click", event => { const button = event.target.closest("button");
  if (button) open(button.closest("figure")); });
form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("input", event => { const draw = event.target.name === "draw";
  if (draw) for (const where of [list, zoom]) where.classList.toggle("no-" + event.target.value, !event.target.checked);
  else event.target.name === "order" ? sort() : filter(); });
zoom.addEventListener("keydown", event => { const by = {ArrowLeft: -1, ArrowRight: 1}[event.key]; if (by) step(by); });
zoom.addEventListener("click", event => { const value = event.target.value;
  if (value) step(Number(value)); else if (event.target.name === "close" || event.target === zoom) zoom.close(); });
zoom.addEventListener("close", () => current.querySelector("button").focus());
zoom.querySelector("[name=names]").addEventListener("change", event =>
  zoom.classList.toggle("no-names", !event.target.checked));
form.querySelector("fieldset").disabled = false; sort(); filter();
"""
