// What is chosen on a photo's page, and what can be done to it. Knows no key, no mouse and no server.
import { Panel } from "./panel.js";

const EDGES = ["left", "top", "right", "bottom"];
const spoken = (name) => name.replaceAll("_", " ");

export class Editor {
  // places: {svg, said, people, toolbar}; view: {plain()} shows the photo with the people over it;
  // refusal: why nothing can be corrected, or null.
  constructor(people, canvas, places, view, refusal) {
    Object.assign(this, { people, canvas, places, view, refusal });
    this.chosen = { person: people.list.length ? 0 : null, joint: null, edge: null };
    this.editing = false;
    this.adding = false;
    this.busy = false;
    this.panel = new Panel(places.people, people, (what) => this.choose(what), (who, name) => this.light(who, name));
    this.acts = this.#acts();
  }

  say(text) {
    this.places.said.textContent = text;
  }

  get joint() {
    const { person, joint } = this.chosen;
    return person === null || !joint ? null : this.people.list[person]?.joints?.[joint];
  }

  draw() {
    const { people, chosen } = this;
    if (chosen.person !== null && chosen.person >= people.list.length) Object.assign(chosen, { person: null, joint: null, edge: null });
    this.canvas.draw(chosen, this.editing);
    this.panel.draw(chosen);
    this.places.svg.classList.toggle("editing", this.editing);
    const somebody = chosen.person !== null;
    const placed = Boolean(this.joint);
    const can = {
      undo: people.past.length, redo: people.future.length, save: people.dirty && !this.busy, check: !people.dirty && !this.busy,
      remove: somebody, exchange: somebody, hide: placed, "leave-out": placed,
    };
    const pressed = { add: this.adding, edit: this.editing };
    for (const button of document.querySelectorAll("[data-do]")) {
      const what = button.dataset.do;
      if (what in can) button.disabled = !can[what];
      if (what in pressed) button.setAttribute("aria-pressed", pressed[what]);
    }
  }

  choose(what) {
    const { people, chosen } = this;
    Object.assign(chosen, what);
    this.draw();
    if (chosen.person === null) return;
    const name = chosen.joint ? ` ${spoken(chosen.joint)}` : "";
    const edge = chosen.edge === null ? "" : ` ${EDGES[chosen.edge]} edge`;
    const lacks = chosen.joint && !this.joint ? (people.posed ? ": not placed; click where it is, or Enter" : ": not placed") : "";
    this.say(`person ${people.list[chosen.person].index ?? "new"}${name}${edge}${lacks}`);
  }

  light(person, name) {
    const { svg } = this.places;
    for (const lit of svg.querySelectorAll(".lit")) lit.classList.remove("lit");
    if (person === null) return;
    const group = svg.querySelector(`[data-person="${person}"]`);
    group?.classList.add("lit");
    if (name) group?.querySelector(`[data-joint="${name}"]`)?.classList.add("lit");
  }

  // Every change: remembered first, so that it can be undone.
  change(act) {
    if (!this.editing || this.busy) return;
    this.people.remember();
    act(this.people, this.chosen);
    this.people.settle();
    this.draw();
  }

  setEditing(on) {
    if (on && this.refusal) return this.say(this.refusal);
    this.editing = on;
    this.adding = false;
    this.places.toolbar.hidden = !on;
    if (on) {
      this.view.plain();
      this.places.svg.focus();
    }
    this.say(on ? "Correcting. Drag keypoints and edges, or use the keys." : "");
    this.draw();
  }

  addBox(box) {
    this.adding = false;
    this.change((people, chosen) => Object.assign(chosen, { person: people.add(box), joint: null, edge: null }));
    this.say("Added. Save: the stages cut this person out and look for keypoints.");
  }

  // By name: what the buttons and the keys call. `save`, `check` and `next` are the page's.
  #acts() {
    const somebody = (act) => () => (this.chosen.person === null ? this.say("choose a person first") : this.change(act));
    const somewhere = (act) => () => this.joint && this.change(act);
    return {
      in: () => this.canvas.zoom(1.4),
      out: () => this.canvas.zoom(1 / 1.4),
      whole: () => this.canvas.whole(),
      edit: () => this.setEditing(!this.editing),
      undo: () => this.people.undo() && this.draw(),
      redo: () => this.people.redo() && this.draw(),
      add: () => {
        this.adding = !this.adding;
        this.say(this.adding ? "Draw a box around the person, or Enter for one in the middle." : "");
        this.draw();
      },
      remove: somebody((people, chosen) => people.remove(chosen.person)),
      exchange: somebody((people, chosen) => people.exchange(chosen.person)),
      hide: somewhere((people, chosen) => people.toggleHidden(chosen.person, chosen.joint)),
      "leave-out": somewhere((people, chosen) => {
        if (!people.leaveOut(chosen.person, chosen.joint)) this.say("it lies beside the photo: not visible (H), or move it in");
      }),
    };
  }
}
