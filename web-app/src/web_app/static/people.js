// The people of a photo while they are corrected: what can be done to them, and undone. Knows no page.
// A person: {index or null, score, box: [x1, y1, x2, y2], joints: {name: {x, y, score, hidden}} or null}.

const LEAST_BOX = 2; // pixels

export class People {
  constructor(document) {
    this.width = document.width;
    this.height = document.height;
    this.skeleton = document.skeleton;
    this.posed = document.posed;
    this.take(document);
  }

  // What the server says replaces all.
  take(document) {
    this.etag = document.etag;
    this.posed = document.posed;
    this.skeleton = document.skeleton;
    this.list = document.people.map((person) => ({
      index: person.index,
      score: person.score,
      box: [...person.box],
      joints: person.keypoints
        ? Object.fromEntries(person.keypoints.map((p) => [p.name, { x: p.x, y: p.y, score: p.score, hidden: null }]))
        : null,
    }));
    this.clean = JSON.stringify(this.list);
    this.past = [];
    this.future = [];
  }

  get dirty() {
    return JSON.stringify(this.list) !== this.clean;
  }

  // Whether a document has the people that were there before anything was changed here.
  isBase(document) {
    const other = Object.create(People.prototype);
    other.take(document);
    return other.clean === this.clean;
  }

  // To be called before a change.
  remember() {
    this.past.push(JSON.stringify(this.list));
    this.future = [];
  }

  undo() {
    return this.#go(this.past, this.future);
  }

  redo() {
    return this.#go(this.future, this.past);
  }

  #go(from, to) {
    if (!from.length) return false;
    to.push(JSON.stringify(this.list));
    this.list = JSON.parse(from.pop());
    return true;
  }

  // Forgets the last remembered state where nothing has come of it.
  settle() {
    if (this.past.at(-1) === JSON.stringify(this.list)) this.past.pop();
  }

  moveJoint(who, name, x, y) {
    const person = this.list[who];
    person.joints ??= {};
    const joint = (person.joints[name] ??= { x, y, score: 1, hidden: null });
    joint.x = clamp(x, -0.5, this.width - 0.5);
    joint.y = clamp(y, -0.5, this.height - 0.5);
    joint.score = 1;
  }

  // One edge of a box: 0 left, 1 top, 2 right, 3 bottom.
  moveEdge(who, edge, value) {
    const box = this.list[who].box;
    const most = edge % 2 ? this.height : this.width;
    const other = box[(edge + 2) % 4];
    box[edge] = edge < 2 ? clamp(value, 0, other - LEAST_BOX) : clamp(value, other + LEAST_BOX, most);
  }

  add(box) {
    this.list.push({ index: null, score: 1, box, joints: null });
    return this.list.length - 1;
  }

  remove(who) {
    this.list.splice(who, 1);
  }

  // Left becomes right: all keypoints, or one with its partner.
  exchange(who, name = null) {
    const { keypoints, mirror } = this.skeleton;
    const joints = this.list[who].joints;
    if (!joints) return;
    mirror.forEach((partner, place) => {
      const pair = [keypoints[place], keypoints[partner]];
      if (place >= partner || (name && !pair.includes(name))) return;
      const [a, b] = pair.map((one) => joints[one]);
      for (const [one, joint] of [[pair[0], b], [pair[1], a]]) {
        if (joint) joints[one] = joint;
        else delete joints[one];
      }
    });
  }

  // A guess of the network's, or marked as not visible.
  isHidden(joint) {
    return joint.hidden ?? joint.score <= 0.2;
  }

  // Somebody said so: the record then has the least score that counts.
  isMarked(joint) {
    return joint.hidden ?? joint.score === 0.2;
  }

  toggleHidden(who, name) {
    const joint = this.list[who].joints?.[name];
    if (!joint) return;
    joint.hidden = !this.isHidden(joint);
    joint.score = joint.hidden ? 0.2 : 1;
  }

  // Whether it was left out: one beside the picture stays, as no other tool shows it either.
  leaveOut(who, name) {
    const joint = this.list[who].joints?.[name];
    if (!joint || joint.x < -0.5 || joint.y < -0.5 || joint.x > this.width - 0.5 || joint.y > this.height - 0.5) return false;
    delete this.list[who].joints[name];
    return true;
  }

  // What is sent to the server.
  correction(checked) {
    return {
      checked,
      people: this.list.map(({ index, box, joints }) => ({
        index,
        box,
        keypoints: joints
          ? this.skeleton.keypoints
              .filter((name) => joints[name])
              .map((name) => ({ name, x: joints[name].x, y: joints[name].y, hidden: joints[name].hidden }))
          : null,
      })),
    };
  }
}

export function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
}
