"use strict";

// Without this script the page shows all steps. With it, they can be viewed one by one.

const HEADINGS = { message: "Messages", claim: "Claims", answer: "Answered", wait: "Waiting" };

function noted(rows, kind) {
  return rows.flatMap((row) => [...row.querySelectorAll(`li.${kind}`)].map((note) => note.textContent));
}

function taken(row) {
  const cell = row.querySelector(".acts");
  const instance = cell.closest("table").tHead.rows[0].cells[cell.cellIndex].firstChild.textContent;
  return `${instance}: ${[...cell.childNodes].map((part) => part.textContent).join("; ")}`;
}

function waiting(row) {
  return [...row.querySelectorAll("td > .wait")].map((bar) => bar.textContent);
}

class Player {
  constructor(root) {
    this.stepping = root.querySelector(".stepping");
    this.now = root.querySelector(".now");
    this.soFar = root.querySelector(".so-far");
    this.timelines = [...root.querySelectorAll(".timeline")].map((figure) => ({
      steps: [...figure.querySelectorAll("tbody tr:not(.broken)")],
      broken: figure.querySelector("tr.broken"),
    }));
    this.count = Math.max(...this.timelines.map((one) => one.steps.length));
    this.at = null;
    this.stepping.hidden = false;
    this.stepping.addEventListener("click", (event) => {
      const go = event.target.dataset.go;
      if (go) this.show({ first: 1, back: (this.at ?? this.count + 1) - 1, next: (this.at ?? 0) + 1, last: this.count, all: null }[go]);
    });
    root.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.show(by > 0 ? (this.at ?? 0) + 1 : (this.at ?? this.count + 1) - 1);
    });
    this.show(null);
  }

  show(at) {
    this.at = at === null ? null : Math.min(Math.max(at, 1), this.count);
    for (const { steps, broken } of this.timelines) {
      steps.forEach((row, index) => {
        const isAt = this.at !== null && index === Math.min(this.at, steps.length) - 1;
        row.classList.toggle("at", isAt);
        row.classList.toggle("later", this.at !== null && index >= this.at);
        if (isAt) row.setAttribute("aria-current", "step");
        else row.removeAttribute("aria-current");
      });
      if (broken) broken.classList.toggle("later", broken.previousElementSibling.classList.contains("later"));
    }
    const button = (go) => this.stepping.querySelector(`[data-go=${go}]`);
    button("back").disabled = button("first").disabled = this.at === 1;
    button("next").disabled = button("last").disabled = this.at === this.count;
    button("all").disabled = this.at === null;
    this.tell();
  }

  tell() {
    this.soFar.hidden = this.at === null;
    this.soFar.replaceChildren();
    if (this.at === null) {
      this.now.textContent = `${this.count} steps; with Next, or the arrow keys, one after the other`;
      return;
    }
    const { steps, broken } = this.timelines[0];
    const row = steps[Math.min(this.at, steps.length) - 1];
    const breaks = broken !== null && broken.previousElementSibling === row;
    this.now.textContent = `Step ${this.at} of ${this.count}: ${taken(row)}${breaks ? `. ${broken.textContent.trim()}` : ""}`;
    const before = steps.slice(0, this.at);
    for (const [kind, heading] of Object.entries(HEADINGS)) {
      const said = kind === "wait" ? waiting(row) : noted(before, kind);
      const part = document.createElement("span");
      const name = document.createElement("strong");
      name.textContent = `${heading}: `;
      part.append(name, said.join("; ") || "none");
      this.soFar.append(part);
    }
  }
}

function copied(button) {
  const code = button.parentElement.querySelector("code");
  const done = () => {
    button.textContent = "Copied";
  };
  const select = () => {
    const selection = getSelection();
    selection.selectAllChildren(code);
    if (document.execCommand("copy")) done();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, select);
  else select();
}

for (const root of document.querySelectorAll(".player")) new Player(root);
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copied(button));
}

// Opens the scenario that the URL links to.
function opened() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) if (part instanceof HTMLDetailsElement) part.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", opened);
opened();
