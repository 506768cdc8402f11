"use strict";
(function () {
  const main = document.querySelector("table.rows");
  const canHover = matchMedia("(hover: hover)").matches;

  function known(cell) {
    return cell.dataset.value !== undefined && cell.dataset.value !== "";
  }

  function compare(index, numeric, direction) {
    return function (left, right) {
      const a = left.cells[index], b = right.cells[index];
      if (known(a) !== known(b)) return known(a) ? -1 : 1;
      if (!known(a)) return 0;
      const x = a.dataset.value, y = b.dataset.value;
      const order = numeric ? Number(x) - Number(y) : (x < y ? -1 : x > y ? 1 : 0);
      return direction * order;
    };
  }

  function sortBy(table, head) {
    const numeric = head.dataset.kind === "number";
    const first = numeric ? "descending" : "ascending";
    const second = numeric ? "ascending" : "descending";
    const next = head.getAttribute("aria-sort") === first ? second : first;
    for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", next);
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    rows.sort(compare(Number(head.dataset.index), numeric, next === "ascending" ? 1 : -1));
    body.append(...rows);
  }

  for (const table of document.querySelectorAll("table.rows")) {
    for (const head of table.querySelectorAll("th[data-index]")) {
      const label = head.querySelector(".label");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "label sort";
      button.textContent = label.textContent;
      button.addEventListener("click", () => sortBy(table, head));
      label.replaceWith(button);
    }
  }

  const filter = document.querySelector("#filter");
  filter.closest("[hidden]").hidden = false;
  filter.addEventListener("input", function () {
    const wanted = filter.value.trim().toLowerCase().split(/\s+/);
    let left = 0;
    for (const table of [main, ...document.querySelectorAll("table.weeks")]) {
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !wanted.every((word) => text.includes(word));
        if (!row.hidden && table === main) left += 1;
      }
    }
    document.querySelector("#left").textContent = filter.value.trim() ? left + " shown" : "";
  });

  function place(tip, anchor) {
    const at = anchor.getBoundingClientRect();
    tip.classList.add("placed");
    const left = Math.min(at.left, innerWidth - tip.offsetWidth - 12);
    const below = at.bottom + 6;
    const top = below + tip.offsetHeight > innerHeight ? at.top - tip.offsetHeight - 6 : below;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = Math.max(8, top) + "px";
  }

  function clear(tip) {
    tip.classList.remove("placed");
    tip.style.left = tip.style.top = "";
  }

  if (canHover && "showPopover" in HTMLElement.prototype) {
    document.addEventListener("mouseover", function (event) {
      const anchor = event.target.closest("button[popovertarget]");
      if (!anchor) return;
      const tip = document.getElementById(anchor.getAttribute("popovertarget"));
      if (!tip.matches(":popover-open")) tip.showPopover();
      place(tip, anchor);
      anchor.addEventListener("mouseleave", function () {
        tip.hidePopover();
        clear(tip);
      }, { once: true });
    });
    document.addEventListener("click", function (event) {
      if (event.detail && event.target.closest("button[popovertarget]")) event.preventDefault();
    });
  }
})();
