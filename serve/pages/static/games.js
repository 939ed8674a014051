// Titles while somebody types: arrows choose, Enter likes, Escape closes. Without it the form searches.
const form = document.querySelector("form[data-search]");
const input = form.querySelector("#q");
const list = document.createElement("ul");
let timer = 0, active = -1, last = "";

list.id = "titles";
list.className = "typeahead";
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "Titles");
list.hidden = true;
input.parentElement.after(list);
input.setAttribute("role", "combobox");
input.setAttribute("aria-controls", "titles");
input.setAttribute("aria-expanded", "false");
input.setAttribute("aria-autocomplete", "list");

function show(open) {
  list.hidden = !open;
  input.setAttribute("aria-expanded", String(open));
  if (!open) activate(-1);
}

function activate(place) {
  active = place;
  [...list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === place)));
  if (place < 0) input.removeAttribute("aria-activedescendant");
  else input.setAttribute("aria-activedescendant", list.children[place].id);
}

function like(id) {
  const address = new URL(location.href);
  const liked = (address.searchParams.get("liked") ?? "").split(",").filter(Boolean);
  address.searchParams.delete("q");
  address.searchParams.set("liked", [...new Set([...liked, id])].join(","));
  location.assign(address);
}

function option(game, index) {
  const element = document.createElement("li");
  element.id = "title-" + index;
  element.setAttribute("role", "option");
  element.textContent = game.title + (game.year ? " (" + game.year + ")" : "");
  element.addEventListener("mousedown", (event) => {
    event.preventDefault();
    like(game.game_id);
  });
  element.dataset.id = game.game_id;
  return element;
}

async function search() {
  const text = input.value.trim();
  if (text === last) return;
  last = text;
  if (text.length < 2) return show(false);
  const address = form.dataset.search + "?" + new URLSearchParams({ q: text, limit: 8 });
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok || text !== last) return;
  const { rows } = await answer.json();
  list.replaceChildren(...rows.map(option));
  activate(-1);
  show(rows.length > 0 && document.activeElement === input);
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 120);
});
input.addEventListener("blur", () => show(false));
input.addEventListener("keydown", (event) => {
  const count = list.children.length;
  if (event.key === "Escape") show(false);
  if (list.hidden || !count) return;
  if (event.key === "ArrowDown") activate((active + 1) % count);
  else if (event.key === "ArrowUp") activate((active + count - 1) % count);
  else if (event.key === "Enter" && active >= 0) like(list.children[active].dataset.id);
  else return;
  event.preventDefault();
});

const slider = form.querySelector("#rarity");
const words = slider.dataset.words.split(",");
slider.addEventListener("input", () => {
  form.querySelector("output").value = words[slider.valueAsNumber];
});
slider.addEventListener("change", () => form.requestSubmit());
