// What lies behind a row: its numbers in full, lines over time, the lit side, flags, checks, sources and its plot.

const panel = document.getElementById("details");
const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function part(title, ...children) {
  return element("section", null, element("h3", null, title), ...children);
}

// A line with its gaps: a session without a value breaks it, and one alone between gaps is a dot.
function spark(name, days, values, shown, kind, zero) {
  const width = 360, height = 64, pad = 5;
  const there = values.filter((value) => value !== null);
  const at = days.indexOf(shown);
  const now = at < 0 ? null : values[at];
  const told = `least ${written(kind, Math.min(...there))}, greatest ${written(kind, Math.max(...there))}` +
    (there.length < values.length ? `, ${values.length - there.length} unknown` : "");
  if (!there.length) {
    return element("div", { class: "trend" },
      element("p", { class: "spark-head" }, element("b", null, name), " ", element("span", null, UNKNOWN)),
      element("p", { class: "quiet" }, `Unknown in all of the ${days.length} sessions from ${days[0]} to ${days.at(-1)}.`));
  }
  const head = element("p", { class: "spark-head" }, element("b", null, name), " ",
    element("span", null, written(kind, now)));
  const foot = element("p", { class: "quiet" }, `${days.length} sessions from ${days[0]} to ${days.at(-1)}: ${told}`);
  const label = `${name}, ${written(kind, now)} on ${shown}; ${foot.textContent}`;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "spark", role: "img", "aria-label": label });
  const low = Math.min(...there, ...(zero ? [0] : []));
  const span = Math.max(...there, ...(zero ? [0] : [])) - low || 1;
  const x = (index) => (days.length < 2 ? width / 2 : pad + (index * (width - 2 * pad)) / (days.length - 1));
  const y = (value) => height - pad - ((value - low) * (height - 2 * pad)) / span;
  if (zero) svg.append(drawn("line", { x1: 0, x2: width, y1: y(0), y2: y(0), class: "zero" }));
  let run = [];
  const flush = () => {
    if (run.length > 1) svg.append(drawn("polyline", { points: run.map((p) => p.join()).join(" ") }));
    else if (run.length) svg.append(drawn("circle", { cx: run[0][0], cy: run[0][1], r: 1.6 }));
    run = [];
  };
  values.forEach((value, index) => {
    if (value === null) flush();
    else run.push([x(index).toFixed(1), y(value).toFixed(1)]);
  });
  flush();
  if (now !== null) svg.append(drawn("circle", { cx: x(at).toFixed(1), cy: y(now).toFixed(1), r: 4, class: "now" }));
  return element("div", { class: "trend" }, head, svg, foot);
}

function overSessions(ticker, name) {
  return sessions.map((session) => {
    const index = session.at.get(ticker);
    return index === undefined ? null : session.columns[name][index];
  });
}

function trends(session, ticker) {
  const days = sessions.map((other) => other.date);
  const window_ = data.ratios && own(data.ratios.of, ticker);
  const ratio = window_ && data.ratios.days.includes(session.date)
    ? [data.ratios.days, window_]
    : [days, overSessions(ticker, "offex_ratio")];
  return part("Over time",
    spark("Off-exchange ratio", ...ratio, session.date, "fraction", false),
    spark("Log ratio, above 0 bought, below sold", days, overSessions(ticker, "log_ratio"), session.date, "signed", true));
}

function figures(session, index) {
  const groups = new Map();
  for (const column of columns) {
    if (column.name === "ticker" || column.name === "quality") continue;
    if (!groups.has(column.group)) groups.set(column.group, []);
    groups.get(column.group).push(column);
  }
  const lists = [];
  for (const [group, members] of groups) {
    const list = element("dl", { class: "figures" });
    for (const column of members) {
      const cell = cellOf(session, index, column);
      const name = element("dt", null, opener("column-" + column.name, column.label, "unit"));
      const value = element("dd", null,
        cell.kind === "signal" ? chip(cell) : cell.text);
      const number = session.columns[column.name][index];
      if (cell.kind === "unknown") value.append(element("small", null, "Unknown. " + (explained(cell.why)[0] || "")));
      else if (column.kind === "shares" && number >= 1000) value.append(element("small", null, exact(number)));
      else if (cell.why) value.append(element("small", null, explained(cell.why)[0] || ""));
      list.append(name, value);
    }
    lists.push(element("h4", null, group), list);
  }
  return part("Numbers", ...lists);
}

function share(part_, whole) {
  return whole > 0 ? fixed((100 * part_) / whole, 1) + "%" : UNKNOWN;
}

function litSide(session, index) {
  if (!session.behind) return null;
  const at = (name) => session.behind[name][index];
  if (at("source") === null) return part("Lit market", element("p", null, "Nothing is known of this ticker's lit side."));
  const source = term("lit-source", at("source"));
  const told = [element("p", null, element("b", null, source.label), ": ", explained(source.key)[0] || "")];
  const [buy, neutral, sell] = ["lit_buy_volume", "lit_neutral_volume", "lit_sell_volume"].map(at);
  if (buy !== null && buy + neutral + sell > 0) {
    const whole = buy + neutral + sell;
    const bar = element("div", { class: "stack", "aria-hidden": "true" });
    for (const [name, value] of [["bought", buy], ["unsigned", neutral], ["sold", sell]]) {
      const piece = element("span", { class: name });
      piece.style.flexGrow = value / whole;
      bar.append(piece);
    }
    told.push(bar, element("p", { class: "stack-words" },
      element("span", null, `bought ${shares(buy)}, ${share(buy, whole)}`),
      element("span", null, `unsigned ${shares(neutral)}, ${share(neutral, whole)}`),
      element("span", null, `sold ${shares(sell)}, ${share(sell, whole)}`)));
  }
  const trades = session.columns.lit_coverage_pct[index];
  const list = element("dl", { class: "figures" },
    element("dt", null, "Coverage, % of trades"), element("dd", null, written("percent", trades)),
    element("dt", null, "Coverage, % of volume"), element("dd", null, written("percent", at("lit_volume_coverage_pct"))),
    element("dt", null, at("source") === "consolidated_bars" ? "Bars" : "Eligible trades"),
    element("dd", null, at("lit_trades") === null ? UNKNOWN : exact(at("lit_trades"))),
    element("dt", null, "Excluded shares"),
    element("dd", null, at("excluded_volume") === null ? UNKNOWN : exact(at("excluded_volume"))));
  told.push(list);
  const reasons = Object.entries(session.behind.excluded).filter(([, values]) => values[index]);
  if (reasons.length) {
    const excluded = element("dl", { class: "reasons" });
    for (const [code, values] of reasons) {
      const { label, key } = term("excluded", code);
      excluded.append(element("dt", null, label), element("dd", null,
        `${shares(values[index])}, ${share(values[index], at("excluded_volume"))}`,
        element("small", null, explained(key)[0] || "")));
    }
    told.push(element("h4", null, "Excluded, by the first reason that applies"), excluded);
  }
  return part("Lit market", ...told);
}

function blockList(session, ticker) {
  const rows = data.blocks && session.date === data.target && own(data.blocks.of, ticker);
  if (!rows) return null;
  const { header, numeric } = data.blocks;
  const row = (tag, texts) => element("tr", null,
    ...texts.map((text, at) => element(tag, numeric.includes(at) ? { class: "number" } : null, text)));
  const table = element("table", null, element("thead", null, row("th", header)),
    element("tbody", null, ...rows.map((texts) => row("td", texts))));
  return part("Largest prints", element("p", { class: "quiet" },
    "FINRA prints of the session, New York time. A side is read off the place in the spread: an inferred estimate."),
    element("div", { class: "blocks", tabindex: "0", role: "region", "aria-label": "Largest prints" }, table));
}

function flagList(session, index) {
  const flags = flagsOf(session, index);
  if (!flags.length) return part("Flags", element("p", null, "None: all is well."));
  const list = element("dl", { class: "words" });
  for (const flag of flags) {
    const { label, key } = term("flag", flag);
    list.append(element("dt", null, element("span", { class: "chip flag " + toneOf(session, flag) }, label)),
      element("dd", null, explained(key)[0] || ""));
  }
  return part("Flags", list);
}

function checkList(session, ticker) {
  if (!data.checks || session.date !== data.target) return null;
  checkList.by = checkList.by || Object.fromEntries(Object.entries(data.checks).map(([k, v]) => [k, spelled(v)]));
  const by = checkList.by;
  const list = element("dl", { class: "words" });
  by.ticker.forEach((other, row) => {
    if (other !== ticker) return;
    const verdict = term("verdict", by.verdict[row]);
    const ratio = by.ratio[row] === null ? "" : ` ${fixed(by.ratio[row], 3)}, expected ${fixed(by.low[row], 3)} to ${fixed(by.high[row], 3)}.`;
    list.append(
      element("dt", null, element("span", { class: `chip verdict ${verdict.tone}` }, verdict.label)),
      element("dd", null, `${term("check", by.check[row]).label}, ${by.date[row]}.${ratio}`,
        element("small", null, by.verdict[row] === "ok" ? explained(term("check", by.check[row]).key)[0] || "" : by.why[row])));
  });
  return list.children.length ? part("Checks", list) : null;
}

function provenance(session) {
  const list = element("dl", { class: "words sources-of" });
  for (const source of session.sources) {
    list.append(
      element("dt", null, source.source, " ", element("b", { class: source.tone }, source.state)),
      element("dd", null, source.feeds ? source.feeds + ", " : "", source.fetched + ". ",
        [source.reason, source.detail].filter(Boolean).join(". ")));
  }
  const notes = session.notes.map((note) => element("p", { class: "note" }, note));
  if (!session.sources.length) list.append(element("dt", null, "Unknown"), element("dd", null, "No states were handed on."));
  return part("Made from", ...notes, list);
}

function plotOf(session, ticker) {
  const path = own(data.plots, ticker);
  if (session.date !== data.target || !Object.keys(data.plots).length) return null;
  if (!path) {
    const command = element("code", null, `python -m darkpool plots --symbols ${ticker}`);
    return part("Plot", element("p", { class: "quiet" }, "Not drawn for so long a watchlist (plots.most). ", command, " draws it."));
  }
  const image = element("img", { src: path, alt: `Plots of ${ticker}: volume, ratio and log ratio`, loading: "lazy" });
  image.addEventListener("error", () => {
    image.replaceWith(element("p", { class: "quiet" }, "The plot does not lie beside this page."));
  });
  return part("Plot", element("a", { href: path }, image));
}

function showDetails(session, index, place) {
  const ticker = session.columns.ticker[index];
  const signal = cellOf(session, index, columnOf.get("signal"));
  const said = signal.kind === "signal"
    ? [chip(signal), " ", element("small", null, signal.beside)]
    : [element("span", { class: "quiet" }, "no estimate")];
  const close = element("button", { type: "button", class: "tool close", "aria-label": "Close details" }, "\u2715");
  close.addEventListener("click", () => closeRow());
  const step = (by, label, text) => {
    const button = element("button", { type: "button", class: "tool", "aria-label": label }, text);
    button.addEventListener("click", () => move(by));
    return button;
  };
  panel.replaceChildren(
    element("div", { class: "details-head" },
      element("h2", { id: "details-title", tabindex: "-1" }, element("bdi", null, ticker), " ", ...said),
      step(-1, "Previous row", "\u2191"), step(1, "Next row", "\u2193"), close,
      element("p", { class: "quiet" }, `${session.day} ${session.date}, row ${place.number} of ${place.of}`)),
    ...[plotOf(session, ticker), trends(session, ticker), figures(session, index), litSide(session, index),
      blockList(session, ticker), flagList(session, index), checkList(session, ticker), provenance(session),
    ].filter(Boolean));
  panel.scrollTop = 0;
  panel.hidden = false;
  document.body.classList.add("opened");
}
