// Seals each credential to the drop's public key before it leaves the page (tenantry/drop/seal.py says how), and shows how it
// stands. What is typed is forgotten as soon as it is sealed; what is sealed is sent until it is in the vault.

const LARGEST = 1048576; // bytes of a credential
const BLOCK = 256;
const LOOK = 5000; // milliseconds between two looks, for what another tab or device handed over

const drop = location.pathname.split("/")[2];
const token = location.hash.slice(1);
const by = (id) => document.getElementById(id);
const utf8 = new TextEncoder();

let facts = {};
let key = null; // the drop's public key, as a point
let rows = [];
let waiting = new Map(); // place → sealed value that is on its way

// --- talking ---------------------------------------------------------------------------------------------------------

class Answer extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
  }
}

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(`/drop/${drop}/${path}`, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Answer(0, "offline");
  }
  if (answer.ok) return answer.json();
  throw new Answer(answer.status, "refused");
}

const post = (path, what) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(what) });

const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

// Until there is an answer that trying again would not change. Sending twice does no harm.
async function patiently(work) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      const found = await work();
      trouble("");
      return found;
    } catch (problem) {
      if (!(problem instanceof Answer) || ![0, 429, 500, 502, 503, 504].includes(problem.status)) {
        trouble("");
        throw problem;
      }
      trouble(problem.status === 0
        ? "No connection. This page goes on by itself when it is back; leave it open."
        : "The vault cannot be reached at the moment. This page goes on by itself; leave it open.");
      await pause(wait);
    }
  }
}

function trouble(text) {
  const place = by("trouble");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

// --- sealing ---------------------------------------------------------------------------------------------------------

const decoded = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function seal(value, name) {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const theirs = await crypto.subtle.importKey("raw", key, curve, false, []);
  const pair = await crypto.subtle.generateKey(curve, false, ["deriveBits"]);
  const mine = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, pair.privateKey, 256);
  const bound = utf8.encode(`${drop}\0${name}`);
  const material = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const info = joined(utf8.encode("tenantry drop v1\0"), bound);
  const aes = await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: joined(mine, key), info }, material, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  const padded = new Uint8Array(Math.ceil((value.length + 4) / BLOCK) * BLOCK);
  new DataView(padded.buffer).setUint32(0, value.length);
  padded.set(value, 4);
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const closed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: bound, tagLength: 128 }, aes, padded);
  padded.fill(0);
  return joined(new Uint8Array([1]), mine, nonce, new Uint8Array(closed));
}

// --- showing ---------------------------------------------------------------------------------------------------------

function show(name) {
  for (const id of ["checking", "proof", "hand", "end"]) by(id).hidden = id !== name;
}

function end(title, text, list = []) {
  show("end");
  by("until").hidden = true;
  by("end-title").textContent = title;
  by("end-text").textContent = text;
  by("end-list").replaceChildren(...list.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  by("end-title").focus();
}

const ENDS = {
  completed: ["Thank you, that is all", "Everything was received, and this link is of no more use. You can close this page."],
  expired: ["This link has expired", "Ask whoever sent it for a new one. What was received until now is safe."],
  withdrawn: ["This link was withdrawn", "Ask whoever sent it whether you still need to do something."],
  locked: ["This link is locked", "A wrong number was given too often. Call the people you know at your provider; they make a new link."],
};

function ended(status, list) {
  const [title, text] = ENDS[status] ?? ENDS.expired;
  waiting.clear();
  end(title, text, status === "completed" ? list : []);
}

const time = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

// --- proving ---------------------------------------------------------------------------------------------------------

async function begin() {
  if (!window.crypto?.subtle) {
    end("This browser cannot be used here", "It cannot encrypt on this page. Use an up-to-date browser, and the link exactly as it was sent.");
    return;
  }
  try {
    facts = await patiently(() => post("look", { token }));
  } catch {
    end("This link is not known", "It may have been copied only in part. Open it again from where it was sent, or ask for a new one.");
    return;
  }
  by("from").textContent = `${facts.msp} for ${facts.client}`;
  by("from").hidden = false;
  document.title = `Hand over credentials · ${facts.msp}`;
  if (facts.status !== "open") {
    ended(facts.status, []);
    return;
  }
  by("until").textContent = `This link can be used until ${time(facts.expires_at)}.`;
  by("until").hidden = false;
  await look();
}

function ask() {
  show("proof");
  const own = facts.method === "totp";
  by("proof-how").textContent = own
    ? `${facts.contact}, type the code that your authenticator app shows for ${facts.msp}.`
    : `${facts.contact}, type the number that ${facts.msp} told you on the telephone. They call you; if they have not yet, wait for it.`;
  by("code-label").textContent = own ? "Code from your app" : "Number from the call";
  by("code").focus();
}

function wrong(found) {
  if (found.refused === "locked" && found.locked_until) {
    return `Too many wrong codes. You can try again from ${time(found.locked_until)} on.`;
  }
  if (found.left !== null && found.left !== undefined) {
    return `That is not the number. ${found.left === 1 ? "One more try." : `${found.left} more tries.`}`;
  }
  return "That code was not accepted. Each code works once: wait for the next one, then type it.";
}

by("proof-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  const code = by("code").value.trim();
  if (!code || button.disabled) return;
  button.disabled = true;
  by("proof-error").textContent = "";
  try {
    // Once: a code that was sent may have been used up although its answer never came.
    const found = await post("verify", { token, code });
    by("code").value = "";
    if (found.refused === null || found.refused === undefined) await look();
    else if (found.refused in ENDS && !found.locked_until) ended(found.refused, []);
    else by("proof-error").textContent = wrong(found);
  } catch (problem) {
    by("proof-error").textContent = problem.status === 429
      ? "That was too fast. Wait a minute, then try again."
      : "It could not be checked just now. Try again; if the code is refused then, wait for the next one.";
  } finally {
    button.disabled = false;
    if (!by("proof").hidden) by("code").focus();
  }
});

// --- handing over ----------------------------------------------------------------------------------------------------

let looking = false;

async function look() {
  if (looking) return;
  looking = true;
  try {
    take(await patiently(() => call("state")));
  } catch (problem) {
    if (problem.status === 401) await lapsed();
    else trouble("Something went wrong. Load this page again.");
  } finally {
    looking = false;
  }
}

// Nobody has proven themselves here yet, or it was too long ago; or the link has ended meanwhile.
async function lapsed() {
  const found = await patiently(() => post("look", { token }));
  if (found.status !== "open") ended(found.status, rows.map((row) => row.wanted.title));
  else if (by("proof").hidden) ask();
}

function take(state) {
  if (state.status !== "open") {
    ended(state.status, state.expected.map((one) => one.title));
    return;
  }
  key = decoded(state.public);
  const first = by("hand").hidden;
  if (rows.length !== state.expected.length) {
    rows = state.expected.map(row);
    by("list").replaceChildren(...rows.map((one) => one.item));
  }
  state.expected.forEach((one, place) => one.received && received(place));
  progress();
  show("hand");
  if (first) by("hand-title").focus();
  for (const place of waiting.keys()) send(place);
}

function progress() {
  const done = rows.filter((one) => one.done).length;
  by("bar").max = rows.length;
  by("bar").value = done;
  by("bar-text").textContent = `${done} of ${rows.length} handed over`;
}

function row(wanted, place) {
  const item = by("credential").content.firstElementChild.cloneNode(true);
  const input = document.createElement(wanted.kind === "text" ? "textarea" : "input");
  const label = item.querySelector("label");
  input.id = `credential-${place}`;
  label.htmlFor = input.id;
  label.textContent = wanted.title;
  const error = item.querySelector(".error");
  error.id = `error-${place}`;
  input.setAttribute("aria-describedby", error.id);
  Object.assign(input, { autocomplete: "off", spellcheck: false, required: true });
  input.setAttribute("autocapitalize", "off");
  input.setAttribute("autocorrect", "off");
  item.querySelector(".field").append(input);
  if (wanted.kind === "file") input.type = "file";
  if (wanted.kind === "password") {
    input.type = "password";
    item.querySelector(".field").append(shower(input, wanted.title));
  }
  const hide = () => input.type === "text" && item.querySelector(".field > button").click();
  item.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    hand(place);
  });
  return { wanted, item, input, error, button: item.querySelector("button[type=submit]"), hide, done: false };
}

function shower(input, title) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Show" });
  button.setAttribute("aria-label", `Show ${title}`);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(shown));
  });
  return button;
}

// What the person gave, or a sentence why it cannot be taken.
async function given(one) {
  if (one.wanted.kind === "file") {
    const file = one.input.files[0];
    if (!file) return "Choose a file first.";
    if (file.size === 0) return "This file is empty.";
    if (file.size > LARGEST) return "This file is larger than 1 MB. It is probably not the right one.";
    return new Uint8Array(await file.arrayBuffer());
  }
  const text = one.input.value;
  if (!text) return "This is still empty.";
  const control = one.wanted.kind === "text" ? /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/ : /[\0-\x1f\x7f-\x9f]/;
  if (control.test(text)) return "It holds characters that cannot be seen. Copy it again.";
  const bytes = utf8.encode(text);
  return bytes.length > LARGEST ? "This is longer than 1 MB. It is probably not the right text." : bytes;
}

async function hand(place) {
  const one = rows[place];
  if (one.done || one.button.disabled) return;
  one.button.disabled = true;
  one.error.textContent = "";
  try {
    const value = await given(one);
    if (typeof value === "string") {
      one.error.textContent = value;
      one.input.focus();
      return;
    }
    waiting.set(place, await seal(value, one.wanted.name));
    value.fill(0);
    one.input.value = "";
    if (one.wanted.kind === "password") one.hide();
    await send(place);
  } catch {
    one.error.textContent = "It could not be read or encrypted here. Try again.";
  } finally {
    one.button.disabled = waiting.has(place);
  }
}

const sending = new Set();

async function send(place) {
  if (sending.has(place)) return;
  sending.add(place);
  const one = rows[place];
  one.button.disabled = true;
  one.button.textContent = "Handing over …";
  try {
    const body = waiting.get(place);
    const found = await patiently(() =>
      call(`sealed/${place}`, { method: "PUT", headers: { "Content-Type": "application/octet-stream" }, body }));
    waiting.delete(place);
    received(place);
    progress();
    if (found.ended) ended("completed", rows.map((each) => each.wanted.title));
  } catch (problem) {
    if (problem.status === 401) await lapsed(); // it is sent once they have proven themselves again
    else {
      waiting.delete(place);
      if (problem.status === 409) await look();
      else one.error.textContent = "This could not be taken. Check it, and type it again.";
    }
  } finally {
    sending.delete(place);
    one.button.textContent = "Hand over";
    one.button.disabled = waiting.has(place);
  }
}

function received(place) {
  const one = rows[place];
  if (one.done) return;
  one.done = true;
  one.input.value = "";
  one.input.disabled = true;
  one.item.classList.add("done");
  one.item.querySelector(".received").hidden = false;
  const next = rows.find((each) => !each.done);
  if (next && one.item.contains(document.activeElement)) next.input.focus();
}

setInterval(() => {
  if (!by("hand").hidden && document.visibilityState === "visible") look();
}, LOOK);
document.addEventListener("visibilitychange", () => {
  if (!by("hand").hidden && document.visibilityState === "visible") look();
});
// A page that comes back out of the browser's memory may be out of date, and holds nothing that was typed.
addEventListener("pageshow", (event) => event.persisted && location.reload());

begin();
