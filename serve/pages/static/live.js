// Follows the topics of a page: when one changes, the page is asked for again and only parts that differ are replaced.
const address = document.body.dataset.live;
const label = document.querySelector(".live");
const JITTER = 1000, POLL = 10000;
const policy = globalThis.trustedTypes?.createPolicy("almanac", { createHTML: (text) => text });
let source = null, tag = null, paused = false, timer = 0, poll = 0, retry = 0, waiting = 0;

function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    element.title = new Date(element.dateTime).toLocaleString() + " local time";
  }
}

function say(kind, text) {
  label.className = "live " + kind;
  const state = label.querySelector(".state");
  if (state.textContent !== text) state.textContent = text;
}

function replaceParts(text) {
  const fresh = new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
  for (const part of document.querySelectorAll("section[data-hash]")) {
    const next = fresh.getElementById(part.id);
    // What somebody is using stays; the next change brings it up to date.
    if (!next || next.dataset.hash === part.dataset.hash || part.contains(document.activeElement)) continue;
    const element = document.importNode(next, true);
    if (part.id !== "source") element.classList.add("changed");
    part.replaceWith(element);
    localTimes(element);
    element.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  }
}

async function refresh() {
  timer = 0;
  if (paused || document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.status === 304) return;
    if (!answer.ok) return say("lost", "Connection lost: the page shows what it last got");
    tag = answer.headers.get("etag");
    replaceParts(await answer.text());
  } catch {
    say("lost", "Connection lost: the page shows what it last got");
  }
}

function changed() {
  if (paused) {
    waiting += 1;
    say("paused", waiting + " new since you paused");
  } else if (!timer) {
    timer = setTimeout(refresh, Math.random() * JITTER);
  }
}

function close() {
  source?.close();
  source = null;
  clearTimeout(retry);
}

function open() {
  if (source || paused || document.hidden) return;
  source = new EventSource(address);
  source.addEventListener("changed", changed);
  source.onopen = () => {
    clearInterval(poll);
    poll = 0;
    say("", "Live");
    // What happened while the stream was away.
    if (tag !== null || retry) changed();
    retry = 0;
  };
  source.onerror = () => {
    say("lost", "Connection lost: asking again every 10 seconds");
    if (!poll) poll = setInterval(refresh, POLL);
    // After an answer such as 503 an EventSource never tries again by itself.
    if (source?.readyState === EventSource.CLOSED) {
      close();
      retry = setTimeout(open, 2000 + Math.random() * 2000);
    }
  };
}

function pause(button) {
  paused = !paused;
  waiting = 0;
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Resume" : "Pause";
  say(paused ? "paused" : "", paused ? "Paused" : "Live");
  if (!paused) {
    open();
    changed();
  }
}

localTimes(document);
if (address && label) {
  label.hidden = false;
  label.querySelector(".pause").addEventListener("click", (event) => pause(event.currentTarget));
  // A browser allows six connections to a server of HTTP/1.1, so pages that nobody sees give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return close();
    open();
    changed();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}
