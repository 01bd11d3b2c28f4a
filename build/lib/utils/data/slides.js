// Make the content of every slide fit, then start reveal.js.
const ROOM = { width: 1160, height: 664 }; // pixels inside the padding of a slide

function fit(content) {
  for (let factor = 1; factor > 0.3; factor -= 0.04) {
    content.style.zoom = factor;
    const box = content.getBoundingClientRect();
    if (box.height <= ROOM.height && content.scrollWidth * factor <= ROOM.width + 1) return;
  }
}

window.addEventListener("load", async () => {
  await document.fonts.ready;
  document.querySelectorAll(".content").forEach(fit);
  document.body.classList.remove("measuring");
  await Reveal.initialize({
    width: 1280,
    height: 720,
    margin: 0,
    center: false,
    hash: true,
    slideNumber: "c/t",
    transition: "none",
    plugins: [RevealNotes],
  });
  document.body.dataset.ready = "yes";
});
