// The gallery: more cards as one scrolls, and a wipe between a picture and its photo.
const list = document.getElementById("cards");
const form = document.getElementById("asked");
form.addEventListener("change", () => form.requestSubmit());

const near = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) if (isIntersecting) more(target);
}, { rootMargin: "1200px" });

function watch() {
  const place = list?.querySelector(".more");
  if (place) near.observe(place);
}

async function more(place) {
  near.unobserve(place);
  const answer = await fetch(place.querySelector("a").dataset.more).catch(() => null);
  if (!answer?.ok) return; // the link stays, and can be followed
  place.insertAdjacentHTML("beforebegin", await answer.text());
  place.remove();
  watch();
}

function wipe(event) {
  const pair = event.target.closest?.(".pair[data-wipe]:not([data-wipe=''])");
  if (!pair) return;
  let before = pair.querySelector("img.before");
  if (!before) {
    const shown = pair.querySelector("img");
    before = shown.cloneNode();
    before.src = shown.src.replace(/\/(final|inspect)\/thumb/, `/${pair.dataset.wipe}/thumb`);
    before.className = "before";
    shown.after(before);
  }
  const box = pair.getBoundingClientRect();
  const right = 100 - (100 * (event.clientX - box.left)) / box.width;
  before.style.clipPath = `inset(0 ${Math.min(100, Math.max(0, right))}% 0 0)`;
}

list?.addEventListener("pointermove", wipe);
list?.addEventListener("pointerout", (event) => {
  const pair = event.target.closest?.(".pair");
  if (pair && !pair.contains(event.relatedTarget)) pair.querySelector("img.before")?.remove();
});
watch();
