// A video beside its speeds: a cursor that follows, and marks to jump to.
import { element } from "./canvas.js";

const page = document.getElementById("video");
const movie = document.getElementById("movie");
const plot = document.getElementById("plot");
const point = document.getElementById("point");
const said = document.getElementById("said");
const SIZE = [800, 300]; // the width becomes that of the page
const SPACE = { left: 78, right: 24, top: 26, bottom: 28 };
const FRAME = 1 / 30;
const COLOURS = 6; // in app.css
let motion = { curves: [], marks: [] };
let cursor = null;
let end = 0;

const inside = () => SIZE[0] - SPACE.left - SPACE.right;
const across = (seconds) => SPACE.left + (seconds / (end || 1)) * inside();
const number = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function curves() {
  return motion.curves.filter((curve) => curve.point === point.value);
}

function draw() {
  SIZE[0] = Math.max(240, plot.clientWidth);
  const svg = element("svg", { viewBox: `0 0 ${SIZE.join(" ")}`, "aria-hidden": "true" });
  const found = curves();
  const unit = found[0]?.unit ?? "";
  const top = Math.max(1e-9, ...found.map((curve) => Math.max(0, ...curve.values.filter((value) => value !== null))));
  const down = (value) => SIZE[1] - SPACE.bottom - (value / top) * (SIZE[1] - SPACE.bottom - SPACE.top);
  for (let part = 0; part <= 4; part++) {
    const value = (top * part) / 4;
    svg.append(element("line", { class: "grid", x1: SPACE.left, x2: SIZE[0] - SPACE.right, y1: down(value), y2: down(value) }));
    svg.append(element("text", { class: "axis", x: SPACE.left - 8, y: down(value) + 5, "text-anchor": "end" }, part < 4 ? number(value) : `${number(value)} ${unit}`));
  }
  const parts = SIZE[0] < 500 ? 2 : 5;
  for (let part = 0; part <= parts; part++) {
    const seconds = (end * part) / parts;
    svg.append(element("text", { class: "axis", x: across(seconds), y: SIZE[1] - 8, "text-anchor": "middle" }, `${seconds.toFixed(1)} s`));
  }
  for (const mark of motion.marks) {
    if (mark.end_seconds !== null) {
      const width = Math.max(2, across(mark.end_seconds) - across(mark.seconds));
      svg.append(element("rect", { class: "span", x: across(mark.seconds), width, y: SPACE.top, height: SIZE[1] - SPACE.top - SPACE.bottom }));
    } else svg.append(element("line", { class: "mark", x1: across(mark.seconds), x2: across(mark.seconds), y1: SPACE.top, y2: SIZE[1] - SPACE.bottom }));
  }
  for (const [place, curve] of found.entries()) {
    const colour = `c${place % COLOURS}`;
    let path = "";
    let pen = "M";
    curve.values.forEach((value, at) => {
      if (value === null) pen = "M";
      else {
        path += `${pen}${across(curve.seconds[at]).toFixed(1)} ${down(value).toFixed(1)}`;
        pen = "L";
      }
    });
    svg.append(element("path", { class: `curve ${colour}`, d: path }));
    if (SPACE.left + 70 + place * 74 < SIZE[0]) {
      svg.append(element("text", { class: `legend ${colour}`, x: SPACE.left + place * 74, y: 16 }, `person ${curve.track}`));
    }
  }
  cursor = element("line", { class: "cursor", y1: SPACE.top, y2: SIZE[1] - SPACE.bottom });
  svg.append(cursor);
  plot.replaceChildren(svg);
  follow();
}

function follow() {
  const now = movie?.currentTime ?? 0;
  if (cursor) for (const side of ["x1", "x2"]) cursor.setAttribute(side, across(Math.min(now, end)));
  plot.setAttribute("aria-valuenow", now.toFixed(2));
  const values = curves().map((curve) => {
    let place = curve.seconds.findIndex((seconds) => seconds > now);
    place = place < 0 ? curve.seconds.length - 1 : Math.max(0, place - 1);
    const value = curve.values[place];
    return `person ${curve.track}: ${value === null || value === undefined ? "not seen" : `${number(value)} ${curve.unit}`}`;
  });
  plot.setAttribute("aria-valuetext", `${now.toFixed(2)} seconds; ${values.join("; ")}`);
  said.textContent = `${now.toFixed(2)} s${values.length ? `: ${values.slice(0, 4).join("; ")}` : ""}`;
}

function go(seconds) {
  if (!movie) return;
  movie.pause();
  movie.currentTime = Math.min(Math.max(0, seconds), end || movie.duration || 0);
}

function always() {
  if (movie && !movie.paused) follow();
  requestAnimationFrame(always);
}

function stretch() {
  end = Math.max(movie?.duration || 0, ...motion.curves.map((curve) => curve.seconds.at(-1) ?? 0), 0);
  plot.setAttribute("aria-valuemax", end.toFixed(2));
  draw();
}

function list() {
  const place = document.getElementById("marks");
  place.replaceChildren(...motion.marks.map((mark) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.textContent = `${mark.seconds.toFixed(2)} s ${mark.kind} (person ${mark.track})`;
    button.addEventListener("click", () => go(mark.seconds));
    const row = document.createElement("li");
    row.append(button);
    return row;
  }));
  place.hidden = document.getElementById("marks-title").hidden = !motion.marks.length;
}

plot.addEventListener("click", (event) => {
  const box = plot.getBoundingClientRect();
  go(((event.clientX - box.left) * (SIZE[0] / box.width) - SPACE.left) / inside() * end);
});
plot.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
  if (step) go(movie.currentTime + step * (event.shiftKey ? 1 : FRAME));
  else if (event.key === "Home" || event.key === "End") go(event.key === "Home" ? 0 : end);
  else return;
  event.preventDefault();
});
for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => go(movie.currentTime + Number(button.dataset.step) * FRAME));
}
document.getElementById("rate").addEventListener("change", (event) => {
  if (movie) movie.playbackRate = Number(event.target.value);
});
document.getElementById("kind").addEventListener("change", (event) => {
  if (movie) movie.src = `/movies/${page.dataset.id}/${event.target.value}`;
});
point.addEventListener("change", draw);
new ResizeObserver(draw).observe(plot);
for (const what of ["timeupdate", "seeked"]) movie?.addEventListener(what, follow);
movie?.addEventListener("loadedmetadata", stretch);
movie?.addEventListener("error", () => { said.textContent = "The browser cannot play this movie; final/ plays everywhere."; });

const answer = await fetch(`/api/v1/videos/${page.dataset.id}/motion`);
if (answer.ok) motion = await answer.json();
for (const name of new Set(motion.curves.map((curve) => curve.point))) point.append(new Option(name.replaceAll("_", " "), name));
list();
stretch();
always();
