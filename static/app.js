// The few things that HTML can't do by itself. Every page works without this file.
"use strict";

// An error summary takes the focus once, so that it is read and seen first (in a whole page its autofocus does that).
const summaries = new WeakSet(document.querySelectorAll(".summary"));
document.addEventListener("htmx:after:swap", () => {
  const summary = document.querySelector(".summary");
  if (!summary || summaries.has(summary)) return;
  summaries.add(summary);
  summary.focus();
});

// A field whose error came while one was writing on is invalid, and right again when it went.
document.addEventListener("htmx:after:swap", () => {
  for (const error of document.querySelectorAll(".field > .error[id]")) {
    const field = document.getElementById(error.id.replace(/_error$/, ""));
    if (error.textContent.trim()) field?.setAttribute("aria-invalid", "true");
    else field?.removeAttribute("aria-invalid");
  }
});

// "/" goes to the search, unless one is writing.
document.addEventListener("keydown", (event) => {
  const search = document.getElementById("search");
  const isWriting = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isWriting || !search) return;
  event.preventDefault();
  search.focus();
});

// From the search the arrows lead into the hits and through them, Home and End to the first and the last; above the
// first is the search again. Escape closes them.
document.querySelector("form.search")?.addEventListener("keydown", (event) => {
  const [search, hits] = [document.getElementById("search"), document.getElementById("hits")];
  const stops = [search, ...hits.querySelectorAll("a, button")];
  const here = stops.indexOf(event.target);
  const last = stops.length - 1;
  if (here < 0 || !last) return;
  if (event.key === "Escape") {
    event.preventDefault(); // what was typed stays: a second Escape takes it away
    hits.replaceChildren();
    search.focus();
    return;
  }
  const places = { ArrowDown: Math.min(here + 1, last), ArrowUp: Math.max(here - 1, 0) };
  if (here > 0) Object.assign(places, { Home: 1, End: last }); // in the field they move the cursor
  const next = stops[places[event.key]];
  if (!next) return;
  event.preventDefault();
  next.focus();
});

// A form is sent once: for some seconds a second click does nothing. (Longer, and one that fetches a file stayed dead.)
const sent = new WeakSet();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (sent.has(form)) event.preventDefault();
  sent.add(form);
  setTimeout(() => sent.delete(form), 5000);
});
window.addEventListener("pageshow", (event) => event.persisted && location.reload());

// A part that failed: what was there stays, and why is said where the answer would have come. A retry takes it away.
const notices = new WeakMap();
const place = ({ sourceElement: source, sourceEvent, swap, target }) => {
  const row = source.closest("tr");
  if (row) {
    const cell = row.parentElement.insertRow(row.sectionRowIndex + 1).insertCell();
    cell.parentElement.className = "open";
    cell.className = "text";
    cell.colSpan = [...row.cells].reduce((sum, each) => sum + each.colSpan, 0);
    return cell;
  }
  if (swap === "none") return sourceEvent.target.closest(".field") ?? source;
  if (target !== source && source.contains(target)) target.replaceChildren(); // hits of what was typed before
  return target;
};
const forget = (source) => {
  const notice = notices.get(source);
  (notice?.closest("td")?.parentElement ?? notice)?.remove();
  notices.delete(source);
};
const fail = (ctx, words) => {
  const notice = words ?? document.getElementById("unreachable")?.content.firstElementChild.cloneNode(true);
  if (!notice || !ctx.sourceElement.isConnected || !(ctx.target instanceof Element)) return;
  forget(ctx.sourceElement);
  notices.set(ctx.sourceElement, notice);
  const where = place(ctx);
  if (where.matches(".field")) where.append(notice);
  else where.prepend(notice);
};
document.addEventListener("htmx:before:request", (event) => forget(event.detail.ctx.sourceElement));
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 400 || ctx.response.status === 422) return; // 422: the part itself, with what is wrong
  event.preventDefault();
  fail(ctx, new DOMParser().parseFromString(ctx.text, "text/html").querySelector(".failed"));
});
document.addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (ctx && !sent.has(ctx.target)) fail(ctx);
});

// What is to be handed over is copied by a button; without this file it is there to be selected.
for (const button of document.querySelectorAll("button[data-copies]")) {
  const words = document.getElementById(button.dataset.copies);
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(words); // to be seen; and to be copied by hand, where a browser refuses
    await navigator.clipboard?.writeText(words.textContent).catch(() => null);
  });
}

// The menu of the person closes by Escape, and by a click elsewhere.
const person = document.querySelector("details.person");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !person?.open) return;
  person.open = false;
  person.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  if (person?.open && !person.contains(event.target)) person.open = false;
});

// Idle: warned two minutes before; then the page is asked for anew, which leads to the log-in. Another tab's work counts.
const dialog = document.getElementById("idle");
if (dialog) {
  const { idleSeconds, warnedSeconds } = document.body.dataset;
  const tabs = new BroadcastChannel("active");
  const leave = () => {
    clearInterval(clock);
    location.replace(location.pathname + location.search); // not a reload: that would send a form once more
  };
  const left = document.getElementById("idle-left");
  let endsAt;
  const begin = () => {
    endsAt = Date.now() + idleSeconds * 1000;
    if (dialog.open) dialog.close();
  };
  const active = () => {
    begin();
    tabs.postMessage("");
  };
  const look = () => {
    const seconds = Math.ceil((endsAt - Date.now()) / 1000);
    if (seconds <= 0) return leave();
    if (seconds > warnedSeconds) return;
    if (!dialog.open) dialog.showModal();
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  tabs.addEventListener("message", begin);
  document.addEventListener("htmx:after:request", (event) => {
    if (!event.detail.ctx.sourceElement.matches("[hx-trigger^=every]")) active(); // else the page asked by itself
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) }).catch(() => null);
    if (answer?.status === 204) active();
    else leave();
  });
  active();
  const clock = setInterval(look, 1000);
}
