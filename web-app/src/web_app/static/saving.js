// To the server and back: a correction, and what follows from it.
const AGAIN = 400;

export async function save(id, etag, correction) {
  let answer;
  try {
    answer = await fetch(`/api/v1/photos/${id}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json", "If-Match": `"${etag}"` },
      body: JSON.stringify(correction),
    });
  } catch {
    return { problem: "Not saved: the app does not answer. Is it still running?" };
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  return { problem: `Not saved: ${told.title ?? answer.status}. ${told.detail ?? ""}` };
}

export async function load(id) {
  const answer = await fetch(`/api/v1/photos/${id}`, { cache: "no-store" }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

// Waits until the stages have cut and drawn anew; what went wrong, if anything.
export async function follow(id) {
  for (;;) {
    const answer = await fetch(`/api/v1/photos/${id}/following`).catch(() => null);
    if (!answer?.ok) return "Saved. The app does not answer any more.";
    const { state, told } = await answer.json();
    if (state === "failed") return `Saved, but not drawn: ${told}`;
    if (state === "waiting" && told) return `Saved. It is drawn when the stage that runs has ended.`;
    if (!["waiting", "running"].includes(state)) return "";
    await new Promise((done) => setTimeout(done, AGAIN));
  }
}
