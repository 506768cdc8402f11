// Rows: made when they are first shown, kept, and put in any order; the static table's own are taken over as they are.

const board = document.querySelector("#board table");
const body = board.tBodies[0];
const FIRST = 60;
const SLICE = 120;
let drawing = 0;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function opener(key, text, name, label) {
  return element("button", { type: "button", popovertarget: key, class: name, "aria-label": label }, text);
}

// A flag that the page's head says of the whole session warns of no row.
function toneOf(session, flag) {
  return session.saidOnce.includes(flag) ? "plain" : term("flag", flag).tone;
}

function bandMark(band) {
  const mark = element("i", { class: "band " + band.look, "aria-hidden": "true" });
  mark.style.setProperty("--at", band.at);
  if (band.low !== null && band.high !== null) {
    mark.style.setProperty("--low", band.low);
    mark.style.setProperty("--high", band.high);
  }
  return mark;
}

function isMarked(session, index) {
  return flagsOf(session, index).some((flag) => toneOf(session, flag) === "warn");
}

function tickerCell(session, index) {
  const link = element("a", null, element("bdi", null, session.columns.ticker[index]));
  const mark = isMarked(session, index) ? element("i", { "aria-hidden": "true" }, "*") : null;
  return element("th", { scope: "row" }, link, mark);
}

function chip(cell) {
  return element("b", { class: ["chip", cell.text, cell.beside].filter(Boolean).join(" ") }, cell.text);
}

function tableCell(session, index, column) {
  const cell = cellOf(session, index, column);
  const td = document.createElement("td");
  if (cell.kind === "signal") td.append(chip(cell));
  else if (cell.kind === "unknown") td.append(opener(cell.why, cell.text, "unknown", "unknown"));
  else if (cell.kind === "flags") {
    for (const flag of flagsOf(session, index)) {
      if (flag === "simulated") continue; // The page's first line says it.
      const { label, key } = term("flag", flag);
      td.append(element("span", { class: "chip flag " + toneOf(session, flag), "data-why": key }, label), " ");
    }
  } else {
    td.textContent = cell.text;
    if (cell.why) td.dataset.why = cell.why;
    if (cell.bar !== undefined) {
      td.className = "barred";
      td.style.setProperty("--bar", cell.bar + "%");
    }
    if (cell.far) td.className = "far " + cell.far;
  }
  if (cell.beside) td.append(" ", element("small", null, cell.beside));
  if (cell.band) td.append(bandMark(cell.band));
  return td;
}

function makeRow(session, index) {
  const row = document.createElement("tr");
  if (flagsOf(session, index).some((flag) => data.mutedBy.includes(flag))) row.className = "muted";
  row.append(tickerCell(session, index));
  for (const column of columns) if (column.name !== "ticker") row.append(tableCell(session, index, column));
  return row;
}

// A row's link leads to its details; only one row is a stop of the Tab key, and its buttons with it.
function adopt(row, session, index) {
  row.at = index;
  const link = row.cells[0].firstChild;
  link.href = addressOf({ date: session.date, row: session.columns.ticker[index] });
  link.tabIndex = -1;
  for (const button of row.getElementsByTagName("button")) button.tabIndex = -1;
  session.made[index] = row;
  return row;
}

function rowOf(session, index) {
  return session.made[index] || adopt(makeRow(session, index), session, index);
}

for (const session of sessions) session.made = [];
{
  const target = sessionOf.get(data.target);
  Array.from(body.rows).forEach((row, index) => adopt(row, target, index));
}

// The first screenful now, the rest in slices that leave the page free to answer between them.
function draw(session, order) {
  const mine = ++drawing;
  board.classList.add("taken");
  body.replaceChildren(...order.slice(0, FIRST).map((index) => rowOf(session, index)));
  let done = Math.min(FIRST, order.length);
  function more() {
    if (mine !== drawing || done >= order.length) return;
    const next = order.slice(done, done + SLICE);
    done += next.length;
    body.append(...next.map((index) => rowOf(session, index)));
    setTimeout(more);
  }
  draw.finish = function () {
    if (mine !== drawing) return;
    body.append(...order.slice(done).map((index) => rowOf(session, index)));
    done = order.length;
  };
  setTimeout(more);
}
draw.finish = () => {};

// Equal values keep the page's own order, and the unknown stands last either way.
function sorted(session, indexes, sort) {
  if (!sort) return indexes;
  const column = columnOf.get(sort.name);
  const keys = session.columns.ticker.map((_, index) => cellOf(session, index, column).value);
  return indexes.slice().sort((left, right) => {
    const a = keys[left], b = keys[right];
    if (a === null || b === null) return (a === null) - (b === null);
    return sort.down ? (a < b) - (a > b) : (a > b) - (a < b);
  });
}

function haystack(session, index) {
  session.words = session.words || [];
  if (session.words[index] === undefined) {
    const words = [session.columns.ticker[index]];
    for (const name of ["signal", "strength", "classification_method", "opinions"]) {
      words.push(cellOf(session, index, columnOf.get(name)).text);
    }
    for (const flag of flagsOf(session, index)) words.push(flag, term("flag", flag).label);
    session.words[index] = words.join("\n").toLowerCase();
  }
  return session.words[index];
}

function left(session, view) {
  const wanted = view.q.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (let index = 0; index < session.rows; index += 1) {
    const flags = flagsOf(session, index);
    if (view.signal.size && !view.signal.has(classOf(session, index))) continue;
    if (view.method && session.columns.classification_method[index] !== view.method) continue;
    if (view.flag === "-" ? isMarked(session, index) : view.flag && !flags.includes(view.flag)) continue;
    if (wanted.every((word) => haystack(session, index).includes(word))) found.push(index);
  }
  return found;
}

// The small tables below (weeks, checks) hold no more than their rows and are sorted where they stand.
function known(cell) {
  return cell.dataset.value !== undefined && cell.dataset.value !== "";
}

function sortPlain(table, head, index) {
  const numeric = head.dataset.kind === "number";
  const first = numeric ? "descending" : "ascending";
  const second = numeric ? "ascending" : "descending";
  const now = head.getAttribute("aria-sort");
  const next = now === first ? second : now === second ? null : first;
  for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  if (next) head.setAttribute("aria-sort", next);
  const rows = Array.from(table.tBodies[0].rows);
  rows.forEach((row, place) => { if (row.at === undefined) row.at = place; });
  rows.sort((one, other) => one.at - other.at);
  if (next) {
    const direction = next === "ascending" ? 1 : -1;
    rows.sort((one, other) => {
      const a = one.cells[index], b = other.cells[index];
      if (!known(a) || !known(b)) return known(b) - known(a);
      const x = numeric ? Number(a.dataset.value) : a.dataset.value;
      const y = numeric ? Number(b.dataset.value) : b.dataset.value;
      return direction * ((x > y) - (x < y));
    });
  }
  table.tBodies[0].append(...rows);
}

function sortable(table, act) {
  Array.from(table.tHead.querySelectorAll("th[data-name]")).forEach((head, index) => {
    const label = head.querySelector(".label");
    const button = element("button", { type: "button", class: "label sort" }, label.textContent);
    button.addEventListener("click", () => act(head, index));
    label.replaceWith(button);
  });
}

for (const table of document.querySelectorAll("table.weeks, table.checks")) {
  sortable(table, (head, index) => sortPlain(table, head, index));
}
