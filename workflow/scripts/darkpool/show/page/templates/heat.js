// Where in price and time a ticker traded off-exchange, and its levels over the sessions.

const HEAT = { width: 380, height: 250, left: 46, right: 8, top: 8, bottom: 20 };

function clock(minute) {
  const two = (number) => String(number).padStart(2, "0");
  return `${two(Math.floor(minute / 60) % 24)}:${two(minute % 60)}`;
}

// A cell in words: its five minutes, its prices, its shares and what is odd about them.
function cellWords(of, at) {
  const [cells, minute] = [of.cells, of.first + 5 * of.cells.five[at]];
  const price = (bin) => written("price", of.low + bin * of.width);
  const held = cells.buy[at] + cells.sell[at] + cells.neutral[at];
  const odd = [["away", "outside of the quote"], ["late", "reported late"]].filter(([name]) => cells[name][at] > 0)
    .map(([name, words]) => `, ${shares(cells[name][at])} ${words}`).join("");
  return `${clock(minute)} to ${clock(minute + 5)}, ${price(cells.bin[at])} to ${price(cells.bin[at] + 1)}: ` +
    `${shares(held)} shares, bought ${shares(cells.buy[at])}, sold ${shares(cells.sell[at])}, ` +
    `unsigned ${shares(cells.neutral[at])}${odd}`;
}

function heatPlaces(of) {
  const { width, height, left: from, right, top, bottom } = HEAT;
  const [across, up] = [(width - from - right) / of.columns, (height - top - bottom) / of.bins];
  return {
    across, up,
    x: (five) => from + five * across,
    y: (price) => height - bottom - ((price - of.low) / of.width) * up,
  };
}

function heatCells(svg, of, { across, up, x, y }) {
  const held = of.cells.five.map((_, at) => of.cells.buy[at] + of.cells.sell[at] + of.cells.neutral[at]);
  const [least, most] = [Math.min(...held), Math.max(...held)];
  const depth = Math.log(most / least) || 1;
  held.forEach((value, at) => {
    const opacity = (0.12 + 0.88 * (most > least ? Math.log(value / least) / depth : 1)).toFixed(2);
    svg.append(drawn("rect", { class: "cell", x: x(of.cells.five[at]).toFixed(1), width: across.toFixed(2),
      y: y(of.low + (of.cells.bin[at] + 1) * of.width).toFixed(1), height: up.toFixed(2), opacity }));
  });
  return [least, most];
}

function heatLevels(svg, of, level, { x, y }) {
  const [from, to] = [HEAT.left, HEAT.width - HEAT.right];
  const across = (name, price) =>
    svg.append(drawn("line", { class: name, x1: from, x2: to, y1: y(price), y2: y(price) }));
  if (level) {
    svg.append(drawn("rect", { class: "value-area", x: from, width: to - from, y: y(level.high), height: y(level.low) - y(level.high) }));
    across("control", level.control);
    if (level.close !== null && level.close >= of.low && level.close <= of.low + of.bins * of.width) across("close", level.close);
  }
  const points = of.line[0].map((five, at) => `${x(five + 0.5).toFixed(1)},${y(of.line[1][at]).toFixed(1)}`);
  svg.append(drawn("polyline", { points: points.join(" ") }));
  for (const [minute, price] of level ? level.prints : []) {
    svg.append(drawn("circle", { class: "print", cx: x((minute - of.first) / 5), cy: y(price), r: 4 }));
  }
}

function heatAxes(svg, of, { x, y }) {
  const { width, height, left: from, right } = HEAT;
  const marks = ticks(of.low, of.low + of.bins * of.width).filter((mark) => mark >= of.low && mark <= of.low + of.bins * of.width);
  for (const mark of marks) {
    svg.append(drawn("line", { class: "grid", x1: from, x2: width - right, y1: y(mark), y2: y(mark) }),
      drawn("text", { x: from - 5, y: y(mark) + 3.5, "text-anchor": "end" }, written("price", mark)));
  }
  const ends = [[0, "start"], [of.columns, "end"]];
  for (const [five, anchor] of ends) {
    svg.append(drawn("text", { x: x(five), y: height - 5, "text-anchor": anchor }, clock(of.first + 5 * five)));
  }
}

// The cell under the pointer, or the one that the arrow keys reach, is read out.
function readCells(svg, of, place, { across, up, x, y }) {
  const at = new Map(of.cells.five.map((five, index) => [five * of.bins + of.cells.bin[index], index]));
  const usual = place.textContent;
  const mark = drawn("rect", { class: "chosen", width: across, height: up, visibility: "hidden" });
  svg.append(mark);
  let chosen = [0, 0];
  const show = (five, bin) => {
    chosen = [Math.max(0, Math.min(of.columns - 1, five)), Math.max(0, Math.min(of.bins - 1, bin))];
    const index = at.get(chosen[0] * of.bins + chosen[1]);
    mark.setAttribute("x", x(chosen[0]));
    mark.setAttribute("y", y(of.low + (chosen[1] + 1) * of.width));
    mark.setAttribute("visibility", "visible");
    const minute = of.first + 5 * chosen[0];
    const low = of.low + chosen[1] * of.width;
    place.textContent = index !== undefined ? cellWords(of, index)
      : `${clock(minute)} to ${clock(minute + 5)}, ${written("price", low)} to ${written("price", low + of.width)}: nothing`;
  };
  const hide = () => {
    mark.setAttribute("visibility", "hidden");
    place.textContent = usual;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const five = ((event.clientX - box.left) * HEAT.width) / box.width;
    const bin = ((event.clientY - box.top) * HEAT.height) / box.height;
    show(Math.floor((five - HEAT.left) / across), Math.floor((HEAT.height - HEAT.bottom - bin) / up));
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("focus", () => show(of.cells.five[of.largest], of.cells.bin[of.largest]));
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    show(chosen[0] + step[0], chosen[1] + step[1]);
  });
}

function heatMap(session, ticker) {
  if (session.date !== data.target) return null;
  const of = own(data.profiles, ticker);
  const levels = own(data.levels, ticker);
  if (!of) {
    if (!levels || !levels.days.includes(session.date)) return null;
    const command = element("code", null, `python -m darkpool profile --symbols ${ticker} --dates ${session.date} --png FILE`);
    return part("Where it traded", element("p", { class: "quiet" }, "The page draws its first rows. ", command, " draws it."));
  }
  const level = levels && atDay(levels, session.date);
  const held = of.cells.five.map((_, at) => of.cells.buy[at] + of.cells.sell[at] + of.cells.neutral[at]);
  of.largest = held.indexOf(Math.max(...held));
  const places = heatPlaces(of);
  const facts = level ? `point of control ${written("price", level.control)}, value area ${written("price", level.low)} to ` +
    `${written("price", level.high)}${level.close === null ? "" : `, close ${written("price", level.close)}`}` : "";
  const svg = drawn("svg", { viewBox: `0 0 ${HEAT.width} ${HEAT.height}`, class: "spark heat", role: "img", tabindex: "0",
    "aria-label": `Off-exchange prints by five minutes and price: ${facts}. Most: ${cellWords(of, of.largest)}` });
  const [least, most] = heatCells(svg, of, places);
  heatAxes(svg, of, places);
  heatLevels(svg, of, level, places);
  const now = element("p", { class: "reading", role: "status" }, facts);
  readCells(svg, of, now, places);
  return part("Where it traded", now, svg, element("p", { class: "quiet" },
    `Prints by five minutes (New York) and price; the fuller the more shares, ${shares(least)} to ${shares(most)}, ` +
    "logarithmic. Line across: point of control; dashed: value area; dots: close; line: price; circles: largest prints. " +
    "Pointer or arrow keys read a cell. Sides are inferred estimates."));
}

// A session's level and the prints of it, as minute and price.
function atDay(levels, day) {
  const at = levels.days.indexOf(day);
  if (at < 0) return null;
  return { control: levels.control[at], low: levels.value_low[at], high: levels.value_high[at], close: levels.close[at],
    prints: levels.times };
}

function levelChart(session, ticker) {
  const levels = own(data.levels, ticker);
  if (session.date !== data.target || !levels || levels.days.length < 2) return null;
  const { days } = levels;
  const prints = levels.prints.filter(([day]) => days.includes(day));
  const there = [...levels.value_low, ...levels.value_high, ...levels.close, ...prints.map(([, price]) => price)]
    .filter((value) => value !== null);
  const marks = ticks(Math.min(...there), Math.max(...there));
  const place = scale(marks, days);
  const svg = drawn("svg", { viewBox: `0 0 ${PAPER.width} ${PAPER.height}`, class: "spark levels", role: "img",
    "aria-label": `Value areas and the largest prints of ${days.length} sessions from ${days[0]} to ${days.at(-1)}` });
  const of = { name: "Levels", days, values: levels.close, kind: "price", shown: session.date,
    band: [levels.value_low, levels.value_high] };
  axes(svg, of, marks, place);
  line(svg, of, place);
  days.forEach((_, at) => svg.append(drawn("line", { class: "control", x1: place.x(at) - 5, x2: place.x(at) + 5,
    y1: place.y(levels.control[at]), y2: place.y(levels.control[at]) })));
  for (const [day, price] of prints) {
    svg.append(drawn("circle", { class: "print", cx: place.x(days.indexOf(day)), cy: place.y(price), r: 4 }));
  }
  const now = element("span", null, reading(of, days.length - 1));
  follow(svg, of, place, now);
  const list = prints.slice(0, 3).map(([day, price, size]) => `${shares(size)} at ${written("price", price)} on ${day}`);
  return part("Levels over sessions", element("p", { class: "spark-head" }, element("b", null, "Close, value area"), " ", now), svg,
    element("p", { class: "quiet" }, `USD, on the share basis of ${data.target}. Bars: value areas; ticks: points of control; ` +
      `circles: the ten largest prints of them all${list.length ? ", " + list.join("; ") : ""}. ` +
      data.words.level));
}
