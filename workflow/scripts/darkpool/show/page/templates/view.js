// The view: session, order, filters, columns and open row. It lives in the address, so that a link opens it again.

const filter = document.getElementById("filter");
const quality = document.getElementById("quality");
const method = document.getElementById("method");
const CLASSES = [["BOT", "BOT"], ["SELL", "SELL"], ["neutral", "neutral"], ["none", "no estimate"]];
const heads = Array.from(board.tHead.querySelectorAll("th[data-name]"));
const groups = Array.from(board.tHead.rows[0].cells);
const scroller = document.getElementById("board");
let view;
let order = [];
let current = 0;

// Columns shown while none are chosen: the essential ones, less those in which this session knows nothing.
function essential(now, isWhole) {
  const names = columns.filter((column) => column.essential).map((column) => column.name);
  return new Set(isWhole ? names : names.filter((name) => !now.empty.includes(name)));
}

function chosen(now) {
  return view.columns || essential(now, view.empty);
}

function read(address) {
  const given = new URLSearchParams(address.replace(/^#/, ""));
  const [name, way] = (given.get("sort") || "").split(".");
  const named = given.has("columns") ? given.get("columns").split(".").filter((column) => columnOf.has(column)) : null;
  return {
    date: sessionOf.has(given.get("date")) ? given.get("date") : data.target,
    sort: columnOf.has(name) ? { name, down: way !== "up" } : null,
    q: given.get("q") || "",
    signal: new Set((given.get("signal") || "").split(".").filter((code) => CLASSES.some(([known_]) => known_ === code))),
    flag: given.get("flag") || "",
    method: given.get("method") || "",
    columns: named ? new Set(["ticker", ...named]) : null,
    empty: given.has("empty"),
    row: sessions.some((session_) => session_.at.has(given.get("row"))) ? given.get("row") : "",
  };
}

function addressOf(given) {
  const told = new URLSearchParams();
  if (given.date && given.date !== data.target) told.set("date", given.date);
  if (given.sort) told.set("sort", given.sort.name + (given.sort.down ? ".down" : ".up"));
  if (given.q) told.set("q", given.q);
  if (given.signal && given.signal.size) told.set("signal", Array.from(given.signal).join("."));
  if (given.flag) told.set("flag", given.flag);
  if (given.method) told.set("method", given.method);
  if (given.empty && !given.columns) told.set("empty", "");
  if (given.columns) {
    told.set("columns", columns.filter((c) => given.columns.has(c.name) && c.name !== "ticker").map((c) => c.name).join("."));
  }
  if (given.row) told.set("row", given.row);
  return "#" + told;
}

function remember(isStep) {
  const address = addressOf(view);
  if (address === (location.hash || "#")) return;
  try {
    history[isStep ? "pushState" : "replaceState"](null, "", address);
  } catch {
    // A viewer that keeps its own addresses: the view works, it merely cannot be bookmarked there.
  }
}

function change(given, isStep = false) {
  Object.assign(view, given);
  remember(isStep);
  show();
}

function session() {
  return sessionOf.get(view.date);
}

function says(text) {
  const place = document.getElementById("left");
  if (place.textContent !== text) place.textContent = text;
}

let shownOrder = "";
function show() {
  const now = session();
  order = sorted(now, left(now, view), view.sort);
  const drawnNow = view.date + " " + order.join();
  if (drawnNow !== shownOrder) {
    draw(now, order);
    if (shownOrder) scroller.scrollTop = 0;
    shownOrder = drawnNow;
    current = 0;
  }
  showHead(now);
  showControls(now);
  const index = view.row ? now.at.get(view.row) : undefined;
  if (index === undefined) hideRow();
  else {
    const place = order.indexOf(index);
    if (place >= 0) current = place;
    showDetails(now, index, { number: place < 0 ? UNKNOWN : place + 1, of: order.length });
  }
  mark();
}

function showHead(now) {
  const names = chosen(now);
  for (const head of heads) {
    const { name } = head.dataset;
    const sort = view.sort || { name: "accum_score", down: true };
    if (name === sort.name) head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  columns.forEach((column, index) => {
    board.classList.toggle(`without-${index + 1}`, !names.has(column.name));
  });
  let at = 0;
  for (const group of groups) {
    const size = Number(group.dataset.size || (group.dataset.size = group.colSpan));
    const visible = columns.slice(at, at + size).filter((column) => names.has(column.name)).length;
    group.hidden = !visible;
    group.colSpan = Math.max(visible, 1);
    at += size;
  }
}

function showControls(now) {
  const time = document.getElementById("shown");
  time.textContent = `${now.day} ${now.date}`;
  time.dateTime = now.date;
  document.title = document.title.replace(/\d{4}-\d{2}-\d{2}$/, now.date);
  board.caption.textContent = board.caption.textContent.replace(/\d{4}-\d{2}-\d{2}/, now.date);
  scroller.setAttribute("aria-label", `Table of ${now.date}`);
  for (const button of document.querySelectorAll("#days button")) {
    const isNow = button.dataset.date === now.date;
    button.setAttribute("aria-pressed", isNow);
    if (isNow && showControls.date !== now.date) {
      requestAnimationFrame(() => { button.parentElement.scrollLeft = button.offsetLeft - button.parentElement.clientWidth / 2; });
    }
  }
  if (showControls.date && showControls.date !== now.date) showSources(now);
  showNeighbours(now);
  showControls.date = now.date;
  const numbers = new Map(CLASSES.map(([code]) => [code, 0]));
  for (let index = 0; index < now.rows; index += 1) {
    const code = classOf(now, index);
    numbers.set(code, numbers.get(code) + 1);
  }
  document.querySelector("#tiles .all b").textContent = now.rows;
  for (const button of document.querySelectorAll("#tiles button")) {
    button.querySelector("b").textContent = numbers.get(button.dataset.code);
    button.setAttribute("aria-pressed", view.signal.has(button.dataset.code));
  }
  if (filter.value !== view.q) filter.value = view.q;
  options(quality, now, "Any flag", [["-", "No warning"], ...used(now, "flag", (index) => flagsOf(now, index))], view.flag);
  options(method, now, "Any method", used(now, "method", (index) => [now.columns.classification_method[index]]), view.method);
  for (const control of [filter, quality, method]) control.classList.toggle("active", Boolean(control.value));
  const names = chosen(now);
  const hidden = columns.length - names.size;
  document.getElementById("choose").replaceChildren("Columns", element("span", null, hidden ? ` (${hidden} hidden)` : ""));
  for (const box of document.querySelectorAll("#columns input")) box.checked = names.has(box.value);
  showFold(now);
  document.getElementById("reset").hidden = addressOf({ ...view, date: "", row: "" }) === "#";
  const sort = view.sort ? `, by ${columnOf.get(view.sort.name).label}, ${view.sort.down ? "highest" : "lowest"} first` : "";
  says(`${order.length === now.rows ? now.rows : order.length + " of " + now.rows} shown${sort}`);
}

// Columns in which the session knows nothing are folded, and said to be.
function showFold(now) {
  const fold = document.getElementById("fold");
  const folded = columns.filter((column) => column.essential && now.empty.includes(column.name));
  fold.hidden = Boolean(view.columns) || !folded.length;
  if (fold.hidden) return;
  const many = folded.length > 1 ? `${folded.length} empty columns` : "1 empty column";
  fold.textContent = (view.empty ? "\u25be Fold " : "\u25b8 ") + many;
  fold.title = folded.map((column) => column.label).join(", ");
  fold.setAttribute("aria-expanded", view.empty);
}

// What is said above the table belongs to the session shown.
function showSources(now) {
  const lacking = document.getElementById("no-estimate");
  lacking.textContent = now.noEstimate;
  lacking.hidden = !now.noEstimate;
  const list = document.getElementById("sources");
  if (list) {
    list.setAttribute("aria-label", `Sources of ${now.date}`);
    list.replaceChildren(...now.sources.map((source) => element("li", { class: source.tone },
      element("details", { open: source.tone === "warn" },
        element("summary", null, source.source + " ", element("b", null, source.state)),
        ...[source.fetched, source.reason, source.detail].filter(Boolean).map((text) => element("p", null, text))))));
  }
  const notes = document.getElementById("notes");
  const alarms = document.getElementById("alarms");
  for (const note of Array.from(notes.children)) if (note !== alarms) note.remove();
  notes.append(...now.notes.map((note) => element("li", null, note)));
  if (alarms) alarms.hidden = now.date !== data.target;
  notes.hidden = !Array.from(notes.children).some((note) => !note.hidden);
  document.getElementById("stands-out").hidden = now.date !== data.target;
}

// The sessions before and after the one shown, of those on this page: what lies in other folders may not be there.
function showNeighbours(now) {
  const dates = Array.from(sessionOf.keys()).sort();
  const at = dates.indexOf(now.date);
  for (const [id, date] of [["before", dates[at - 1]], ["after", dates[at + 1]]]) {
    const link = document.getElementById(id);
    if (!link) return;
    link.hidden = !date;
    if (!date) continue;
    link.href = addressOf({ ...view, date });
    link.textContent = id === "before" ? `‹ ${date}` : `${date} ›`;
    link.onclick = (event) => { event.preventDefault(); change({ date }, true); };
  }
}

function used(now, kind, codesOf) {
  const found = new Map();
  for (let index = 0; index < now.rows; index += 1) {
    for (const code of codesOf(index)) found.set(code, (found.get(code) || 0) + 1);
  }
  return Array.from(found, ([code, count]) => [code, `${term(kind, code).label} (${count})`]).sort((a, b) => (a[1] < b[1] ? -1 : 1));
}

function options(select, now, any, list, value) {
  const wanted = [["", any], ...list];
  if (!wanted.some(([code]) => code === value)) wanted.push([value, `${value} (0)`]);
  const key = JSON.stringify(wanted);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...wanted.map(([code, label]) => element("option", { value: code }, label)));
  }
  select.value = value;
}

// Rows: one of them is current; the open one is marked.
function mark() {
  for (const row of board.querySelectorAll("tr.current, tr.open")) {
    row.classList.remove("current", "open");
    row.cells[0].firstChild.tabIndex = -1;
    row.cells[0].firstChild.removeAttribute("aria-current");
    for (const button of row.getElementsByTagName("button")) button.tabIndex = -1;
  }
  if (!order.length) return;
  const row = rowOf(session(), order[current]);
  row.classList.add("current");
  row.cells[0].firstChild.tabIndex = 0;
  for (const button of row.getElementsByTagName("button")) button.tabIndex = 0;
  if (view.row && session().columns.ticker[order[current]] === view.row) {
    row.classList.add("open");
    row.cells[0].firstChild.setAttribute("aria-current", "true");
  }
}

function focusRow() {
  if (!order.length) return;
  const row = rowOf(session(), order[current]);
  if (!row.isConnected) draw.finish();
  const link = row.cells[0].firstChild;
  link.focus({ preventScroll: true });
  const box = row.getBoundingClientRect(), frame = scroller.getBoundingClientRect();
  const top = frame.top + board.tHead.offsetHeight;
  if (box.top < top) scroller.scrollTop -= top - box.top;
  else if (box.bottom > frame.bottom) scroller.scrollTop += box.bottom - frame.bottom;
  const now = row.getBoundingClientRect();
  if (now.top < 0 || now.bottom > innerHeight) row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  if (!order.length) return;
  current = Math.max(0, Math.min(order.length - 1, current + (order[current] === undefined ? 0 : by)));
  if (view.row) {
    const isInside = panel.contains(document.activeElement);
    change({ row: session().columns.ticker[order[current]] });
    if (isInside) document.getElementById("details-title").focus();
    else focusRow();
  } else {
    mark();
    focusRow();
  }
}

function openRow(index) {
  change({ row: session().columns.ticker[index] }, true);
  document.getElementById("details-title").focus({ preventScroll: innerWidth > 900 });
  reveal();
}

// Where the details stand under the table, row and details are brought onto one screen.
function reveal() {
  if (innerWidth <= 900 || !order.length) return;
  if (panel.getBoundingClientRect().top > 0.6 * innerHeight) scroller.scrollIntoView({ block: "start" });
  const row = rowOf(session(), order[current]);
  if (!row.isConnected) draw.finish();
  const box = row.getBoundingClientRect(), frame = scroller.getBoundingClientRect();
  if (box.bottom > frame.bottom) scroller.scrollTop += box.bottom - frame.bottom;
}

function closeRow() {
  if (!view.row) return;
  change({ row: "" }, true);
  focusRow();
}

function hideRow() {
  panel.hidden = true;
  panel.replaceChildren();
  document.body.classList.remove("opened");
}

function step(by) {
  const at = sessions.indexOf(session()) + by;
  if (sessions[at]) change({ date: sessions[at].date }, true);
}

function sortBy(head) {
  const { name, kind } = head.dataset;
  const first = kind === "number";
  const now = view.sort || (name === "accum_score" ? { name, down: true } : null);
  let next = { name, down: first };
  if (now && now.name === name) next = now.down === first ? { name, down: !first } : null;
  if (next && next.name === "accum_score" && next.down) next = null;
  change({ sort: next });
}

// Controls that only work with this script are made by it.
sortable(board, sortBy);
document.getElementById("tools").hidden = false;
document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());

{
  const days = document.getElementById("days");
  days.hidden = sessions.length < 2;
  for (const one of sessions) {
    const button = element("button", { type: "button", "data-date": one.date, "aria-label": `${one.day} ${one.date}` },
      element("small", null, one.day), " ", one.date.slice(5));
    button.addEventListener("click", () => change({ date: one.date }, true));
    days.append(button);
  }
  for (const [code, label] of CLASSES) {
    const tile = Array.from(document.querySelectorAll("#tiles li")).find((li) => li.querySelector("span").textContent === label);
    const button = element("button", { type: "button", "data-code": code, "aria-pressed": "false" }, ...tile.childNodes);
    button.addEventListener("click", () => {
      const signal = new Set(view.signal);
      if (!signal.delete(code)) signal.add(code);
      change({ signal });
    });
    tile.append(button);
  }
  const sheet = document.getElementById("columns");
  const preset = (text, names) => {
    const button = element("button", { type: "button", class: "tool" }, text);
    button.addEventListener("click", () => change({ columns: names() }));
    return button;
  };
  sheet.append(element("h2", null, "Columns"), element("p", { class: "presets" },
    preset("Essential", () => null), preset("All", () => new Set(columns.map((column) => column.name)))));
  let fields = null, group = null;
  for (const column of columns) {
    if (column.name === "ticker") continue;
    if (column.group !== group) {
      group = column.group;
      fields = element("fieldset", null, element("legend", null, group));
      sheet.append(fields);
    }
    const box = element("input", { type: "checkbox", value: column.name });
    box.addEventListener("change", () => {
      const names = new Set(chosen(session()));
      if (box.checked) names.add(column.name);
      else names.delete(column.name);
      change({ columns: names });
    });
    fields.append(element("label", null, box, " ", column.label));
  }
}

filter.addEventListener("input", () => change({ q: filter.value }));
quality.addEventListener("change", () => change({ flag: quality.value }));
method.addEventListener("change", () => change({ method: method.value }));
document.getElementById("fold").addEventListener("click", () => change({ empty: !view.empty }));
document.getElementById("reset").addEventListener("click", () => {
  change({ sort: null, q: "", signal: new Set(), flag: "", method: "", columns: null, empty: false });
  filter.focus();
});

body.addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  const link = event.target.closest("a");
  if (!row || event.target.closest("button") || (link && (event.ctrlKey || event.metaKey || event.shiftKey))) return;
  event.preventDefault();
  if (String(getSelection())) return;
  if (view.row === session().columns.ticker[row.at]) closeRow();
  else openRow(row.at);
});

body.addEventListener("focusin", (event) => {
  const row = event.target.closest("tr");
  const place = row ? order.indexOf(row.at) : -1;
  if (place >= 0 && place !== current) {
    current = place;
    mark();
  }
});

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const { target, key } = event;
  const isField = target.matches("input:not([type=checkbox]), select, textarea");
  if (key === "Escape") {
    if (document.querySelector(":popover-open")) return;
    if (target === filter && filter.value) change({ q: "" });
    else if (isField) target.blur();
    else closeRow();
    return;
  }
  if (isField) {
    if (target === filter && (key === "ArrowDown" || key === "Enter")) {
      event.preventDefault();
      focusRow();
    }
    return;
  }
  const onRow = target.closest("#board tbody");
  const acts = {
    "/": () => filter.focus(),
    j: () => move(onRow || view.row ? 1 : 0),
    k: () => move(-1),
    ArrowDown: onRow && (() => move(1)),
    ArrowUp: onRow && (() => move(-1)),
    "[": () => step(-1),
    "]": () => step(1),
    c: () => document.getElementById("columns").togglePopover(),
    "?": () => document.getElementById("keys").togglePopover(),
  };
  if (!acts[key]) return;
  event.preventDefault();
  acts[key]();
}
document.addEventListener("keydown", onKey);

// Explanations also open under the pointer; keys and touch use their buttons, and a row's details spell all out.
if (matchMedia("(hover: hover)").matches) {
  document.addEventListener("mouseover", (event) => {
    const anchor = event.target.closest("button[popovertarget]:not(.tool), [data-why]");
    if (!anchor || document.querySelector(".sheet:popover-open")) return;
    const tip = document.getElementById(anchor.dataset.why || anchor.getAttribute("popovertarget"));
    if (!tip) return;
    if (!tip.matches(":popover-open")) tip.showPopover();
    place(tip, anchor);
    anchor.addEventListener("mouseleave", () => {
      tip.hidePopover();
      tip.classList.remove("placed");
      tip.style.left = tip.style.top = "";
    }, { once: true });
  });
  document.addEventListener("click", (event) => {
    if (event.detail && event.target.closest("button[popovertarget]:not(.tool)")) event.preventDefault();
  });
}

function place(tip, anchor) {
  const at = anchor.getBoundingClientRect();
  tip.classList.add("placed");
  const from = Math.min(at.left, innerWidth - tip.offsetWidth - 12);
  const below = at.bottom + 6;
  const top = below + tip.offsetHeight > innerHeight ? at.top - tip.offsetHeight - 6 : below;
  tip.style.left = Math.max(8, from) + "px";
  tip.style.top = Math.max(8, top) + "px";
}

// The names of the groups stay beside the ticker column; measured when it is laid out anyway.
new ResizeObserver(([entry]) => {
  board.tHead.rows[0].style.setProperty("--stick", entry.borderBoxSize[0].inlineSize + "px");
}).observe(heads[0]);

addEventListener("beforeprint", () => draw.finish());
addEventListener("popstate", () => {
  // A link within the page, to its weeks or checks, is no view.
  if (/^#[\w-]+$/.test(location.hash)) return;
  current = 0;
  view = read(location.hash);
  show();
});

view = read(/^#[\w-]+$/.test(location.hash) ? "" : location.hash);
show();
if (view.row && !panel.hidden) reveal();
