// A photo's page: looking, correcting by mouse, touch and keyboard, saving.
import { Canvas } from "./canvas.js";
import { Panel } from "./panel.js";
import { People } from "./people.js";
import { follow, load, save } from "./saving.js";

const page = document.getElementById("photo");
const { id, kinds, lowest } = page.dataset;
let version = page.dataset.version;
const shown = JSON.parse(document.getElementById("document").textContent);
const people = new People(shown);
const svg = document.getElementById("canvas");
const said = document.getElementById("said");
const over = document.getElementById("over");
const wipe = document.getElementById("wipe");
const address = (kind) => `/pictures/${id}/${kind}/full?v=${version}`;
const canvas = new Canvas(svg, people, address);
const chosen = { person: people.list.length ? 0 : null, joint: null, edge: null };
let editing = false;
let adding = false;
let busy = false;
const panel = new Panel(document.getElementById("people"), people, choose, light);

function say(text) {
  said.textContent = text;
}

function draw() {
  if (chosen.person !== null && chosen.person >= people.list.length) Object.assign(chosen, { person: null, joint: null, edge: null });
  canvas.draw(chosen, editing);
  panel.draw(chosen);
  svg.classList.toggle("editing", editing);
  const can = { undo: people.past.length, redo: people.future.length, save: people.dirty && !busy, check: !people.dirty && !busy };
  for (const button of document.querySelectorAll("[data-do]")) {
    const what = button.dataset.do;
    if (what in can) button.disabled = !can[what];
    if (what === "add") button.setAttribute("aria-pressed", adding);
    if (what === "edit") button.setAttribute("aria-pressed", editing);
    if (["remove", "exchange"].includes(what)) button.disabled = chosen.person === null;
    if (["hide", "leave-out"].includes(what)) button.disabled = !joint();
  }
}

function choose(what) {
  Object.assign(chosen, what);
  draw();
  const name = chosen.joint ? ` ${chosen.joint.replaceAll("_", " ")}` : "";
  const edge = chosen.edge === null ? "" : ` ${["left", "top", "right", "bottom"][chosen.edge]} edge`;
  const lacks = chosen.joint && !joint() ? (people.posed ? ": not placed; click where it is, or Enter" : ": not placed") : "";
  if (chosen.person !== null) say(`person ${people.list[chosen.person].index ?? "new"}${name}${edge}${lacks}`);
}

function joint() {
  return chosen.person === null || !chosen.joint ? null : people.list[chosen.person]?.joints?.[chosen.joint];
}

function light(person, name) {
  for (const lit of svg.querySelectorAll(".lit")) lit.classList.remove("lit");
  if (person === null) return;
  const group = svg.querySelector(`[data-person="${person}"]`);
  group?.classList.add("lit");
  if (name) group?.querySelector(`[data-joint="${name}"]`)?.classList.add("lit");
}

// Every change: remembered first, so that it can be undone.
function change(act) {
  if (!editing || busy) return;
  people.remember();
  act();
  people.settle();
  draw();
}

function setEditing(on) {
  if (on && shown.problem) return say(`${shown.problem.reason}: ${shown.problem.remedy}`);
  editing = on;
  adding = false;
  document.getElementById("editing").hidden = !on;
  if (on) {
    over.value = "drawn";
    canvas.show("drawn");
    wipe.value = 100;
    canvas.wipe(100);
    svg.focus();
  }
  say(on ? "Correcting. Drag keypoints and edges, or use the keys." : "");
  draw();
}

const nothing = () => say("choose a person first");

const acts = {
  in: () => canvas.zoom(1.4),
  out: () => canvas.zoom(1 / 1.4),
  whole: () => canvas.whole(),
  edit: () => setEditing(!editing),
  undo: () => people.undo() && draw(),
  redo: () => people.redo() && draw(),
  save: () => saveNow(false),
  check: () => saveNow(true),
  add: () => {
    adding = !adding;
    say(adding ? "Draw a box around the person, or Enter for one in the middle." : "");
    draw();
  },
  remove: () => (chosen.person === null ? nothing() : change(() => people.remove(chosen.person))),
  exchange: () => (chosen.person === null ? nothing() : change(() => people.exchange(chosen.person))),
  hide: () => joint() && change(() => people.toggleHidden(chosen.person, chosen.joint)),
  "leave-out": () => joint() && change(() => {
    if (!people.leaveOut(chosen.person, chosen.joint)) say("it lies beside the photo: not visible (H), or move it in");
  }),
  next: () => {
    if (people.dirty) return say("Save or undo first.");
    const score = lowest ? `&score=${lowest}` : "";
    location.assign(`/next?after=${id}${score}`);
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button && !button.disabled) acts[button.dataset.do]();
});
over.addEventListener("change", () => canvas.show(over.value));
wipe.addEventListener("input", () => canvas.wipe(Number(wipe.value)));

// The keyboard.
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  e: "edit", "+": "in", "=": "in", "-": "out", 0: "whole", a: "add", x: "exchange", h: "hide", n: "next",
};

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    const act = { s: "save", z: event.shiftKey ? "redo" : "undo", y: "redo" }[key];
    if (!act || !editing) return;
    event.preventDefault();
    if (act !== "save" || people.dirty) acts[act]();
    return;
  }
  if (handle(key, event)) event.preventDefault();
});

function handle(key, event) {
  if (key in STEPS) return event.target === svg || event.target.closest("#people") ? step(STEPS[key], event) : false;
  if (key === "Escape" && editing) return adding ? acts.add() : setEditing(false), true;
  if (key === "Enter" && event.target === svg) return enter();
  if (key === "Delete" && editing) return acts[event.shiftKey ? "remove" : "leave-out"](), true;
  if (/^[1-9]$/.test(key) && people.list[key - 1]) return choose({ person: key - 1, joint: null, edge: null }), true;
  if (key === "}" || key === "{") return turn(key === "}" ? 1 : -1), true;
  if (key === "." || key === ",") return nextJoint(key === "." ? 1 : -1), true;
  if (key === "b" && chosen.person !== null) return choose({ joint: null, edge: chosen.edge === null ? 0 : (chosen.edge + 1) % 4 }), true;
  if (!(key in KEYS) || event.altKey) return false;
  const act = KEYS[key];
  if (["add", "exchange", "hide"].includes(act) && !editing) return false;
  acts[act]();
  return true;
}

function turn(way) {
  const count = people.list.length;
  if (count) choose({ person: chosen.person === null ? 0 : (chosen.person + way + count) % count, joint: null, edge: null });
}

function nextJoint(way) {
  if (chosen.person === null) return turn(1);
  const names = people.skeleton.keypoints;
  const place = chosen.joint ? names.indexOf(chosen.joint) + way : way > 0 ? 0 : -1;
  choose({ joint: names.at(place % names.length), edge: null });
}

function step([dx, dy], event) {
  const length = event.shiftKey ? 10 : event.altKey ? 0.25 : 1;
  if (!editing || chosen.person === null) {
    canvas.pan(-dx * 40 * canvas.pixel(), -dy * 40 * canvas.pixel());
    return true;
  }
  const at = joint();
  if (at) change(() => people.moveJoint(chosen.person, chosen.joint, at.x + dx * length, at.y + dy * length));
  else if (chosen.edge !== null) {
    const box = people.list[chosen.person].box;
    change(() => people.moveEdge(chosen.person, chosen.edge, box[chosen.edge] + (chosen.edge % 2 ? dy : dx) * length));
  }
  return true;
}

function enter() {
  const [x, y, w, h] = canvas.view;
  if (adding) return addBox([x + w / 4, y + h / 4, x + (3 * w) / 4, y + (3 * h) / 4]), true;
  if (!chosen.joint || joint() || !people.posed || chosen.person === null) return false;
  const [x1, y1, x2, y2] = people.list[chosen.person].box;
  change(() => people.moveJoint(chosen.person, chosen.joint, (x1 + x2) / 2, (y1 + y2) / 2));
  return true;
}

function addBox(box) {
  adding = false;
  change(() => Object.assign(chosen, { person: people.add(box), joint: null, edge: null }));
  say("Added. Save: the stages cut this person out and look for keypoints.");
}

// Mouse, pen and fingers. Two fingers zoom.
const fingers = new Map();
let drag = null;

svg.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  svg.setPointerCapture(event.pointerId);
  const [x, y] = canvas.place(event);
  const data = event.target.dataset;
  const group = event.target.closest("[data-person]");
  drag = { kind: "pan", from: [event.clientX, event.clientY], moved: false };
  if (fingers.size > 1) return;
  if (!editing || busy) {
    if (group) choose({ person: Number(group.dataset.person), joint: data.joint ?? null, edge: null });
    return;
  }
  svg.focus({ preventScroll: true });
  people.remember();
  if (adding) drag = { kind: "add", at: [x, y] };
  else if (data.joint) {
    drag = { kind: "joint" };
    choose({ person: Number(group.dataset.person), joint: data.joint, edge: null });
  } else if (data.edge) {
    drag = { kind: "edge" };
    choose({ joint: null, edge: Number(data.edge) });
  } else if (chosen.person !== null && chosen.joint && !joint() && people.posed) {
    drag = { kind: "joint" };
    people.moveJoint(chosen.person, chosen.joint, x - 0.5, y - 0.5);
    draw();
  } else if (group) choose({ person: Number(group.dataset.person), joint: null, edge: null });
});

svg.addEventListener("pointermove", (event) => {
  if (!fingers.has(event.pointerId)) return;
  const before = fingers.get(event.pointerId);
  const now = [event.clientX, event.clientY];
  if (fingers.size === 2) pinch(event.pointerId, before, now);
  fingers.set(event.pointerId, now);
  if (fingers.size > 1 || !drag) return;
  const [x, y] = canvas.place(event);
  if (drag.kind === "pan") {
    const pixel = canvas.pixel();
    canvas.pan((now[0] - before[0]) * pixel, (now[1] - before[1]) * pixel);
    return;
  }
  drag.moved = true;
  if (drag.kind === "joint") people.moveJoint(chosen.person, chosen.joint, x - 0.5, y - 0.5);
  else if (drag.kind === "edge") people.moveEdge(chosen.person, chosen.edge, chosen.edge % 2 ? y : x);
  else drag.to = [x, y];
  draw();
});

function pinch(pointer, before, now) {
  const other = [...fingers].find(([one]) => one !== pointer)[1];
  const length = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
  const [x, y] = canvas.place({ clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 });
  canvas.zoom(length(now) / length(before), x, y);
}

function release(event) {
  if (!fingers.delete(event.pointerId) || fingers.size) return;
  const ended = drag;
  drag = null;
  if (!editing || busy) return;
  people.settle();
  if (ended?.kind === "add" && ended.to) {
    const [[x1, y1], [x2, y2]] = [ended.at, ended.to];
    const box = [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
    const inside = [Math.max(0, box[0]), Math.max(0, box[1]), Math.min(people.width, box[2]), Math.min(people.height, box[3])];
    if (inside[2] - inside[0] > 4 && inside[3] - inside[1] > 4) addBox(inside);
    else say("too small for a person");
  }
  draw();
}
svg.addEventListener("pointerup", release);
svg.addEventListener("pointercancel", release);
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  canvas.zoom(Math.exp(-event.deltaY / 400), ...canvas.place(event));
}, { passive: false });

// Saving.
async function saveNow(checked) {
  if (busy) return;
  busy = true;
  draw();
  try {
    const answer = await save(id, people.etag, people.correction(checked));
    if (answer.problem) return say(answer.problem);
    people.etag = answer.etag;
    people.clean = JSON.stringify(people.list);
    say(["Saved. The pictures follow.", ...answer.notes].join(" "));
    await followed(answer.notes);
  } finally {
    busy = false;
    draw();
  }
}

async function followed(notes) {
  const told = await follow(id);
  const loaded = await load(id);
  if (!loaded) return say("Saved. The page could not load it anew: reload it.");
  if (!people.dirty || people.isBase(loaded)) {
    const list = people.list;
    const dirty = people.dirty;
    people.take(loaded);
    if (dirty) people.list = list;
  }
  Object.assign(shown, loaded);
  version = loaded.etag;
  canvas.show(over.value);
  say([told || "Saved, cut out and drawn.", ...notes].join(" "));
}

addEventListener("beforeunload", (event) => {
  if (people.dirty) event.preventDefault();
});

if (shown.problem) {
  const place = document.getElementById("problem");
  place.textContent = `${shown.problem.reason}: ${shown.problem.remedy}`;
  place.hidden = false;
}
canvas.show(over.value); // somebody, or the browser, may have chosen before this ran
canvas.wipe(Number(wipe.value));
draw();
if (new URLSearchParams(location.search).has("edit") && kinds) setEditing(true);
