// The report's pages: everything stands in the file itself.
const all = JSON.parse(document.getElementById("entries").textContent);
const PAGE = 60;
let page = 0;
const tests = {
  everything: () => true,
  photos: (entry) => entry.kind === "photo",
  videos: (entry) => entry.kind === "video",
  "nobody found": (entry) => entry.state === "nobody",
  failed: (entry) => entry.state === "failed",
  "edited by hand": (entry) => entry.edited,
};

function made(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const show = made("select", {}, ...Object.keys(tests).map((name) => new Option(`${name} (${all.filter(tests[name]).length})`, name)));
const sort = made("select", {}, new Option("by name", "name"), new Option("low score first", "score"));
const text = made("input", { type: "search", placeholder: "part of the name" });
const back = made("button", { type: "button", textContent: "Back" });
const on = made("button", { type: "button", textContent: "On" });
const where = made("span", {});
where.setAttribute("role", "status");
const cards = made("ul", { className: "cards" });

function card(entry) {
  const picture = entry.picture ? [made("img", { src: `data:image/jpeg;base64,${entry.picture}`, alt: "" })] : [];
  const people = entry.people === null ? "to do" : entry.people === 1 ? "1 person" : `${entry.people} people`;
  const score = entry.lowest === null ? "" : `, ${entry.lowest.toFixed(2)}`;
  const failure = entry.failure ? [made("p", { textContent: entry.failure.join(": ") })] : [];
  const facts = [people + score, entry.kind === "video" ? "video" : "", entry.edited ? "edited" : ""].filter(Boolean).join(", ");
  return made("li", {}, ...picture, made("p", { textContent: entry.name }), made("p", { textContent: facts }), ...failure);
}

function draw() {
  const wanted = text.value.toLowerCase();
  const found = all.filter((entry) => tests[show.value](entry) && entry.name.toLowerCase().includes(wanted));
  if (sort.value === "score") found.sort((a, b) => (a.lowest ?? 2) - (b.lowest ?? 2));
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  page = Math.min(page, pages - 1);
  cards.replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map(card));
  where.textContent = `${found.length} found, page ${page + 1} of ${pages}`;
  back.disabled = page === 0;
  on.disabled = page >= pages - 1;
}

function turn(by) {
  page += by;
  draw();
  scrollTo(0, 0);
}

for (const asked of [show, sort, text]) asked.addEventListener("input", () => { page = 0; draw(); });
back.addEventListener("click", () => turn(-1));
on.addEventListener("click", () => turn(1));
document.getElementById("report").replaceChildren(
  made("div", { className: "tools" }, made("label", {}, "Show ", show), made("label", {}, "Order ", sort), made("label", {}, "Name ", text), back, on, where),
  cards,
);
draw();
