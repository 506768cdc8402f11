"use strict";
// What the page knows, and its values in words: the same words as the static table's, which are made in Python.

const UNKNOWN = "\u2013";
const MINUS = "\u2212";
const TIMES = "\u00d7";

const data = JSON.parse(document.getElementById("data").textContent);
const columns = data.columns;
const columnOf = new Map(columns.map((column) => [column.name, column]));
const sessions = data.sessions;
const sessionOf = new Map(sessions.map((session) => [session.date, session]));

for (const session of sessions) {
  for (const [name, column] of Object.entries(session.columns)) session.columns[name] = spelled(column);
  for (const [name, column] of Object.entries(session.behind || {})) {
    if (name !== "excluded") session.behind[name] = spelled(column);
  }
  session.at = new Map(session.columns.ticker.map((ticker, index) => [ticker, index]));
}

function spelled(column) {
  return Array.isArray(column) ? column : column.at.map((place) => (place === null ? null : column.words[place]));
}

function own(mapping, key) {
  return mapping && Object.hasOwn(mapping, key) ? mapping[key] : undefined;
}

function term(kind, code) {
  const [label, tone, key] = own(data.terms[kind], code) || [code, "warn", ""];
  return { code, label, tone, key };
}

// Words of an explanation, from the element that holds it.
function explained(key) {
  const entry = key && document.getElementById(key);
  return entry ? Array.from(entry.querySelectorAll("p"), (p) => p.textContent) : [];
}

// As Python writes it: what lies exactly between two goes to the even one, what rounds to zero has no sign.
function fixed(value, decimals) {
  const text = unsigned(Math.abs(value), decimals);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

// toFixed sends a tie up; whether it is one, the whole expansion says, which is looked at where it may be.
function unsigned(size, decimals) {
  const scaled = size * 10 ** decimals;
  if (scaled < 2 ** 40 && Math.abs((scaled % 1) - 0.5) > 1e-3) return size.toFixed(decimals);
  const whole = size.toFixed(decimals + 40);
  const cut = whole.length - 40;
  const down = decimals ? whole.slice(0, cut) : whole.slice(0, cut - 1);
  return /^50*$/.test(whole.slice(cut)) && Number(down.at(-1)) % 2 === 0 ? down : size.toFixed(decimals);
}

function shares(value) {
  const size = Math.abs(value);
  if (size < 999.5) return fixed(value, size < 10 && !Number.isInteger(size) ? 1 : 0);
  for (const [scale, letter] of [[1e3, "K"], [1e6, "M"], [1e9, "B"], [1e12, "T"]]) {
    if (size / scale < 999.95 || letter === "T") return fixed(value / scale, 1) + letter;
  }
}

function signed(value) {
  const text = fixed(value, 2);
  return value > 0 && Number(text) !== 0 ? "+" + text : text;
}

function written(kind, value) {
  if (value === null || value === undefined) return UNKNOWN;
  switch (kind) {
    case "text": case "date": return String(value);
    case "shares": return shares(value);
    case "fraction": return (value < 10 ? fixed(100 * value, 1) : shares(100 * value)) + "%";
    case "percent": return fixed(value, 1) + "%";
    case "ratio": return (value < 1000 ? fixed(value, 2) : shares(value)) + TIMES;
    case "signed": return signed(value);
    case "points": return signed(100 * value);
    case "change": return signed(value) + "%";
    case "price": return fixed(value, value >= 1 ? 2 : 4);
    case "money": return "$" + shares(value);
    case "count": return fixed(value, 0);
  }
  return fixed(value, 2);
}

// To the last share, where there is room.
function exact(value) {
  return value === null ? UNKNOWN : value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

function flagsOf(session, index) {
  return session.columns.quality[index].split(",").filter(Boolean);
}

function unknown(column, flags) {
  const flag = column.unknownBy.find((code) => flags.includes(code));
  return { text: UNKNOWN, value: null, kind: "unknown", why: flag ? term("flag", flag).key : column.why };
}

function percent(value) {
  return Number(fixed(Math.min(100 * value, 100), 1));
}

function far(session, index, name) {
  const other = own(data.farInstead, name), measured = own(data.farBy, name) || name;
  const edges = own(data.farOut, measured);
  if (!edges || (other && session.columns[other][index] !== null)) return "";
  const [low, high] = edges, value = session.columns[measured][index];
  if (value === null) return "";
  return value <= low ? "low" : value >= high ? "high" : "";
}

function ends(session, index) {
  return [session.columns.bought_low[index], session.columns.bought_high[index]];
}

function bandWords(session, index) {
  const [low, high] = ends(session, index);
  return low === null || high === null ? "" : `${shares(low)} to ${shares(high)}`;
}

// The buy ratio as a point in its band, in percent of the volume.
function bandOf(session, index) {
  const volume = session.columns.trf_volume[index];
  const [low, high] = ends(session, index).map((end) => (end === null || !volume ? null : percent(end / volume)));
  const look = [session.columns.signal[index], session.columns.strength[index]].filter(Boolean).join(" ") || "neutral";
  return { at: percent(session.columns.lit_buy_ratio[index]), low, high, look };
}

// One cell: text, what it is sorted by (null: unknown), kind, and the explanation it opens.
function cellOf(session, index, column) {
  const value = session.columns[column.name][index];
  const flags = flagsOf(session, index);
  if (column.name === "signal") {
    if (!value && session.columns.estimated_bought[index] === null) return unknown(column, flags);
    const strength = session.columns.strength[index];
    const beside = value && strength ? term("strength", strength).label : "";
    return { text: term("signal", value).label, value: term("signal", value).label, kind: "signal", beside };
  }
  if (column.name === "classification_method") {
    const { label, key } = term("method", value);
    return { text: label, value: label, kind: "term", why: key };
  }
  if (column.name === "opinions") {
    if (value === "none") return unknown(column, flags);
    const { label, key } = term("opinion", value);
    return { text: label, value: label, kind: "term", why: key };
  }
  if (column.name === "strength") {
    if (!value) return unknown(column, flags);
    const { label, key } = term("strength", value);
    return { text: label, value: label, kind: "term", why: key };
  }
  if (column.name === "quality") return { text: value, value: value || null, kind: "flags" };
  const text = written(column.kind, value);
  if (text === UNKNOWN && column.name !== "ticker") return unknown(column, flags);
  const cell = { text, value, kind: "", far: far(session, index, column.name) };
  if (data.barred.includes(column.name)) cell.bar = percent(value);
  if (column.name === "estimated_bought") cell.beside = bandWords(session, index);
  if (column.name === "lit_buy_ratio") cell.band = bandOf(session, index);
  return cell;
}

// What the estimate says of a row: BOT, SELL, neutral or none.
function classOf(session, index) {
  const signal = session.columns.signal[index];
  return signal || (session.columns.estimated_bought[index] === null ? "none" : "neutral");
}
