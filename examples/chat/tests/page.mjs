// The chat's page in two real browsers, against a running chat: what one person does, the other sees.
//
//   CHAT_URL=http://127.0.0.1:8000 node examples/chat/tests/page.mjs
//
// Needs `npm install` in testkit/js, and Chromium (CHROMIUM names another one than /usr/bin/chromium).
// Prints one `ok` line for each check; ends with 1 and the reason at the first that fails.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../../testkit/js/package.json", import.meta.url))("playwright-core");

const CHAT_URL = process.env.CHAT_URL;
const PATIENCE = 10_000;
const DESKTOP = { width: 1200, height: 800 };
const PHONE = { width: 360, height: 640 };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
FLAGS.push("--disable-background-networking", "--disable-component-update", "--disable-sync");

/** A browser window of one person, and what its console complained about. */
class Window {
  static async open(browser, hash, viewport = DESKTOP) {
    const context = await browser.newContext({ viewport });
    context.setDefaultTimeout(PATIENCE);
    const window = new Window();
    window.page = await context.newPage();
    window.complaints = [];
    window.page.on("pageerror", (error) => window.complaints.push(String(error)));
    window.page.on("console", (message) => {
      const complaint = `${message.text()} ${message.location().url}`;
      // A client that hangs up posts its goodbye beside a GET that is on its way: the GET then asks for a session
      // that is gone. Whoever wins, nothing is lost, and the client does not look at the answer.
      const late = /status of 400 .*transport=polling&.*sid=/.test(complaint);
      if (message.type() === "error" && !late) window.complaints.push(complaint);
    });
    await window.page.goto(new URL(hash, CHAT_URL).href);
    return window;
  }

  of(id) {
    return this.page.getByTestId(id);
  }

  /** Waits until the element with this test id says the words. */
  async says(id, words) {
    await this.of(id).filter({ hasText: words }).first().waitFor();
  }

  async join(chat, name) {
    await this.of(`chat-${chat}`).click();
    await this.says("chat-title", name);
  }

  async send(text) {
    await this.of("text").fill(text);
    await this.of("send").click();
  }

  /** Waits for a message; `own` says on whose side it stands. */
  async sees(text, own) {
    const message = this.page.locator(`[data-testid=message][data-own=${own}]`).filter({ hasText: text });
    await message.locator("time").waitFor();
    assert.equal(await message.count(), 1, `“${text}” is there more than once`);
  }

  async fits(what) {
    const [content, width] = await this.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= width, `${what}: ${content}px of content in a window of ${width}px`);
    const outside = await this.page.evaluate(() =>
      [...document.querySelectorAll("body *")]
        .filter((node) => node.checkVisibility() && !node.closest(".sr, .chats"))
        .filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5)
        .map((node) => node.outerHTML.slice(0, 80)));
    assert.deepEqual(outside, [], `${what}: these stick out`);
  }

  async pressTabTo(id) {
    for (let steps = 0; steps < 25; steps += 1) {
      if (await this.of(id).evaluate((node) => node === document.activeElement)) return;
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not reach ${id}`);
  }

  close() {
    return this.page.context().close();
  }
}

async function check(name, steps) {
  try {
    await steps();
  } catch (error) {
    error.message = `${name}: ${error.message}`;
    throw error;
  }
  console.log(`ok ${name}`);
}

async function run(browser) {
  const alice = await Window.open(browser, "#alice");
  const bob = await Window.open(browser, "/");

  await check("picking Bob connects and is kept in the URL", async () => {
    await bob.of("user-bob").click();
    await bob.says("state", "Live");
    assert.equal(new URL(bob.page.url()).hash, "#bob");
    await alice.says("state", "Live");
  });

  await check("who is in a chat is shown by name", async () => {
    await alice.join("1", "General");
    await alice.says("alone", "Open a second window as Bob");
    await bob.join("1", "General");
    for (const window of [alice, bob]) {
      await window.says("person-alice", "Alice");
      await window.says("person-bob", "Bob");
    }
    await alice.says("event", "Bob joined");
  });

  await check("what Alice types shows as typing to Bob", async () => {
    await alice.of("text").pressSequentially("Good mor");
    await bob.says("typing", "Alice is typing…");
    assert.equal(await alice.of("typing").textContent(), "");
  });

  await check("a message of Alice is seen by Bob", async () => {
    await alice.send("Good morning, Bob");
    await alice.sees("Good morning, Bob", true);
    await bob.sees("Good morning, Bob", false);
  });

  await check("a message of Bob is seen by Alice, as text and not as HTML", async () => {
    await bob.send("<b>Good</b> morning, Alice & all");
    await bob.sees("<b>Good</b> morning, Alice & all", true);
    await alice.sees("<b>Good</b> morning, Alice & all", false);
  });

  await check("Bob is refused Private in words and stays in General", async () => {
    await bob.of("chat-2").click();
    await bob.says("notice", "You are not a member of Private, so you cannot join it.");
    await bob.says("chat-title", "General");
    await alice.send("Are you still there?");
    await bob.sees("Are you still there?", false);
  });

  await check("leaving a chat is seen by the others", async () => {
    await bob.of("leave").click();
    await bob.says("chat-title", "Choose a chat");
    await alice.says("event", "Bob left");
    await alice.of("person-bob").waitFor({ state: "detached" });
    await bob.join("1", "General");
    await alice.of("person-bob").waitFor();
  });

  await check("a message that cannot be sent keeps its text and can be sent again", () => failedSend(alice, bob));
  await check("a lost connection is said, and comes back into its chat", () => lostConnection(browser, alice));
  await check("somebody without a token is refused in words", () => noToken(browser));
  await check("an unknown token is refused in words", () => unknownToken(browser));
  await check("the keyboard is enough", () => keyboardOnly(browser, alice));
  await check("nothing sticks out at a phone's width", () => phone(browser));
  await check("without the server's client the page asks the CDN, and without any it says so", () => noClient(browser));

  await check("the consoles are silent", async () => {
    assert.deepEqual([...alice.complaints, ...bob.complaints], []);
  });
}

async function failedSend(alice, bob) {
  const messages = "**/chats/1/messages";
  await alice.page.route(messages, (route) => route.fulfill({ status: 503, json: { message: "the bus is down" } }));
  await alice.send("Once more");
  await alice.says("message-meta", "Not sent: the server cannot reach its message bus (“the bus is down”).");
  await alice.says("message-text", "Once more");
  await alice.page.unroute(messages);
  await alice.of("retry").click();
  await alice.sees("Once more", true);
  await bob.sees("Once more", false);
  // The browser itself reports the 503 made above; that one is expected.
  alice.complaints = alice.complaints.filter((text) => !text.includes("503"));
}

async function lostConnection(browser, alice) {
  const bob = await Window.open(browser, "#bob");
  await bob.join("1", "General");
  await bob.page.context().setOffline(true);
  await bob.says("state", "Reconnecting");
  await bob.says("banner", "The connection was lost.");
  await bob.says("banner", "After that you are back in General.");
  await bob.page.context().setOffline(false);
  await bob.says("state", "Live");
  await bob.says("event", "You are back.");
  await bob.of("banner").waitFor({ state: "hidden" });
  await alice.send("Welcome back");
  await bob.sees("Welcome back", false);
  await bob.close();
}

async function noToken(browser) {
  const somebody = await Window.open(browser, "/");
  await somebody.of("user-nobody").click();
  await somebody.says("refusal", "No access token provided");
  await somebody.says("state", "Refused");
  await somebody.of("user-alice").click();
  await somebody.says("state", "Live");
  assert.deepEqual(somebody.complaints, []);
  await somebody.close();
}

async function unknownToken(browser) {
  const somebody = await Window.open(browser, "#mallory");
  await somebody.says("refusal", "Invalid access token");
  await somebody.says("state", "Refused");
  assert.deepEqual(somebody.complaints, []);
  await somebody.close();
}

async function keyboardOnly(browser, alice) {
  const bob = await Window.open(browser, "/");
  await bob.of("user-bob").waitFor();
  await bob.pressTabTo("user-bob");
  await bob.page.keyboard.press("Enter");
  await bob.says("state", "Live");
  await bob.pressTabTo("chat-1");
  await bob.page.keyboard.press("Enter");
  await bob.says("chat-title", "General");
  await bob.pressTabTo("text");
  await bob.page.keyboard.type("Without");
  await bob.page.keyboard.press("Shift+Enter");
  await bob.page.keyboard.type("a mouse");
  await bob.page.keyboard.press("Enter");
  await alice.sees("Without\na mouse", false);
  await bob.pressTabTo("text");
  assert.deepEqual(bob.complaints, []);
  await bob.close();
}

async function phone(browser) {
  const bob = await Window.open(browser, "#nobody", PHONE);
  await bob.says("refusal", "No access token provided");
  await bob.fits("the choice of a person");
  await bob.of("user-bob").click();
  await bob.join("1", "General");
  await bob.of("person-alice").waitFor();
  await bob.fits("an empty chat");
  await bob.of("chat-2").click();
  await bob.says("notice", "not a member");
  const long = `https://example.org/${"a-long-address/".repeat(12)}`;
  await bob.send(long);
  await bob.sees(long, true);
  await bob.fits("a long message and a refusal");
  assert.ok(await bob.of("send").isVisible(), "the button to send is visible");
  assert.deepEqual(bob.complaints, []);
  await bob.close();
}

async function noClient(browser) {
  const window = await Window.open(browser, "about:blank");
  const asked = [];
  await window.page.route("**/socket.io-client.js", (route) => route.fulfill({ status: 404, body: "" }));
  await window.page.route("https://cdn.socket.io/**", (route) => {
    asked.push(route.request().url());
    return route.abort();
  });
  await window.page.goto(CHAT_URL);
  await window.says("state", "Not working");
  await window.says("banner", "The Socket.IO client could not be loaded");
  assert.match(asked.join(), /^https:\/\/cdn\.socket\.io\/4\.[\d.]+\/socket\.io\.min\.js$/);
  await window.close();
}

if (CHAT_URL === undefined) {
  console.error("CHAT_URL is not set; try CHAT_URL=http://127.0.0.1:8000");
  process.exit(1);
}
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: FLAGS });
try {
  await run(browser);
} catch (error) {
  console.error(`not ok ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
