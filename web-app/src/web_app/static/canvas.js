// The picture with people over it, as SVG in the picture's own pixels; zooming changes the view box.
// A pixel's centre is at +0.5 in SVG, as keypoints have centres at integers; boxes are edges and stand as they are.
import { clamp } from "./people.js";

const NS = "http://www.w3.org/2000/svg";
const EDGES = [[0, 1, 0, 3], [0, 1, 2, 1], [2, 1, 2, 3], [0, 3, 2, 3]]; // per edge x, y, x, y as positions in the box
const MOST_ZOOM = 40;

export function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

export class Canvas {
  constructor(svg, people, address) {
    Object.assign(this, { svg, people, address });
    this.view = [0, 0, people.width, people.height];
    this.below = element("image", { width: people.width, height: people.height, href: address("original") });
    this.clip = element("rect", { width: people.width, height: people.height });
    const path = element("clipPath", { id: "wiped" });
    path.append(this.clip);
    this.above = element("g", { "clip-path": "url(#wiped)" });
    this.picture = element("image", { width: people.width, height: people.height, visibility: "hidden" });
    this.layer = element("g");
    this.above.append(this.picture, this.layer);
    svg.append(path, this.below, this.above);
    new ResizeObserver(() => this.scale()).observe(svg);
  }

  // What lies over the photo: `drawn`, `nothing`, or the name of a picture.
  show(over) {
    this.layer.setAttribute("visibility", over === "drawn" ? "visible" : "hidden");
    const shown = !["drawn", "nothing"].includes(over);
    if (shown) this.picture.setAttribute("href", this.address(over));
    this.picture.setAttribute("visibility", shown ? "visible" : "hidden");
  }

  wipe(percent) {
    this.clip.setAttribute("width", (this.people.width * percent) / 100);
  }

  draw(chosen, editing) {
    this.layer.replaceChildren(...this.people.list.map((_, who) => this.person(who, chosen, editing)));
    this.scale();
  }

  person(who, chosen, editing) {
    const person = this.people.list[who];
    const mine = chosen.person === who;
    const group = element("g", { class: `person p${who % 6}${mine ? " chosen" : ""}`, "data-person": who });
    const [x1, y1, x2, y2] = person.box;
    group.append(element("rect", { class: "box", x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) }));
    const joints = person.joints ?? {};
    const { keypoints, limbs } = this.people.skeleton;
    for (const { a, b, side } of limbs) {
      const [from, to] = [joints[keypoints[a]], joints[keypoints[b]]];
      if (!from || !to) continue;
      const faint = from.score < 0.2 || to.score < 0.2 ? " faint" : "";
      group.append(element("line", {
        class: `limb ${side}${faint}`, x1: from.x + 0.5, y1: from.y + 0.5, x2: to.x + 0.5, y2: to.y + 0.5,
      }));
    }
    if (editing && mine) group.append(...EDGES.map((places, edge) => this.edge(person.box, places, edge, chosen)));
    for (const name of keypoints) if (joints[name]) group.append(this.joint(who, name, joints[name], chosen));
    group.append(this.tag(who, person));
    return group;
  }

  edge(box, [x1, y1, x2, y2], edge, chosen) {
    const on = chosen.edge === edge ? " on" : "";
    return element("line", {
      class: `edge e${edge % 2}${on}`, "data-edge": edge, x1: box[x1], y1: box[y1], x2: box[x2], y2: box[y2],
    });
  }

  joint(who, name, joint, chosen) {
    const side = name.startsWith("left_") ? "left" : name.startsWith("right_") ? "right" : "middle";
    const on = chosen.person === who && chosen.joint === name ? " on" : "";
    const hidden = this.people.isHidden(joint) ? " hidden" : "";
    const circle = element("circle", {
      class: `joint ${side}${on}${hidden}`, "data-joint": name, cx: joint.x + 0.5, cy: joint.y + 0.5,
    });
    circle.append(element("title", {}, `${who}: ${name.replaceAll("_", " ")} ${joint.score.toFixed(2)}`));
    return circle;
  }

  tag(who, person) {
    const tops = Object.values(person.joints ?? {}).filter((joint) => joint.score >= 0.2);
    const top = tops.reduce((best, joint) => (!best || joint.y < best.y ? joint : best), null);
    const [x, y] = top ? [top.x, top.y] : [(person.box[0] + person.box[2]) / 2, person.box[1]];
    return element("text", { class: "tag", x: x + 0.5, y, "text-anchor": "middle" }, String(person.index ?? "new"));
  }

  // Sizes stay the same on the screen at every zoom.
  scale() {
    const pixel = this.pixel();
    this.svg.style.setProperty("--pixel", pixel);
    for (const circle of this.layer.querySelectorAll("circle")) {
      circle.setAttribute("r", (circle.classList.contains("on") ? 8 : 5) * pixel);
    }
    for (const tag of this.layer.querySelectorAll("text")) {
      tag.setAttribute("font-size", 15 * pixel);
      const above = tag.y.baseVal[0].value > 26 * pixel + this.view[1]; // else it would be cut off
      tag.setAttribute("dy", (above ? -10 : 22) * pixel);
    }
  }

  // How many of the picture's pixels are one of the screen's.
  pixel() {
    const { width, height } = this.svg.getBoundingClientRect();
    return width && height ? Math.max(this.view[2] / width, this.view[3] / height) : 1;
  }

  // Where in the picture an event is: SVG's x and y.
  place(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [at.x, at.y];
  }

  zoom(factor, x = this.view[0] + this.view[2] / 2, y = this.view[1] + this.view[3] / 2) {
    const { width, height } = this.people;
    const zoomed = clamp(this.view[2] / factor, width / MOST_ZOOM, width) / this.view[2];
    const [w, h] = [this.view[2] * zoomed, this.view[3] * zoomed];
    this.look([x - (x - this.view[0]) * zoomed, y - (y - this.view[1]) * zoomed, w, h], width, height);
  }

  pan(dx, dy) {
    const [x, y, w, h] = this.view;
    this.look([x - dx, y - dy, w, h], this.people.width, this.people.height);
  }

  whole() {
    this.look([0, 0, this.people.width, this.people.height], this.people.width, this.people.height);
  }

  look([x, y, w, h], width, height) {
    this.view = [clamp(x, 0, width - w), clamp(y, 0, height - h), w, h];
    this.svg.setAttribute("viewBox", this.view.join(" "));
    this.scale();
  }
}
