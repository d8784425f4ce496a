// A photo's page by the keyboard: all of it can be done without a mouse.
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ACTS = { e: "edit", "+": "in", "=": "in", "-": "out", 0: "whole", a: "add", x: "exchange", h: "hide", n: "next" };
const OF_EDITING = ["add", "exchange", "hide"];
const PAN = 40; // pixels of the screen

export function listenToKeys(editor) {
  const { people, canvas, chosen, acts } = editor;
  const { svg } = editor.places;

  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      const act = { s: "save", z: event.shiftKey ? "redo" : "undo", y: "redo" }[key];
      if (!act || !editor.editing) return;
      event.preventDefault();
      if (act !== "save" || people.dirty) acts[act]();
      return;
    }
    if (handle(key, event)) event.preventDefault();
  });

  // Whether the key was ours.
  function handle(key, event) {
    if (key in STEPS) return event.target === svg || event.target.closest("#people") ? step(STEPS[key], event) : false;
    if (key === "Escape" && editor.editing) return editor.adding ? acts.add() : editor.setEditing(false), true;
    if (key === "Enter" && event.target === svg) return enter();
    if (key === "Delete" && editor.editing) return acts[event.shiftKey ? "remove" : "leave-out"](), true;
    if (/^[1-9]$/.test(key) && people.list[key - 1]) return editor.choose({ person: key - 1, joint: null, edge: null }), true;
    if (key === "}" || key === "{") return turn(key === "}" ? 1 : -1), true;
    if (key === "." || key === ",") return nextJoint(key === "." ? 1 : -1), true;
    if (key === "b" && chosen.person !== null) return nextEdge(), true;
    if (!(key in ACTS) || event.altKey) return false;
    const act = ACTS[key];
    if (OF_EDITING.includes(act) && !editor.editing) return false;
    acts[act]();
    return true;
  }

  function turn(way) {
    const count = people.list.length;
    if (count) editor.choose({ person: chosen.person === null ? 0 : (chosen.person + way + count) % count, joint: null, edge: null });
  }

  function nextJoint(way) {
    if (chosen.person === null) return turn(1);
    const names = people.skeleton.keypoints;
    const place = chosen.joint ? names.indexOf(chosen.joint) + way : way > 0 ? 0 : -1;
    editor.choose({ joint: names.at(place % names.length), edge: null });
  }

  function nextEdge() {
    editor.choose({ joint: null, edge: chosen.edge === null ? 0 : (chosen.edge + 1) % 4 });
  }

  function step([dx, dy], event) {
    if (!editor.editing || chosen.person === null) {
      canvas.pan(-dx * PAN * canvas.pixel(), -dy * PAN * canvas.pixel());
      return true;
    }
    const length = event.shiftKey ? 10 : event.altKey ? 0.25 : 1;
    const at = editor.joint;
    if (at) editor.change(() => people.moveJoint(chosen.person, chosen.joint, at.x + dx * length, at.y + dy * length));
    else if (chosen.edge !== null) {
      const box = people.list[chosen.person].box;
      editor.change(() => people.moveEdge(chosen.person, chosen.edge, box[chosen.edge] + (chosen.edge % 2 ? dy : dx) * length));
    }
    return true;
  }

  // A box in the middle of what is seen, or the keypoint that lacks in the middle of the person's box.
  function enter() {
    const [x, y, w, h] = canvas.view;
    if (editor.adding) return editor.addBox([x + w / 4, y + h / 4, x + (3 * w) / 4, y + (3 * h) / 4]), true;
    if (!chosen.joint || editor.joint || !people.posed || chosen.person === null) return false;
    const [x1, y1, x2, y2] = people.list[chosen.person].box;
    editor.change(() => people.moveJoint(chosen.person, chosen.joint, (x1 + x2) / 2, (y1 + y2) / 2));
    return true;
  }
}
