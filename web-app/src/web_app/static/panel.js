// The list of people beside the picture: numbers, and buttons to choose a person or a keypoint.
function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export class Panel {
  constructor(place, people, choose, light) {
    Object.assign(this, { place, people, choose, light });
    place.addEventListener("pointerover", (event) => this.over(event));
    place.addEventListener("focusin", (event) => this.over(event));
    place.addEventListener("pointerleave", () => light(null, null));
    place.addEventListener("focusout", () => light(null, null));
    place.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-person]");
      if (button) choose({ person: Number(button.dataset.person), joint: button.dataset.joint ?? null, edge: null });
    });
  }

  over(event) {
    const row = event.target.closest("[data-person]");
    if (row) this.light(Number(row.dataset.person), row.dataset.joint ?? null);
  }

  draw(chosen) {
    const focused = document.activeElement?.closest?.("#people button")?.dataset;
    const place = focused && { ...focused };
    const { list } = this.people;
    this.place.replaceChildren(...(list.length ? list.map((_, who) => this.person(who, chosen)) : [made("p", { textContent: "Nobody." })]));
    if (!place) return;
    const joint = place.joint ? `[data-joint="${place.joint}"]` : ":not([data-joint])";
    this.place.querySelector(`button[data-person="${place.person}"]${joint}`)?.focus();
  }

  person(who, chosen) {
    const person = this.people.list[who];
    const head = made("button", { type: "button", className: "who" });
    head.dataset.person = who;
    head.append(
      made("b", { textContent: person.index === null ? "new" : `person ${person.index}` }),
      made("span", { className: `score ${person.score < 0.5 ? "low" : ""}`, textContent: person.score.toFixed(2) }),
    );
    head.setAttribute("aria-pressed", chosen.person === who);
    const [x1, y1, x2, y2] = person.box.map((edge) => edge.toFixed(1));
    const part = made("section", { className: `somebody p${who % 6}` }, head);
    part.append(made("p", { className: "numbers", textContent: `box ${x1}, ${y1} to ${x2}, ${y2}` }));
    if (chosen.person === who) part.append(person.joints || this.people.posed ? this.joints(who, chosen) : made("p", { textContent: "no keypoints yet" }));
    part.dataset.person = who;
    return part;
  }

  joints(who, chosen) {
    const joints = this.people.list[who].joints ?? {};
    const rows = this.people.skeleton.keypoints.map((name) => {
      const joint = joints[name];
      const row = made("li");
      const button = made("button", { type: "button" }, made("span", { textContent: name.replaceAll("_", " ") }));
      Object.assign(button.dataset, { person: who, joint: name });
      button.setAttribute("aria-pressed", chosen.person === who && chosen.joint === name);
      const numbers = joint ? `${joint.x.toFixed(1)}, ${joint.y.toFixed(1)}` : "not placed";
      const low = joint && joint.score < 0.2 ? "low" : "";
      button.append(
        made("span", { className: "numbers", textContent: numbers }),
        made("span", { className: `score ${low}`, textContent: joint ? joint.score.toFixed(2) : "" }),
      );
      if (joint && this.people.isMarked(joint)) button.append(made("span", { className: "badge", textContent: "not visible" }));
      row.append(button);
      return row;
    });
    return made("ol", { className: "joints" }, ...rows);
  }
}
