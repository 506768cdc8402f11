// What lies behind a row: its numbers in full, lines over time, the lit side, flags, checks, sources and its plot.

const panel = document.getElementById("details");
function part(title, ...children) {
  return element("section", null, element("h3", null, title), ...children);
}

function overSessions(ticker, name) {
  return sessions.map((session) => {
    const index = session.at.get(ticker);
    return index === undefined ? null : session.columns[name][index];
  });
}

function trends(session, ticker) {
  const days = sessions.map((other) => other.date);
  const over = (name) => overSessions(ticker, name);
  const window_ = data.ratios && own(data.ratios.of, ticker);
  const ratio = window_ && data.ratios.days.includes(session.date)
    ? { days: data.ratios.days, values: window_ }
    : { days, values: over("offex_ratio") };
  const volume = over("trf_volume");
  const part_ = (name) => over(name).map((value, at) => (value === null || !volume[at] ? null : value / volume[at]));
  const shown = session.date;
  const strip = data.strip.map((edge) => edge / 100);
  return part("Over time",
    chart({ name: "Off-exchange ratio", ...ratio, kind: "fraction", shown, holds: [0] }),
    chart({ name: "Bought, of off-exchange volume (estimate)", days, values: part_("estimated_bought"), kind: "fraction",
      shown, band: [part_("bought_low"), part_("bought_high")], strip, holds: [0.4, 0.6] }),
    chart({ name: `Close, USD${rebased(ticker) ? `, on the share basis of ${data.target}` : ""}`, days,
      values: onBasis(ticker, days, over("close")), kind: "price", shown }));
}

function rebased(ticker) {
  return own(data.splits, ticker);
}

// Prices of days on the share basis of the page's session: a split is no crash. One nobody can vouch for leaves a gap.
function onBasis(ticker, days, values) {
  const splits = rebased(ticker) || [];
  return values.map((value, at) => splits.filter(([day]) => day > days[at])
    .reduce((price, [, ratio]) => (price === null || ratio === null ? null : price / ratio), value));
}

// The estimate in its band against what counts as neutral, and what the band covers.
function trust(session, index) {
  const at = (name) => session.columns[name][index];
  if (at("estimated_bought") === null) return null;
  const words = (name) => written(columnOf.get(name).kind, at(name));
  const strength = cellOf(session, index, columnOf.get("strength"));
  const list = element("dl", { class: "words" });
  const say = (name, text, ...more) => list.append(element("dt", null, name),
    element("dd", null, text, ...more.filter(Boolean).map((said) => element("small", null, said))));
  const band = at("bought_low") === null ? UNKNOWN : `${words("bought_low")} to ${words("bought_high")}`;
  say("Bought", `${words("estimated_bought")}, ${band}`,
    at("bought_low") === null ? explained(columnOf.get("bought_low").why)[0] : data.words.band);
  const interval = at("lit_buy_low") === null ? UNKNOWN : `${words("lit_buy_low")} to ${words("lit_buy_high")}`;
  say("Buy %", `${words("lit_buy_ratio")}, ${interval}`, at("lit_buy_low") === null ? "" : data.words.interval);
  if (strength.kind === "term") say("Signal", strength.text, explained(strength.why)[0]);
  const [low, high] = data.strip;
  const scale_ = element("p", { class: "scale", "aria-hidden": "true" }, element("span", null, "20%"),
    element("span", null, `neutral ${fixed(low, 1)}% to ${fixed(high, 1)}%`), element("span", null, "80%"));
  return part("How far to trust it", bandMark(bandOf(session, index)), scale_, list);
}

// What stands under a number: it to the last share, what a word means, why it is unknown where that is `said` first.
function remark(cell, column, number, said) {
  if (cell.kind === "unknown" && said.has(cell.why)) return "as above";
  if (cell.kind === "unknown") {
    said.add(cell.why);
    return "Unknown. " + (explained(cell.why)[0] || "");
  }
  return column.kind === "shares" && number >= 1000 ? exact(number) : explained(cell.why)[0] || "";
}

function figures(session, index) {
  const groups = new Map();
  for (const column of columns) {
    if (column.name === "ticker" || column.name === "quality") continue;
    if (!groups.has(column.group)) groups.set(column.group, []);
    groups.get(column.group).push(column);
  }
  const lists = [];
  const said = new Set();
  for (const [group, members] of groups) {
    const list = element("dl", { class: "figures" });
    for (const column of members) {
      const cell = cellOf(session, index, column);
      const name = element("dt", null, opener("column-" + column.name, column.label, "unit"));
      const value = element("dd", null, cell.kind === "signal" ? chip(cell) : cell.text);
      const more = remark(cell, column, session.columns[column.name][index], said);
      if (more) value.append(element("small", null, more));
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
  const link = element("a", { href: path }, image);
  image.addEventListener("error", () => {
    link.replaceWith(element("p", { class: "quiet" }, "The plot does not lie beside this page."));
  });
  return part("Plot", link);
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
    ...[plotOf(session, ticker), trust(session, index), trends(session, ticker), figures(session, index), litSide(session, index),
      heatMap(session, ticker), levelChart(session, ticker), blockList(session, ticker), flagList(session, index), checkList(session, ticker), provenance(session),
    ].filter(Boolean));
  panel.scrollTop = 0;
  panel.hidden = false;
  document.body.classList.add("opened");
}
