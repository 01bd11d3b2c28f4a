// The front end of DrawingPad (utils/drawing_pad.py), drawn with nothing but the browser.
//
// White ink on black paper, as in MNIST. After each piece of a stroke the grey values of the canvas
// go to Python as `ink`; Python answers with `seen` (28 x 28 grey values), `probabilities` (ten
// numbers) and `sentence`.

const DIGITS = 10;
const SEEN = 28; // pixels along each side of what the network sees
const SEND_EVERY = 80; // milliseconds between two pictures while a stroke goes on
const KEY_STEP = 7; // canvas pixels per press of an arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function add(parent, tag, className, properties = {}) {
  const element = document.createElement(tag);
  element.className = className;
  Object.assign(element, properties);
  parent.append(element);
  return element;
}

/** One row per digit: its name, a bar, a percentage. Returns a function that sets them. */
function bars(parent) {
  const table = add(parent, "div", "pad-bars");
  table.setAttribute("role", "img");
  const rows = Array.from({ length: DIGITS }, (_, digit) => {
    const row = add(table, "div", "pad-row");
    add(row, "span", "pad-digit", { textContent: digit });
    const bar = add(add(row, "span", "pad-track"), "span", "pad-bar");
    return { row, bar, text: add(row, "span", "pad-percent") };
  });
  return (probabilities) => {
    const highest = Math.max(...probabilities);
    rows.forEach(({ row, bar, text }, digit) => {
      const p = probabilities[digit] ?? 0;
      bar.style.width = `${100 * p}%`;
      text.textContent = probabilities.length ? `${(100 * p).toFixed(1)} %` : "";
      row.classList.toggle("pad-best", probabilities.length > 0 && p === highest);
    });
    table.setAttribute(
      "aria-label",
      probabilities.map((p, digit) => `${digit}: ${(100 * p).toFixed(1)} %`).join(", ") ||
        "ten empty bars",
    );
  };
}

function render({ model, el }) {
  const size = model.get("size");
  el.classList.add("drawing-pad");

  // The pad.
  const left = add(el, "div", "pad-left");
  const canvas = add(left, "canvas", "pad-canvas", { width: size, height: size, tabIndex: 0 });
  canvas.setAttribute("role", "application");
  canvas.setAttribute(
    "aria-label",
    "Drawing pad: draw with the mouse or a finger; arrow keys move, Space lowers or lifts the pen",
  );
  canvas.dataset.lmSuppressShortcuts = "true"; // the arrow keys are ours, not the notebook's
  const pen = canvas.getContext("2d", { willReadFrequently: true });

  const controls = add(left, "div", "pad-controls");
  const clear = add(controls, "button", "pad-clear", { textContent: "Clear", type: "button" });
  const label = add(controls, "label", "pad-width-label", { textContent: "Pen width " });
  const width = add(label, "input", "pad-width", { type: "range", min: 8, max: 40, value: 22 });
  width.dataset.lmSuppressShortcuts = "true";

  // The answer.
  const middle = add(el, "div", "pad-middle");
  add(middle, "div", "pad-title", { textContent: "what the network sees" });
  const seen = add(middle, "canvas", "pad-seen", { width: SEEN, height: SEEN });
  seen.setAttribute("role", "img");
  seen.setAttribute("aria-label", "the drawing as 28 by 28 grey values");
  const right = add(el, "div", "pad-right");
  add(right, "div", "pad-title", { textContent: "probability of each digit" });
  const setBars = bars(right);
  const sentence = add(right, "p", "pad-sentence");
  sentence.setAttribute("role", "status");

  // Sending: at once when a stroke ends, at most every SEND_EVERY ms while it goes on.
  let timer = null;
  function send() {
    clearTimeout(timer);
    timer = null;
    const { data } = pen.getImageData(0, 0, size, size); // red, green, blue, alpha
    const ink = new Uint8Array(size * size).map((_, i) => data[4 * i]);
    model.set("ink", new DataView(ink.buffer));
    model.save_changes();
  }
  function sendSoon() {
    timer ??= setTimeout(send, SEND_EVERY);
  }

  function wipe() {
    pen.fillStyle = "black";
    pen.fillRect(0, 0, size, size);
  }
  function stroke([x0, y0], [x1, y1]) {
    pen.strokeStyle = "white";
    pen.lineCap = "round";
    pen.lineWidth = Number(width.value);
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
    sendSoon();
  }

  // Mouse, pen and finger.
  let last = null; // where the pen is, if it is down
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * size) / box.width,
      ((event.clientY - box.top) * size) / box.height,
    ];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last === null) return;
    for (const step of event.getCoalescedEvents?.() ?? [event]) {
      const next = place(step);
      stroke(last, next);
      last = next;
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (last === null) return;
      last = null;
      send();
    });
  }

  // Keyboard: a ring shows where the pen is, filled while it is down.
  const ring = add(left, "div", "pad-ring");
  let at = [size / 2, size / 2];
  let down = false;
  function showRing() {
    ring.style.left = `${(100 * at[0]) / size}%`;
    ring.style.top = `${(canvas.clientHeight * at[1]) / size}px`;
    ring.classList.toggle("pad-ring-down", down);
  }
  canvas.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (step === undefined && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    ring.classList.add("pad-ring-shown");
    if (step === undefined) {
      down = !down;
      if (down) stroke(at, at);
    } else {
      const inside = (value) => Math.min(size - 1, Math.max(0, value));
      const next = at.map((value, i) => inside(value + KEY_STEP * step[i]));
      if (down) stroke(at, next);
      at = next;
    }
    showRing();
  });
  canvas.addEventListener("blur", () => {
    down = false;
    ring.classList.remove("pad-ring-shown");
  });

  clear.addEventListener("click", () => {
    wipe();
    at = [size / 2, size / 2];
    down = false;
    showRing();
    send();
  });

  // What Python answers.
  function showSeen() {
    const grey = model.get("seen"); // a DataView
    const picture = new ImageData(SEEN, SEEN);
    for (let i = 0; i < SEEN * SEEN; i++) {
      const value = grey?.byteLength ? grey.getUint8(i) : 0;
      picture.data.set([value, value, value, 255], 4 * i);
    }
    seen.getContext("2d").putImageData(picture, 0, 0);
  }
  const showBars = () => setBars(model.get("probabilities"));
  const showSentence = () => (sentence.textContent = model.get("sentence"));
  model.on("change:seen", showSeen);
  model.on("change:probabilities", showBars);
  model.on("change:sentence", showSentence);

  wipe();
  showRing();
  showSeen();
  showBars();
  showSentence();
  return () => {
    clearTimeout(timer);
    model.off("change:seen", showSeen);
    model.off("change:probabilities", showBars);
    model.off("change:sentence", showSentence);
  };
}

export default { render };
