// The live page: the picture by WebSocket with what is known of that very frame, and events as they come.
const at = (id) => document.getElementById(id);
const [canvas, said, rows] = [at("picture"), at("said"), document.querySelector("#events tbody")];
const pen = canvas.getContext("2d");
const MOST_ROWS = 200;
const AGAIN = 1000;
const seconds = (ms) => `${(ms / 1000).toFixed(1)}\u00a0s`;

async function ask(method, path, body) {
  const options = { method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body) };
  const answer = await fetch(path, options);
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${told.title}. ${told.detail}`);
  return told;
}

const TOLD = {
  idle: () => "Nothing runs. Choose a camera or a video.",
  starting: (label) => `${label}: starting`,
  running: (label, told) => (told.frame === null ? `${label}: the first picture is on its way` : `${label}: running`),
  ended: (label) => `${label}: ended. Press its button to see it again.`,
  error: (label, told) => `${label}: ${told.problem}. ${told.remedy}`,
};
let generation = 0;

function show(told) {
  const text = TOLD[told.state](told.source?.label, told) + (told.storage.problem ? ` Events wait: ${told.storage.problem}` : "");
  if (said.textContent !== text) said.textContent = text;
  said.classList.toggle("wrong", told.state === "error" || Boolean(told.storage.problem));
  ({ generation } = told);
  const live = ["camera", "rtsp"].includes(told.source?.kind);
  at("camera").setAttribute("aria-pressed", String(live));
  at("recorded").setAttribute("aria-pressed", String(Boolean(told.source) && !live));
  at("live").hidden = !(live && told.state === "running");
  at("fps").textContent = told.fps.toFixed(1);
  at("viewers").textContent = told.viewers;
  at("model").textContent = told.model ? `${told.model}, ${told.precision}` : "–";
  if (told.state !== "running") at("people").textContent = told.people;
  if (told.source) canvas.setAttribute("aria-label", `The live picture: ${told.source.label}`);
}

async function choose(source) {
  try {
    show(await ask(source ? "PUT" : "DELETE", "/api/v1/source", source && { source }));
  } catch (error) {
    said.textContent = error.message;
  }
}
at("camera").addEventListener("click", () => choose(at("cameras").value));
at("recorded").addEventListener("click", () => choose(at("videos").value));
at("stop").addEventListener("click", () => choose(null));

async function draw(data) {
  const length = new DataView(data).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  if (head.generation < generation) return;
  const picture = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    Object.assign(canvas, { width: picture.width, height: picture.height });
  }
  pen.drawImage(picture, 0, 0);
  picture.close();
  canvas.dataset.frame = head.frame;
  at("people").textContent = head.counted_by_detector === null ? head.people : `${head.people} (detector: ${head.counted_by_detector})`;
  at("inference").textContent = `median ${head.p50_ms.toFixed(0)} ms, p95 ${head.p95_ms.toFixed(0)} ms`;
}

let line;
let drawing = false;
function connect() {
  line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  line.binaryType = "arraybuffer";
  line.onmessage = async ({ data }) => {
    if (drawing) return; // this page is slow: it skips frames
    drawing = true;
    await draw(data).catch(() => {});
    drawing = false;
  };
  line.onclose = ({ code }) => {
    if (code === 1013) said.textContent = "As many watch as can. It tries again.";
    if (!document.hidden) setTimeout(connect, AGAIN);
  };
}

// A page in the background fetches nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) line.close();
  else if (line.readyState > 1) connect();
});

const REASONS = { edge: "at the edge", vanished: "vanished", source_stopped: "source stopped", recovered: "after a crash" };

function add(event) {
  if (document.getElementById(`event-${event.id}`)) return;
  const row = rows.insertRow(0);
  row.id = `event-${event.id}`;
  const what = event.kind === "enter" ? "came" : `went (${REASONS[event.reason]})`;
  at("nobody").hidden = true;
  for (const text of [`${event.session_id}-${event.track_no}`, what, seconds(event.media_ms), event.people_after]) {
    row.insertCell().textContent = text;
  }
  while (rows.rows.length > MOST_ROWS) rows.deleteRow(-1);
}

async function follow() {
  const { events } = await ask("GET", "/api/v1/events?order=desc&limit=50");
  events.reverse().forEach(add);
  const stream = new EventSource(`/api/v1/events/stream?after_id=${events.at(-1)?.id ?? 0}`);
  for (const kind of ["enter", "leave"]) stream.addEventListener(kind, ({ data }) => add(JSON.parse(data)));
}

async function look() {
  if (!document.hidden) await ask("GET", "/api/v1/status").then(show).catch(() => { said.textContent = "The server does not answer."; });
  setTimeout(look, AGAIN);
}
connect();
look();
follow().catch((error) => { said.textContent = error.message; });
