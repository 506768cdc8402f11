"use strict";
// Before the table: what only the script can undo is done only where it runs, and undone where it fails.
document.documentElement.classList.add("scripted");
addEventListener("error", (event) => {
  if (event instanceof ErrorEvent) document.documentElement.classList.remove("scripted");
});
