"use strict";
// Sorting, filtering, and the window's line of a name; without this script the page shows the same names in words.

const lines = JSON.parse(document.getElementById("data").textContent).lines;
const filters = document.getElementById("filters");
const told = document.getElementById("told");
const tables = Array.from(document.querySelectorAll(".names"));
const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;

function namesOf(table) {
  return Array.from(table.tBodies[0].rows).filter((row) => row.dataset.ticker !== undefined);
}

function valueOf(row, place) {
  const cell = row.cells[place];
  const value = cell.dataset.value;
  if (value === undefined) return cell.textContent.trim();
  return value === "" ? null : Number(value);
}

function sort(table, heading) {
  const place = heading.cellIndex;
  const falls = heading.getAttribute("aria-sort") !== "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falls ? "descending" : "ascending");
  closeLine(table);
  const rows = namesOf(table).map((row) => [valueOf(row, place), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = a < b ? -1 : a > b ? 1 : 0;
    return falls ? -order : order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function filter() {
  const wanted = Object.fromEntries(new FormData(filters));
  const least = (text) => (text === "" ? null : Number(text));
  let shown = 0, whole = 0;
  for (const table of tables) {
    closeLine(table);
    for (const row of namesOf(table)) {
      const { ticker, kind, size, close } = row.dataset;
      const enough = (value, text) => least(text) === null || (value !== "" && Number(value) >= least(text));
      row.hidden = !(ticker.toUpperCase().includes(wanted.name.trim().toUpperCase())
        && (wanted.kind === "" || wanted.kind === kind) && enough(size, wanted.size) && enough(close, wanted.close));
      whole += 1;
      shown += row.hidden ? 0 : 1;
    }
  }
  told.textContent = shown === whole ? "" : `${shown} of ${whole} names`;
}

function closeLine(table) {
  for (const row of table.querySelectorAll("tr.line")) row.remove();
  for (const button of table.querySelectorAll(".open")) button.setAttribute("aria-expanded", "false");
}

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// The window's volumes from zero; a session without one is a gap, the dashed line the median of the earlier ones.
function lineOf(row) {
  const values = Object.hasOwn(lines, row.dataset.ticker) ? lines[row.dataset.ticker] : [];
  const there = values.filter((value) => value !== null);
  const cell = document.createElement("td");
  cell.colSpan = row.cells.length;
  const words = document.createElement("p");
  const median = values.slice(0, -1).filter((value) => value !== null).sort((a, b) => a - b);
  const middle = median.length ? (median[(median.length - 1) >> 1] + median[median.length >> 1]) / 2 : null;
  words.textContent = `${row.dataset.ticker}: off-exchange volume of ${values.length} sessions, ${there.length} with a value; ` +
    `greatest ${there.length ? Math.max(...there).toLocaleString("en-US") : "unknown"} shares` +
    (middle === null ? "" : `, median of the earlier ones ${middle.toLocaleString("en-US")}`) + ".";
  cell.append(words);
  if (there.length > 1) {
    const svg = drawn("svg", { viewBox: "0 0 600 80", role: "img", "aria-label": words.textContent, preserveAspectRatio: "none" });
    const most = Math.max(...there);
    const x = (index) => 6 + (index * 588) / (values.length - 1);
    const y = (value) => 74 - (68 * value) / most;
    if (middle !== null) svg.append(drawn("line", { x1: 0, x2: 600, y1: y(middle), y2: y(middle), class: "normal" }));
    let run = [];
    const flush = () => {
      if (run.length > 1) svg.append(drawn("polyline", { points: run.join(" ") }));
      run = [];
    };
    values.forEach((value, index) => (value === null ? flush() : run.push(`${x(index)},${y(value)}`)));
    flush();
    if (values.at(-1) !== null) svg.append(drawn("circle", { cx: x(values.length - 1), cy: y(values.at(-1)), r: 4 }));
    cell.append(svg);
  }
  const line = document.createElement("tr");
  line.className = "line";
  line.append(cell);
  return line;
}

for (const table of tables) {
  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-sort]");
    if (button) sort(table, button.closest("th"));
  });
  table.tBodies[0].addEventListener("click", (event) => {
    const button = event.target.closest(".open");
    if (!button) return;
    const isOpen = button.getAttribute("aria-expanded") === "true";
    closeLine(table);
    if (isOpen) return;
    button.setAttribute("aria-expanded", "true");
    button.closest("tr").after(lineOf(button.closest("tr")));
  });
}
filters.hidden = false;
filters.addEventListener("input", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
