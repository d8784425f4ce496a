// A photo's page, put together: what is shown over the photo, and saving what was corrected.
import { Canvas } from "./canvas.js";
import { Editor } from "./editor.js";
import { listenToKeys } from "./keys.js";
import { People } from "./people.js";
import { listenToPointers } from "./pointers.js";
import { follow, load, save } from "./saving.js";

const at = (id) => document.getElementById(id);
const { id, kinds, lowest, version } = at("photo").dataset;
const shown = JSON.parse(at("document").textContent);
const told = (problem) => (problem ? `${problem.reason}: ${problem.remedy}` : null);
const people = new People(shown);
const [over, wipe] = [at("over"), at("wipe")];
const pictures = { version };
const canvas = new Canvas(at("canvas"), people, (kind) => `/pictures/${id}/${kind}/full?v=${pictures.version}`);
const view = {
  show() {
    canvas.show(over.value);
    canvas.wipe(Number(wipe.value));
  },
  plain() {
    over.value = "drawn";
    wipe.value = 100;
    this.show();
  },
};
const places = { svg: at("canvas"), said: at("said"), people: at("people"), toolbar: at("editing") };
const editor = new Editor(people, canvas, places, view, told(shown.problem));

Object.assign(editor.acts, {
  save: () => saveNow(false),
  check: () => saveNow(true),
  next: () => {
    if (people.dirty) return editor.say("Save or undo first.");
    location.assign(`/next?after=${id}${lowest ? `&score=${lowest}` : ""}`);
  },
});

async function saveNow(checked) {
  if (editor.busy) return;
  editor.busy = true;
  editor.draw();
  try {
    const answer = await save(id, people.etag, people.correction(checked));
    if (answer.problem) return editor.say(answer.problem);
    people.etag = answer.etag;
    people.clean = JSON.stringify(people.list);
    editor.say(["Saved. The pictures follow.", ...answer.notes].join(" "));
    await followed(answer.notes);
  } finally {
    editor.busy = false;
    editor.draw();
  }
}

async function followed(notes) {
  const wrong = await follow(id);
  const loaded = await load(id);
  if (!loaded) return editor.say("Saved. The page could not load it anew: reload it.");
  if (!people.dirty || people.isBase(loaded)) {
    const { list, dirty } = people;
    people.take(loaded);
    if (dirty) people.list = list;
  }
  editor.refusal = told(loaded.problem);
  pictures.version = loaded.etag;
  canvas.show(over.value);
  editor.say([wrong || "Saved, cut out and drawn.", ...notes].join(" "));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button && !button.disabled) editor.acts[button.dataset.do]();
});
over.addEventListener("change", () => view.show());
wipe.addEventListener("input", () => view.show());
addEventListener("beforeunload", (event) => {
  if (people.dirty) event.preventDefault();
});
listenToKeys(editor);
listenToPointers(editor);

if (editor.refusal) {
  at("problem").textContent = editor.refusal;
  at("problem").hidden = false;
}
view.show(); // somebody, or the browser, may have chosen before this ran
editor.draw();
if (new URLSearchParams(location.search).has("edit") && kinds) editor.setEditing(true);
