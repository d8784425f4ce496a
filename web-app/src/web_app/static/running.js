// The line at the top that says which stage is running, and how many pictures still follow corrections.
const line = document.getElementById("running");
const EVERY = 3000;

export async function look() {
  const answer = await fetch("/api/v1/runs");
  if (!answer.ok) return;
  const { runs, following } = await answer.json();
  const parts = runs
    .filter((run) => run.state === "running")
    .map((run) => `${run.report.stage} is running: ${run.there} of ${run.total}`);
  if (following) parts.push(`${following} ${following === 1 ? "picture follows" : "pictures follow"} a correction`);
  const text = parts.join("; ");
  if (line.textContent !== text) line.textContent = text;
  line.hidden = !text;
  for (const run of runs) {
    const row = document.querySelector(`#runs tr[data-stage="${CSS.escape(run.report.stage)}"]`);
    if (!row) continue;
    row.querySelector('[data-what="state"]').textContent = run.state;
    row.querySelector('[data-what="there"]').textContent = `${run.there} of ${run.total}`;
    Object.assign(row.querySelector("progress"), { max: run.total || 1, value: run.there });
  }
}

async function always() {
  if (!document.hidden) await look().catch(() => {}); // the server has stopped: the next look may find it again
  setTimeout(always, EVERY);
}
always();
