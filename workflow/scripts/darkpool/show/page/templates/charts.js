// Lines over sessions with their scale, a band where one is known, and the value under the pointer.

const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;
const PAPER = { width: 380, height: 132, left: 46, right: 8, top: 8, bottom: 20 };

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Two to five round values, the first and the last around what is to be shown.
function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const rough = 10 ** Math.floor(Math.log10(span / 2));
  const step = rough * [1, 2, 2.5, 5, 10].find((by) => span / (rough * by) <= 3);
  const found = [];
  for (let at = Math.floor(low / step + 1e-9); at <= Math.ceil(high / step - 1e-9) || found.length < 2; at += 1) {
    found.push(Number((at * step).toPrecision(12)));
  }
  return found;
}

function scale(marks, days) {
  const { width, height, left: from, right, top, bottom } = PAPER;
  const [low, high] = [marks[0], marks.at(-1)];
  return {
    x: (index) => (days.length < 2 ? (from + width - right) / 2 : from + (index * (width - from - right)) / (days.length - 1)),
    y: (value) => height - bottom - ((value - low) * (height - top - bottom)) / (high - low),
  };
}

// What the line says of a session, its band with it.
function reading({ kind, values, band }, index) {
  const [low, high] = band ? [band[0][index], band[1][index]] : [null, null];
  const within = low === null || high === null ? "" : `, ${written(kind, low)} to ${written(kind, high)}`;
  return written(kind, values[index]) + within;
}

function axes(svg, { kind, days, strip }, marks, { x, y }) {
  const { width, height, left: from, right } = PAPER;
  if (strip) {
    svg.append(drawn("rect", { class: "strip-neutral", x: from, width: width - from - right, y: y(strip[1]), height: y(strip[0]) - y(strip[1]) }));
  }
  for (const mark of marks) {
    svg.append(drawn("line", { class: "grid", x1: from, x2: width - right, y1: y(mark), y2: y(mark) }),
      drawn("text", { x: from - 5, y: y(mark) + 3.5, "text-anchor": "end" }, written(kind, mark)));
  }
  const ends = days.length < 2 ? [[0, "middle"]] : [[0, "start"], [days.length - 1, "end"]];
  for (const [index, anchor] of ends) {
    svg.append(drawn("text", { x: x(index), y: height - 5, "text-anchor": anchor }, days[index]));
  }
}

// A session without a value breaks the line, and one alone between gaps is a dot.
function line(svg, { values, band }, { x, y }) {
  const put = (index) => [x(index).toFixed(1), y(values[index]).toFixed(1)];
  let run = [];
  const flush = () => {
    if (run.length > 1) svg.append(drawn("polyline", { points: run.map((index) => put(index).join()).join(" ") }));
    else if (run.length) svg.append(drawn("circle", { cx: put(run[0])[0], cy: put(run[0])[1], r: 1.8 }));
    run = [];
  };
  values.forEach((value, index) => {
    if (band && band[0][index] !== null && band[1][index] !== null) {
      svg.append(drawn("line", { class: "range", x1: x(index), x2: x(index), y1: y(band[0][index]), y2: y(band[1][index]) }));
    }
    if (value === null) flush();
    else run.push(index);
  });
  flush();
}

// `of`: name, days, values, kind, the day shown; maybe band (lows, highs), strip, and values the scale must hold.
function chart(of) {
  const { name, days, values, kind, shown } = of;
  const at = days.indexOf(shown);
  const there = values.filter((value) => value !== null);
  const now = element("span", null, at < 0 ? UNKNOWN : written(kind, values[at]));
  const head = element("p", { class: "spark-head" }, element("b", null, name), " ", now);
  if (!there.length) {
    head.lastChild.textContent = UNKNOWN;
    return element("div", { class: "trend" }, head,
      element("p", { class: "quiet" }, `Unknown in all of the ${days.length} sessions from ${days[0]} to ${days.at(-1)}.`));
  }
  const held = [...there, ...(of.band || []).flat().filter((value) => value !== null), ...(of.holds || [])];
  const marks = ticks(Math.min(...held), Math.max(...held));
  const place = scale(marks, days);
  const told = `${days.length} sessions from ${days[0]} to ${days.at(-1)}: least ${written(kind, Math.min(...there))}, ` +
    `greatest ${written(kind, Math.max(...there))}` +
    (there.length < values.length ? `, ${values.length - there.length} unknown` : "");
  const svg = drawn("svg", { viewBox: `0 0 ${PAPER.width} ${PAPER.height}`, class: "spark", role: "img",
    "aria-label": `${name}, ${at < 0 ? UNKNOWN : reading(of, at)} on ${shown}; ${told}` });
  axes(svg, of, marks, place);
  line(svg, of, place);
  if (at >= 0 && values[at] !== null) svg.append(drawn("circle", { cx: place.x(at), cy: place.y(values[at]), r: 4, class: "now" }));
  follow(svg, of, place, now);
  return element("div", { class: "trend" }, head, svg, element("p", { class: "quiet" }, told));
}

// The session under the pointer is read out where the shown one's value stands.
function follow(svg, of, { x, y }, place) {
  const usual = place.textContent;
  const rule = drawn("line", { class: "pointer", y1: PAPER.top, y2: PAPER.height - PAPER.bottom, visibility: "hidden" });
  svg.append(rule);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) * PAPER.width) / box.width;
    const step = of.days.length < 2 ? 1 : x(1) - x(0);
    const index = Math.max(0, Math.min(of.days.length - 1, Math.round((across - x(0)) / step)));
    for (const end of ["x1", "x2"]) rule.setAttribute(end, x(index));
    rule.setAttribute("visibility", "visible");
    place.textContent = `${of.days[index]}: ${reading(of, index)}`;
  });
  svg.addEventListener("pointerleave", () => {
    rule.setAttribute("visibility", "hidden");
    place.textContent = usual;
  });
}
