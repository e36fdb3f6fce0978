"""Handset's own `peer`, fed and read through pipes. See ../rendezvous.py for what is said to the hub.

    handset.py --role a|b --told FILE.json [--in SPEECH.wav] [--out HEARD.wav] [words for `peer` ...]
"""
import argparse
import asyncio
import json
import os
import signal
import subprocess
import threading
import time
import wave

import websockets

# Sound is handed over in blocks of 10 ms, when the last sample of each has been spoken, as to the other programs.
BLOCKS_PER_SECOND = 100
# What was said last has so long to be heard.
TAIL_S = 2.5
RATE = 48_000


class Handset:
    def __init__(self, options, words):
        self.options, self.words = options, words
        self.told = {"program": "handset"}
        self.heard, self.anchors = bytearray(), []
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        self.process = self.hub = None

    async def run(self):
        self.loop.add_signal_handler(signal.SIGTERM, self.over.set)
        async with websockets.connect("ws://127.0.0.1:9000") as self.hub:
            # One waits to be called, the other calls when it is told to start; until then it stands in for itself.
            if self.options.role == "b":
                self.start("answer", "--auto")
                await asyncio.sleep(0.5)
                await self.join()
            else:
                await self.join()
            listening = asyncio.create_task(self.listen())
            await self.over.wait()
            listening.cancel()
            await self.end()

    async def join(self):
        pid = self.process.pid if self.process else os.getpid()
        await self.say(type="join", role=self.options.role, counted={"pid": pid})

    async def listen(self):
        async for text in self.hub:
            said = json.loads(text)
            if said["type"] == "start" and self.options.role == "a":
                await self.event("offers")
                self.start("call", "b")
                await self.say(type="counted", counted={"pid": self.process.pid})
            elif said["type"] == "bye":
                self.over.set()

    async def say(self, **message):
        await self.hub.send(json.dumps(message))

    async def event(self, name, t_ns=None):
        await self.say(type="event", name=name, t_ns=t_ns or time.monotonic_ns())

    def start(self, *command):
        speaks, hears = self.options.sound_in, self.options.sound_out
        words = ["--id", self.options.role, "--server", "ws://127.0.0.1:9001/ws", "--no-server-ice"]
        words += ["--direction", "send" if speaks else "receive"]
        words += ["--input", "-" if speaks else "silence", "--output", "-" if hears else "null"]
        words += ["--events", f"{self.options.told}.events", "--quiet", *self.words]
        open(f"{self.options.told}.events", "w").close()
        self.process = subprocess.Popen([os.environ["PEER"], *command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for part in (self.read, self.watch):
            threading.Thread(target=part, daemon=True).start()

    def read(self):
        """Keeps what is heard, and when."""
        while block := os.read(self.process.stdout.fileno(), 65536):
            self.anchors.append([len(self.heard) // 2, time.monotonic_ns()])
            self.heard += block

    def watch(self):
        """Waits for the call to stand, then speaks."""
        with open(f"{self.options.told}.events") as events:
            while self.process.poll() is None:
                if '"connected"' in events.readline():
                    asyncio.run_coroutine_threadsafe(self.event("connected"), self.loop).result()
                    break
                time.sleep(0.001)
        if self.options.sound_in:
            self.speak()

    def speak(self):
        with wave.open(self.options.sound_in) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
            sound = file.readframes(file.getnframes())
        size = RATE // BLOCKS_PER_SECOND * 2
        start, late = time.monotonic_ns() + 300_000_000, 0.0
        self.told["send"] = {"t0_ns": start}
        for number in range(len(sound) // size):
            due = start + (number + 1) * 1_000_000_000 // BLOCKS_PER_SECOND
            time.sleep(max(due - time.monotonic_ns(), 0) / 1e9)
            late = max(late, (time.monotonic_ns() - due) / 1e6)
            os.write(self.process.stdin.fileno(), sound[number * size:][:size])
        self.told["fed_late_ms"] = late
        time.sleep(TAIL_S)
        asyncio.run_coroutine_threadsafe(self.say(type="bye"), self.loop).result()
        self.loop.call_soon_threadsafe(self.over.set)

    async def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(self.process.wait, 10)
        if self.options.sound_out:
            with wave.open(self.options.sound_out, "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                file.writeframes(bytes(self.heard[:len(self.heard) // 2 * 2]))
            self.told["heard"] = {"rate": RATE, "anchors": self.anchors}
            self.told["receiver"] = self.last_figures()
        with open(self.options.told, "w") as file:
            json.dump(self.told, file)

    def last_figures(self):
        with open(f"{self.options.told}.events") as file:
            figures = [event for event in map(json.loads, file) if event["type"] == "stats"]
        if not figures:
            return None
        last = figures[-1]
        rendered = max(last["rendered_samples"], 1)
        return {"concealed_percent": 100 * last["concealed_samples"] / rendered, "stages": last["delay"]}


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", required=True)
    parser.add_argument("--told", required=True)
    parser.add_argument("--in", dest="sound_in")
    parser.add_argument("--out", dest="sound_out")
    options, words = parser.parse_known_args()
    await Handset(options, words).run()


asyncio.run(main())
