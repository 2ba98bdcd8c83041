// The page of the sample chat: plain DOM, no framework. Everything that comes from outside is
// put in as text nodes, never as HTML. From top to bottom: small tools, the connection, the
// chats, the messages, the people, and how it starts.

const LOCAL_CLIENT = "/socket.io-client.js";
const CDN_CLIENT = {
  src: "https://cdn.socket.io/4.8.1/socket.io.min.js",
  integrity: "sha384-mkQ3/7FUtcGyoppY6bz/PORYoGqOl7/aSUMn2ymDOJcapfS6PHqxhRTMh1RR0Q6+",
  crossOrigin: "anonymous",
};
const ACK_TIMEOUT = 5_000;
const SEND_TIMEOUT = 10_000;
const TYPING_EVERY = 2_000; // at most one `typing` in this time
const TYPING_SHOWN = 3_000; // how long somebody stays "typing" after one `user_typing`
const NOBODY = "nobody"; // in the URL's hash: connect without a token

const page = {};
for (const node of document.querySelectorAll("[id]")) page[node.id] = node;

let users = []; // [{_id, name}] as GET /users says
let chats = []; // [{_id, name}] as GET /chats says
let socket = null;
let me = null; // {_id, name}: whose token this window uses
let wanted = null; // the chat id to be in, asked for or already in
let joined = null; // the chat id on screen: the server said yes to it
let present = new Map(); // chat id -> Map of user id -> user: who is in it, as `presence` said
let logs = new Map(); // chat id -> the <ol> with its messages
let pending = []; // own messages that did not come back yet: {chat, text, state, node, meta}
const typists = new Map(); // user id -> {user, timer}
let lastTyping = 0; // when `typing` was emitted last
let typingTimer = 0;
let attempts = 0; // tries so far to get a lost connection back
let unseen = 0; // messages that came while the tab was in the background

// --- Small tools -----------------------------------------------------------------------------

/** An element with attributes and children; strings become text nodes, so nothing is parsed. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function button(label, onClick, attributes = {}) {
  const node = make("button", { type: "button", class: "link", ...attributes }, label);
  node.addEventListener("click", onClick);
  return node;
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const attributes = { width: 18, height: 18, viewBox: "0 0 20 20", fill: "none", stroke: "currentColor" };
  Object.assign(attributes, { "stroke-width": 1.7, "stroke-linecap": "round", "aria-hidden": "true" });
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
const ICON_STOP = "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M5 5l10 10";
const ICON_CLOSE = "M5.5 5.5l9 9M14.5 5.5l-9 9";
const ICON_BUBBLE = "M3 5.5A2 2 0 0 1 5 3.5h10a2 2 0 0 1 2 2v6.5a2 2 0 0 1-2 2H9l-4 3.5v-3.5a2 2 0 0 1-2-2z";

const nameOf = (list, id) => list.find((one) => one._id === id)?.name ?? String(id);
const chatName = (id) => nameOf(chats, id);
const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const hueOf = (id) => (166 + 137 * Math.max(0, users.findIndex((user) => user._id === id))) % 360;

function dress(avatar, user) {
  avatar.textContent = user.name.slice(0, 1).toUpperCase();
  avatar.style.setProperty("--hue", hueOf(user._id));
  return avatar;
}
const avatar = (user) => dress(make("span", { class: "avatar", "aria-hidden": "true" }), user);

function sentenceOfNames(names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** Says in an alert what went wrong; `raw` is the server's own answer, for whoever builds on this. */
function tell(place, text, raw = null) {
  const close = button(icon(ICON_CLOSE), () => place.replaceChildren(), { class: "close", "aria-label": "Dismiss" });
  const words = make("div", {}, make("span", {}, text), raw === null ? null : make("code", {}, raw));
  place.replaceChildren(make("div", { class: "note stop" }, icon(ICON_STOP), words, close));
}

// --- The connection --------------------------------------------------------------------------

const STATES = {
  idle: "Not connected",
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  refused: "Refused",
  closed: "Disconnected",
  broken: "Not working",
};

/** Shows the state in one word and, where a word is not enough, a sentence under it. */
function setState(state, sentence = "", ...actions) {
  if (page.state.dataset.state !== state) {
    page.state.dataset.state = state;
    page.state.textContent = STATES[state];
  }
  const stop = ["refused", "closed", "broken"].includes(state);
  page.banner.className = `banner note ${stop ? "stop" : "wait"}`;
  page.banner.hidden = sentence === "";
  const now = page.banner.textContent;
  const then = sentence + actions.map((action) => action.textContent).join("");
  if (now !== then) page.banner.replaceChildren(make("div", {}, sentence, ...actions));
}

function connectAs(user) {
  me = user;
  const auth = user._id === NOBODY ? {} : { token: user._id };
  setState("connecting");
  // One connection for each pick: `forceNew`, or a second pick would share the first one's.
  socket = globalThis.io({ auth, forceNew: true, reconnectionDelay: 500, reconnectionDelayMax: 4_000 });
  socket.on("connect", onConnect);
  socket.on("connect_error", onConnectError);
  socket.on("disconnect", onDisconnect);
  socket.io.on("reconnect_attempt", onAttempt);
  socket.on("update_chat", onUpdateChat);
  socket.on("presence", onPresence);
  socket.on("user_typing", onUserTyping);
}

function hangUp() {
  if (socket !== null) {
    socket.io.off();
    socket.off();
    socket.disconnect();
  }
  clearTyping();
  clearTimeout(typingTimer);
  socket = me = wanted = joined = null;
  present = new Map();
  logs = new Map();
  pending = [];
  lastTyping = unseen = 0;
  page.text.value = "";
}

const isLive = () => socket?.connected === true;

function onConnect() {
  attempts = 0;
  setState("live");
  page.refusal.replaceChildren();
  if (page.frame.hidden) showFrame();
  if (wanted !== null) join(wanted);
}

function onConnectError(error) {
  if (socket.active) return onAttempt(0);
  // Not active: the server itself said no, and asking again would not change its mind.
  const who = me._id === NOBODY ? "somebody without a token" : `“${me.name}”`;
  const { message } = error;
  leaveFrame();
  setState("refused");
  tell(page.refusal, `The server did not let ${who} in. It says: “${message}”.`);
}

function onDisconnect(reason) {
  present.clear();
  clearTyping();
  for (const message of pending) if (message.state === "sent") message.meta.replaceChildren("Sent");
  pending = pending.filter((message) => message.state === "sending");
  if (socket.active) {
    onAttempt(0);
  } else {
    const words = reason === "io server disconnect" ? "The server closed the connection. " : "The connection is closed. ";
    setState("closed", words, button("Connect again", () => { setState("connecting"); socket.connect(); }));
  }
  showChats();
  showPeople();
}

/** Attempt `number` to get the connection back, or (0) it was just lost. */
function onAttempt(number) {
  attempts = number === 0 ? attempts : number;
  const again = navigator.onLine === false
    ? "This device is offline."
    : attempts < 2 ? "Trying again by itself." : `Trying again by itself, attempt ${attempts}.`;
  if (page.frame.hidden) {
    setState("connecting", `The server does not answer. ${again}`);
    return;
  }
  const after = wanted === null ? "" : ` After that you are back in ${chatName(wanted)}.`;
  setState("reconnecting", `The connection was lost. ${again}${after}`);
}
/** Emits an event and returns its ack, or `{ok: false, lost}` when none came. */
async function ask(event, chat) {
  const asked = socket;
  try {
    return await asked.timeout(ACK_TIMEOUT).emitWithAck(event, { chat_id: chat });
  } catch {
    return { ok: false, lost: true };
  }
}

// --- The chats -------------------------------------------------------------------------------

/** Goes into a chat; the old one is left only when the server lets us into the new one. */
async function join(id) {
  const back = joined === id;
  wanted = id;
  page.notice.replaceChildren();
  showChats();
  if (!isLive()) return; // onConnect joins it
  const asked = socket;
  const answer = await ask("join_chat", id);
  if (asked !== socket) return;
  if (wanted !== id) {
    if (answer.ok && joined !== id) ask("leave_chat", id);
    return;
  }
  if (!answer.ok && !isLive()) return; // lost on the way: onConnect asks again
  if (answer.ok) entered(id, back);
  else refused(id, answer);
}

function entered(id, back) {
  if (joined !== null && joined !== id) {
    ask("leave_chat", joined);
    ask("leave_presence", joined);
    present.delete(joined);
  }
  joined = id;
  ask("join_presence", id); // be seen, and see who else is there
  clearTyping();
  if (back) addEvent(id, "You are back. What was written while you were away is not shown.");
  showChat();
  if (!back) focusText();
}

function refused(id, answer) {
  if (joined === id) joined = null;
  wanted = joined;
  const stay = joined === null ? "" : ` You are still in ${chatName(joined)}.`;
  tell(page.notice, whyNot(id, answer) + stay, answer.error ? JSON.stringify(answer.error) : null);
  showChat();
}

function whyNot(id, { lost, error }) {
  if (lost) return `The server did not answer when you asked for ${chatName(id)}. Choose it once more.`;
  if (error?.type === "forbidden") return `You are not a member of ${chatName(id)}, so you cannot join it.`;
  return `The server did not accept that: ${error?.msg ?? error?.type ?? "it gave no reason"}.`;
}

async function leave() {
  const [id, asked] = [joined, socket];
  wanted = null;
  const answer = isLive() ? await ask("leave_chat", id) : { ok: true };
  if (asked !== socket || joined !== id) return;
  if (!answer.ok && isLive()) {
    wanted = id;
    tell(page.notice, `The server did not let you leave ${chatName(id)}. Try once more.`);
    return;
  }
  if (isLive()) ask("leave_presence", id);
  joined = null;
  present.delete(id);
  clearTyping();
  showChat();
  page.chats.querySelector("button")?.focus();
}

function choose(id) {
  if (id === joined && id === wanted && isLive()) focusText();
  else join(id);
}

function buildChats() {
  const items = chats.map(({ _id, name }) => {
    const pick = button(name, () => choose(_id), { class: "pickchat", "data-id": _id, "data-testid": `chat-${_id}` });
    pick.append(make("small"));
    return make("li", {}, pick);
  });
  page.chats.replaceChildren(...items);
}

function showChats() {
  for (const pick of page.chats.querySelectorAll("button")) {
    const { id } = pick.dataset;
    const inside = id === joined && isLive();
    pick.setAttribute("aria-current", id === joined);
    pick.lastChild.textContent = inside ? "joined" : id === wanted ? "joining…" : "";
  }
}

/** Everything that depends on which chat is on screen. */
function showChat() {
  const open = joined !== null;
  page.title.textContent = open ? chatName(joined) : "Choose a chat";
  page.leave.hidden = page.compose.hidden = !open;
  showChats();
  showPeople();
  showLog();
  showTitle();
}

function showTitle() {
  const parts = [me?.name, joined === null ? null : chatName(joined)].filter(Boolean).join(" · ");
  const count = unseen === 0 ? "" : `(${unseen}) `;
  document.title = parts === "" ? "FastApp chat" : `${count}${parts} – FastApp chat`;
}

// --- The messages ----------------------------------------------------------------------------

function logOf(id) {
  if (!logs.has(id)) logs.set(id, make("ol"));
  return logs.get(id);
}

function showLog() {
  const list = joined === null ? null : logOf(joined);
  if (list === null) page.log.replaceChildren(emptyWords("Messages appear here", "Choose a chat, and see what is written in it the moment it is sent."));
  else if (list.children.length > 0) page.log.replaceChildren(list);
  else page.log.replaceChildren(emptyWords("Nothing said yet", "The sample keeps no history: you see what is written while you are here."));
  toNewest();
}

function emptyWords(title, text) {
  const bubble = icon(ICON_BUBBLE);
  for (const side of ["width", "height"]) bubble.setAttribute(side, 52);
  bubble.setAttribute("stroke-width", 1);
  return make("div", { class: "empty" }, bubble, make("strong", {}, title), make("span", {}, text));
}

function toNewest() {
  page.log.scrollTop = page.log.scrollHeight;
  page.newer.hidden = true;
}
const atNewest = () => page.log.scrollHeight - page.log.scrollTop - page.log.clientHeight < 48;

/** Puts a line in, before the own messages that did not come back yet: the log has the server's order. */
function addLine(id, node) {
  const list = logOf(id);
  const follow = atNewest() || node.classList.contains("own");
  const waiting = pending.find((message) => message.chat === id && message.node !== node && message.node.parentNode === list);
  const next = waiting?.node ?? null;
  // Putting a line where it already is would animate and announce it once more.
  if (node.parentNode !== list || node.nextSibling !== next) list.insertBefore(node, next);
  if (id !== joined) return;
  if (list.parentNode !== page.log) page.log.replaceChildren(list);
  if (follow) toNewest();
  else page.newer.hidden = false;
}

function addEvent(id, text) {
  addLine(id, make("li", { class: "event", "data-testid": "event" }, text));
}

function messageNode(text, own) {
  const meta = make("span", { class: "meta", "data-testid": "message-meta" });
  const who = make("span", { class: "sr" }, own ? "You: " : "Message: ");
  const bubble = make("span", { class: "bubble" }, who, make("span", { "data-testid": "message-text" }, text));
  const attributes = { class: own ? "message own" : "message", "data-testid": "message", "data-own": String(own) };
  return { node: make("li", attributes, bubble, meta), meta };
}

function timeNode(text) {
  const date = new Date(text);
  return make("time", { datetime: text, title: date.toLocaleString() }, clock(date));
}

// The event does not say who wrote the message. This window knows what it just sent itself, so
// the first own message with the same text that did not come back yet is the one.
function onUpdateChat(chat) {
  const { _id: id, last_message: last } = chat;
  const index = pending.findIndex((message) => message.chat === id && message.text === last.text);
  if (index >= 0) {
    const [message] = pending.splice(index, 1);
    message.state = message.node.dataset.state = "live";
    message.meta.replaceChildren("You · ", timeNode(last.created_at));
    addLine(id, message.node);
    return;
  }
  const { node, meta } = messageNode(last.text, false);
  meta.append(timeNode(last.created_at));
  clearTyping();
  addLine(id, node);
  if (document.hidden) {
    unseen += 1;
    showTitle();
  }
}

function send(text) {
  const { node, meta } = messageNode(text, true);
  const message = { chat: joined, text, state: "sending", node, meta };
  pending.push(message);
  addLine(joined, node);
  post(message);
}

async function post(message) {
  message.state = message.node.dataset.state = "sending";
  message.meta.replaceChildren("Sending…");
  const problem = await tryPost(message);
  if (message.state !== "sending") return; // it came back as `update_chat` before the answer
  if (problem === null) {
    message.state = message.node.dataset.state = "sent";
    message.meta.replaceChildren("Sent");
    if (!isLive()) pending = pending.filter((one) => one !== message);
    return;
  }
  failed(message, problem);
}

async function tryPost({ chat, text }) {
  try {
    const response = await fetch(`/chats/${encodeURIComponent(chat)}/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text }),
      signal: AbortSignal.timeout(SEND_TIMEOUT),
    });
    return response.ok ? null : await problemOf(response);
  } catch (error) {
    return error.name === "TimeoutError" ? "the server did not answer in time" : "the server cannot be reached";
  }
}

async function problemOf(response) {
  const words = {
    404: "this chat does not exist",
    413: "it is too long",
    422: "the server did not accept the text",
    503: "the server cannot reach its message bus",
  };
  const said = await response.json().then(({ message }) => message, () => null);
  const why = words[response.status] ?? `the server answered with ${response.status}`;
  return said ? `${why} (“${said}”)` : why;
}

/** Keeps the text of a message that did not get out, says why, and offers two ways on. */
function failed(message, problem) {
  pending = pending.filter((one) => one !== message);
  message.state = message.node.dataset.state = "failed";
  const again = button("Try again", () => {
    pending.push(message);
    addLine(message.chat, message.node);
    post(message);
    focusText();
  }, { "data-testid": "retry" });
  const edit = button("Edit", () => {
    page.text.value = [message.text, page.text.value].filter(Boolean).join("\n");
    message.node.remove();
    fitText();
    page.text.focus();
  }, { "data-testid": "edit" });
  message.meta.replaceChildren(`Not sent: ${problem}.`, again, edit);
  if (message.chat === joined) toNewest();
}

function submit(event) {
  event?.preventDefault();
  const text = page.text.value.trim();
  if (text === "" || joined === null) return;
  page.text.value = "";
  fitText();
  send(text);
  page.text.focus();
}

function fitText() {
  page.text.style.height = "";
  page.text.style.height = `${page.text.scrollHeight}px`;
}

/** Puts the cursor where one writes, except where that would pull up an on-screen keyboard. */
function focusText() {
  if (!page.compose.hidden && matchMedia("(pointer: fine)").matches) page.text.focus();
}

// --- The people ------------------------------------------------------------------------------

function onPresence({ chat_id: id, users: list }) {
  const before = present.get(id);
  const now = new Map(list.map((user) => [user._id, user]));
  present.set(id, now);
  for (const user of now.values()) if (before && !before.has(user._id)) sayMove(id, user, "joined");
  for (const user of before?.values() ?? []) if (!now.has(user._id)) sayMove(id, user, "left");
  if (id === joined) showPeople();
}

function sayMove(id, user, verb) {
  if (user._id === me._id) return;
  if (verb === "left") forgetTypist(user._id);
  addEvent(id, `${user.name} ${verb} · ${clock(new Date())}`);
}

function showPeople() {
  const here = joined === null ? undefined : present.get(joined);
  page.alone.hidden = !(here?.size === 1 && here.has(me._id));
  if (here === undefined) {
    const words = isLive() ? "" : "Who is here shows again with the connection.";
    page.people.replaceChildren(joined === null ? "You are not in any chat." : words);
    return;
  }
  const items = [...here.values()].map((user) => {
    const you = user._id === me._id ? make("em", {}, "(you)") : null;
    return make("li", { "data-testid": `person-${user._id}` }, avatar(user), user.name, you);
  });
  page.people.replaceChildren(make("span", {}, "Here now"), make("ul", { "aria-label": "People in this chat" }, ...items));
}

function onUserTyping({ chat_id: id, user }) {
  if (id !== joined || user._id === me._id) return;
  clearTimeout(typists.get(user._id)?.timer);
  typists.set(user._id, { user, timer: setTimeout(forgetTypist, TYPING_SHOWN, user._id) });
  showTyping();
}

function forgetTypist(id) {
  clearTimeout(typists.get(id)?.timer);
  typists.delete(id);
  showTyping();
}

function clearTyping() {
  for (const id of [...typists.keys()]) forgetTypist(id);
}

function showTyping() {
  const names = [...typists.values()].map(({ user }) => user.name);
  const words = names.length === 0 ? "" : `${sentenceOfNames(names)} ${names.length === 1 ? "is" : "are"} typing…`;
  if (page.typing.textContent === words) return;
  const dots = make("span", { class: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
  page.typing.replaceChildren(...(words === "" ? [] : [dots, make("span", {}, words)]));
}

/** Emits `typing` at once, or at the end of the running pause when the last one is too fresh. */
function sayTyping() {
  clearTimeout(typingTimer);
  if (!isLive() || joined === null || page.text.value.trim() === "") return;
  const pause = lastTyping + TYPING_EVERY - Date.now();
  if (pause > 0) {
    typingTimer = setTimeout(sayTyping, pause);
    return;
  }
  lastTyping = Date.now();
  socket.emit("typing", { chat_id: joined });
}

// --- How it starts ---------------------------------------------------------------------------

function buildPicks() {
  const picks = users.map((user) => {
    const words = make("span", {}, make("strong", {}, user.name), make("small", {}, `Continue as ${user.name}`));
    const pick = button(avatar(user), () => pickUser(user._id), { class: "pick", "data-testid": `user-${user._id}` });
    pick.append(words);
    return pick;
  });
  page.picks.replaceChildren(...picks);
}

function showFrame() {
  dress(page["my-avatar"], me);
  page["my-name"].textContent = me.name;
  const other = users.find((user) => user._id !== me._id);
  page.second.href = `#${encodeURIComponent(other?._id ?? "")}`;
  page.second.textContent = `Open a second window as ${other?.name ?? "somebody else"}`;
  page.welcome.hidden = true;
  page.frame.hidden = false;
  showChat();
  page.chats.querySelector("button")?.focus();
}

/** Back to the choice of a person; nothing of the old one stays. */
function leaveFrame() {
  const wasInside = !page.frame.hidden;
  hangUp();
  page.notice.replaceChildren();
  page.frame.hidden = true;
  page.welcome.hidden = false;
  setState("idle");
  showTitle();
  if (wasInside) page.picks.querySelector("button")?.focus();
}

const hashUser = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1);
  }
};

/** The hash is the one place that says who this window is; picking the same again asks again. */
function pickUser(id) {
  if (hashUser() === id) followHash();
  else location.hash = encodeURIComponent(id);
}

function followHash() {
  const id = hashUser();
  leaveFrame();
  page.refusal.replaceChildren();
  if (id !== "") connectAs({ _id: id, name: nameOf(users, id) });
}

function loadScript(attributes) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), attributes);
    script.onload = () => (globalThis.io ? resolve() : reject(new Error("it has no client in it")));
    script.onerror = () => reject(new Error("it cannot be loaded"));
    document.head.append(script);
  });
}

async function load(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered with ${response.status}`);
  return response.json();
}

async function start() {
  try {
    await loadScript({ src: LOCAL_CLIENT }).catch(() => loadScript(CDN_CLIENT));
  } catch {
    setState("broken", "The Socket.IO client could not be loaded, neither from this server nor from cdn.socket.io, so this page cannot go live. Build the server where npm is installed, or go online, and reload.");
    return;
  }
  try {
    [users, chats] = await Promise.all([load("/users"), load("/chats")]);
  } catch (error) {
    setState("broken", `The people and chats could not be loaded: ${error.message}. `, button("Reload", () => location.reload()));
    return;
  }
  buildPicks();
  buildChats();
  listen();
  followHash();
}

function listen() {
  addEventListener("hashchange", followHash);
  addEventListener("resize", () => atNewest() && toNewest());
  document.addEventListener("visibilitychange", () => {
    unseen = 0;
    showTitle();
  });
  document.querySelector("[href='#nobody']").addEventListener("click", (event) => {
    event.preventDefault();
    pickUser(NOBODY);
  });
  page.switch.addEventListener("click", () => pickUser(""));
  page.leave.addEventListener("click", leave);
  page.newer.addEventListener("click", toNewest);
  page.log.addEventListener("scroll", () => atNewest() && (page.newer.hidden = true), { passive: true });
  page.form.addEventListener("submit", submit);
  page.text.addEventListener("input", () => {
    fitText();
    sayTyping();
  });
  page.text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    submit(event);
  });
}

start();
