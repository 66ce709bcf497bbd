/** The panel of who is here. EventSource suits it: reconnecting costs nothing, and begins with a fresh list. */
const SHOWN = 8;

const list = document.querySelector("#viewers");
const template = document.querySelector("#viewer");
const count = document.querySelector("#count");
const more = document.querySelector("#more");
const link = document.querySelector("#link");
const arrivals = document.querySelector("#arrivals");

/** id -> { id, name, reading } */
const viewers = new Map();
let total = 0;
let you;
let key;

/** The secret by which the server knows which viewer a prompt comes from; undefined before the first event. */
export const viewerKey = () => key;

function createItem(viewer) {
  const item = template.content.cloneNode(true).firstElementChild;
  item.dataset.id = viewer.id;
  const avatar = item.querySelector(".avatar");
  avatar.textContent = viewer.name.split(" ")[1][0];
  item.title = viewer.name;
  avatar.style.setProperty("--hue", (viewer.id * 137) % 360); // neighbours get hues far apart
  item.querySelector(".name").textContent = viewer.name;
  item.classList.toggle("you", viewer.id === you);
  return item;
}

function draw() {
  const shown = [...viewers.values()]
    .sort((a, b) => (b.id === you) - (a.id === you))
    .slice(0, SHOWN);
  const items = new Map([...list.children].map((item) => [Number(item.dataset.id), item]));
  for (const [id, item] of items) if (!shown.some((viewer) => viewer.id === id)) item.remove();
  for (const viewer of shown) {
    const item = items.get(viewer.id) ?? createItem(viewer);
    const reading = item.querySelector(".reading");
    const text = viewer.reading ? `reading ${viewer.reading}` : "";
    if (reading.textContent !== text) reading.textContent = text;
    item.classList.toggle("busy", Boolean(viewer.reading));
    if (!item.isConnected) list.append(item);
  }
  count.textContent = total;
  more.hidden = total <= shown.length;
  more.textContent = `and ${total - shown.length} more`;
}

const handlers = {
  welcome(data) {
    ({ you, key, count: total } = data);
    list.replaceChildren();
    viewers.clear();
    for (const viewer of data.viewers) viewers.set(viewer.id, viewer);
  },
  joined({ count: now, ...viewer }) {
    viewers.set(viewer.id, viewer);
    total = now;
    arrivals.textContent = `${viewer.name} has joined`;
  },
  left({ id, count: now }) {
    const viewer = viewers.get(id);
    viewers.delete(id);
    total = now;
    if (viewer) arrivals.textContent = `${viewer.name} has left`;
  },
  reading(viewer) {
    if (viewers.has(viewer.id)) viewers.set(viewer.id, viewer);
  },
};

export function watchViewers() {
  const source = new EventSource("/api/viewers");
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, ({ data }) => {
      handle(JSON.parse(data));
      draw();
    });
  }
  source.addEventListener("open", () => {
    link.hidden = true;
  });
  source.addEventListener("error", () => {
    link.hidden = false;
    // After a refusal, such as a proxy's error page, EventSource does not try again by itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(watchViewers, 5000);
  });
}
