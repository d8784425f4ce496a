// A photo's page by mouse, pen and fingers: choose, drag, draw a box, move the picture. Two fingers zoom.
const LEAST_BOX = 4; // pixels

export function listenToPointers(editor) {
  const { people, canvas, chosen } = editor;
  const { svg } = editor.places;
  const fingers = new Map();
  let drag = null;

  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    svg.setPointerCapture(event.pointerId);
    drag = { kind: "pan" };
    if (fingers.size > 1) return;
    const group = event.target.closest("[data-person]");
    const person = group && Number(group.dataset.person);
    if (!editor.editing || editor.busy) {
      if (group) editor.choose({ person, joint: event.target.dataset.joint ?? null, edge: null });
      return;
    }
    svg.focus({ preventScroll: true });
    people.remember();
    take(person, event.target.dataset, canvas.place(event));
  });

  // What a drag will move. x, y: where in the picture it begins.
  function take(person, { joint, edge }, [x, y]) {
    if (editor.adding) drag = { kind: "add", at: [x, y] };
    else if (joint) {
      drag = { kind: "joint" };
      editor.choose({ person, joint, edge: null });
    } else if (edge) {
      drag = { kind: "edge" };
      editor.choose({ joint: null, edge: Number(edge) });
    } else if (chosen.person !== null && chosen.joint && !editor.joint && people.posed) {
      drag = { kind: "joint" };
      people.moveJoint(chosen.person, chosen.joint, x - 0.5, y - 0.5);
      editor.draw();
    } else if (person !== null) editor.choose({ person, joint: null, edge: null });
  }

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
    if (drag.kind === "joint") people.moveJoint(chosen.person, chosen.joint, x - 0.5, y - 0.5);
    else if (drag.kind === "edge") people.moveEdge(chosen.person, chosen.edge, chosen.edge % 2 ? y : x);
    else drag.to = [x, y];
    editor.draw();
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
    if (!editor.editing || editor.busy) return;
    people.settle();
    if (ended?.kind === "add" && ended.to) addBetween(ended.at, ended.to);
    editor.draw();
  }

  function addBetween([x1, y1], [x2, y2]) {
    const box = [
      Math.max(0, Math.min(x1, x2)), Math.max(0, Math.min(y1, y2)),
      Math.min(people.width, Math.max(x1, x2)), Math.min(people.height, Math.max(y1, y2)),
    ];
    if (box[2] - box[0] > LEAST_BOX && box[3] - box[1] > LEAST_BOX) editor.addBox(box);
    else editor.say("too small for a person");
  }

  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    canvas.zoom(Math.exp(-event.deltaY / 400), ...canvas.place(event));
  }, { passive: false });
}
