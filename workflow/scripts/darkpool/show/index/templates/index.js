"use strict";
(function () {
  const table = document.querySelector("table.watch");
  if (!table) return;
  const body = table.tBodies[0];

  function sortBy(index, head) {
    const numeric = head.dataset.kind === "number";
    const first = numeric ? "descending" : "ascending";
    const next = head.getAttribute("aria-sort") === first ? (numeric ? "ascending" : "descending") : first;
    const sign = next === "ascending" ? 1 : -1;
    for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", next);
    const rows = Array.from(body.rows, (row) => [row.cells[index].dataset.value, row]);
    rows.sort(function ([a], [b]) {
      if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
      return sign * (numeric ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0);
    });
    body.append(...rows.map((pair) => pair[1]));
  }

  for (const head of table.tHead.querySelectorAll("th[data-kind]")) {
    const button = document.createElement("button");
    const label = head.querySelector("span");
    button.type = "button";
    button.textContent = label.textContent;
    button.addEventListener("click", () => sortBy(head.cellIndex, head));
    label.replaceWith(button);
  }

  const filter = document.querySelector("#filter");
  const texts = Array.from(body.rows, (row) => [row, row.dataset.text.toLowerCase()]);
  filter.closest("[hidden]").hidden = false;
  filter.addEventListener("input", function () {
    const wanted = filter.value.trim().toLowerCase().split(/\s+/);
    let left = 0;
    for (const [row, text] of texts) {
      row.hidden = !wanted.every((word) => text.includes(word));
      if (!row.hidden) left += 1;
    }
    document.querySelector("#left").textContent = filter.value.trim() ? left + " shown" : "";
  });
})();
