#!/usr/bin/env python3
"""One measured call between two programs over one network; its figures as JSON on standard output.

    call.py --a handset --b wrtc --network j10 --seed 1 --speech speech.wav --out FOLDER

`a` speaks and `b` hears. A program is named by a file of peers/, with words of its own behind: "handset --frame-ms 20".
"""
import argparse
import asyncio
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import namespaces
import rendezvous
import score

HERE = Path(__file__).resolve().parent
PROGRAMS = {
    "handset": [sys.executable, f"{HERE}/peers/handset.py"],
    "wrtc": ["node", f"{HERE}/peers/wrtc.mjs"],
    "chromium": ["node", f"{HERE}/peers/chromium.mjs"],
}
# What feeds and takes sound is on time whatever else the machine does: real-time priority, as our peer's loop asks for by
# itself. For Chromium, which starts with seconds of work, that would throttle them all; it goes before what is ordinary.
URGENT, FIRST = ["chrt", "--rr", "5"], ["nice", "-n", "-15"]
LIMIT_S = 150


def start_network(options, places, out):
    words = [options.network, str(options.seed), *places, f"{out}/network.json"]
    network = subprocess.Popen([sys.executable, f"{HERE}/network.py", *words], stdout=subprocess.PIPE, text=True)
    if network.stdout.readline().strip() != "ready":
        sys.exit("the network did not come up")
    return network


def start_switchboard(port, out):
    command = [os.environ["SWITCHBOARD"], "--no-relay", "--listen", f"127.0.0.1:{port}"]
    with open(f"{out}/switchboard.log", "w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def start_program(role, options, place, out):
    name, *words = shlex.split(getattr(options, role))
    sound = ["--in", os.path.abspath(options.speech)] if role == "a" else ["--out", f"{out}/heard.wav"]
    command = [*(FIRST if name == "chromium" else URGENT), "ip", "netns", "exec", place, *PROGRAMS[name], *words]
    command += ["--role", role, "--told", f"{out}/{role}.json", *sound]
    with open(f"{out}/{role}.log", "w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()


async def wait_until(condition, seconds):
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)


async def make(options, out):
    """Makes the call. Returns the hub that saw it."""
    hub, places = rendezvous.Hub(), [f"compare{os.getpid()}{role}" for role in "ab"]
    port = 20_000 + os.getpid() % 20_000
    speaks_switchboard = [getattr(options, role).startswith("handset") for role in "ab"]
    with contextlib.ExitStack() as stack:
        for place in places:
            namespaces.make(place)
            stack.callback(namespaces.remove, place)
        stack.callback(end, start_network(options, places, out))
        stack.callback(end, start_switchboard(port, out))
        await rendezvous.open_doors(stack, hub, places, port)
        await asyncio.sleep(0.5)
        if any(speaks_switchboard) and not all(speaks_switchboard):
            hub.interpreter = rendezvous.Interpreter(hub, "ab"[speaks_switchboard.index(False)])
            registered = asyncio.Event()
            url = f"ws://127.0.0.1:{port}/ws"
            interpreting = asyncio.create_task(hub.interpreter.run(url, registered))
            stack.callback(interpreting.cancel)
            await asyncio.wait_for(registered.wait(), 5)
        programs = [start_program(role, options, place, out) for role, place in zip("ab", places)]
        for program in programs:
            stack.callback(end, program)
        await wait_until(lambda: all(program.poll() is not None for program in programs), LIMIT_S)
    return hub


def figures(options, hub, out):
    network = json.loads(Path(f"{out}/network.json").read_text())
    found = {"a": options.a, "b": options.b, "network": options.network, "seed": options.seed,
             "kbps": network["a"]["kbps"], "kbps_beside": network["a"]["kbps_beside"], "lost": network["a"]["lost"], "path_ms": network["a"]["delay_ms"],
             "network_late_ms": network.get("late_ms"), "processor_ms_per_s": hub.processor_ms_per_second()}
    told = {role: json.loads(Path(f"{out}/{role}.json").read_text()) for role in "ab"}
    found["fed_late_ms"] = told["a"].get("fed_late_ms")
    found["receiver"] = told["b"].get("receiver")
    found["connected_ms"] = (hub.events["b.connected"] - hub.events["a.offers"]) / 1e6
    found |= score.score(options.speech, told["a"]["send"], f"{out}/heard.wav", told["b"]["heard"])
    found["above_path_ms"] = found["delay_ms"]["mean"] - found["path_ms"]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--a", "--b", "--network", "--speech", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    hub = asyncio.run(make(options, os.path.abspath(options.out)))
    # What judges the call must not disturb the next one.
    os.nice(19)
    print(json.dumps(figures(options, hub, options.out)))


if __name__ == "__main__":
    main()
