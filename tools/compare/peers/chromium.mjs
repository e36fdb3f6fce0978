// Chromium without a window, driven by playwright-core; page.js talks to the hub and does the call.
//
//   node chromium.mjs --role a|b --told FILE.json [--in SPEECH.wav] [--out HEARD.wav]
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { LEAD_MS, TAIL_MS, nowNs, readWav, receiverFigures, require, words, writeWav } from "./contract.mjs";

const { chromium } = require("playwright-core");
const options = words(), told = { program: "chromium" };
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "compare-"));
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
  "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
  "--force-webrtc-ip-handling-policy=default",
  "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC",
];
if (options.in) flags.push(`--use-file-for-fake-audio-capture=${options.in}%noloop`);
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM, headless: true, args: flags,
  ignoreDefaultArgs: ["--mute-audio", "--headless=old", "--disable-field-trial-config"],
  env: { ...process.env, PULSE_SERVER: "unix:/nonexistent", ALSA_CONFIG_PATH: "/dev/null" },
});
told.version = context.browser()?.version();
const page = context.pages()[0] ?? (await context.newPage());
page.on("console", message => console.log(message.text()));
await page.route("**/*", route => route.fulfill({ contentType: "text/html", body: "<!doctype html><body>" }));
await page.goto("https://page.test/");
await page.addScriptTag({ path: new URL("./page.js", import.meta.url).pathname });

// From performance.now() to CLOCK_MONOTONIC: by the quickest of many round trips.
async function clockOffsetNs() {
  let best = Infinity, offset = 0;
  for (let i = 0; i < 60; i++) {
    const before = nowNs(), there = await page.evaluate(() => performance.now()), after = nowNs();
    if (after - before < best) [best, offset] = [after - before, (before + after) / 2 - there * 1e6];
  }
  return offset;
}

const perfToNs = await clockOffsetNs();
const speech = options.in && readWav(options.in);
await page.evaluate(x => startPeer(x), {
  role: options.role, speaks: !!speech, leadMs: LEAD_MS, tailMs: TAIL_MS, perfToNs,
  speechMs: speech ? speech.samples.length / speech.rate * 1000 : 0,
  // The browser's processes are this one's children; what this one uses to drive them does not count.
  counted: { pid: process.pid, children_only: true },
});
await page.waitForFunction(() => window.finished, null, { timeout: 0, polling: 200 });

// Takes what was kept out of the page. A piece of the microphone is handed over when its last sample has been spoken:
// its first one was spoken a piece earlier.
async function take(name, file, backMs) {
  const { anchors, count, rate } = await page.evaluate(name => {
    const { anchors, pieces, rate } = name === "heard" ? heard : microphone;
    return { anchors, count: pieces.length, rate };
  }, name);
  const pieces = [];
  for (let from = 0; from < count; from += 200) {
    const part = ([name, from, to]) => piecesAsBase64(name === "heard" ? heard : microphone, from, to);
    const bytes = Buffer.from(await page.evaluate(part, [name, from, from + 200]), "base64");
    pieces.push(new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
  }
  writeWav(file, rate, pieces);
  // Where the engine's stamps are of another clock, the script's own have to do.
  const [, stamp, seen] = anchors[anchors.length >> 1], column = Math.abs(stamp - seen) < 100 ? 1 : 2;
  const at = anchor => Math.round((anchor[column] - backMs) * 1e6 + perfToNs);
  return { rate, anchors: anchors.map(anchor => [anchor[0], at(anchor)]), stamps: column === 1 ? "engine" : "script" };
}

if (options.in) {
  const file = options.told.replace(".json", ".microphone.wav");
  const first = await page.evaluate(() => microphone.pieces[0].length / microphone.rate * 1000);
  told.send = { microphone: file, ...(await take("microphone", file, first)) };
}
if (options.out) {
  told.heard = await take("heard", options.out, 0);
  told.receiver = receiverFigures(await page.evaluate(() => window.reports));
}
fs.writeFileSync(options.told, JSON.stringify(told));
await context.close();
fs.rmSync(profile, { recursive: true, force: true });
process.exit(0);
