// Headless Chromium for scripts run by testkit::run_node: import { launch } from "testkit/browser".

import { chromium } from "playwright-core";

/** Launches the system's Chromium, or the one that the variable CHROMIUM names. */
export function launch(options = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Root, as in containers, has no user namespaces for the sandbox; /dev/shm is small there.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    ...options,
  });
}
