"""Where the two programs of a call meet: a hub that passes on what they say to each other, and for calls between
different programs an interpreter that speaks the switchboard's protocol (docs/protocol.md) for the other one.

A program connects to ws://127.0.0.1:9000 and sends `join` with its role, `a` or `b`, and what is to be counted as its
processor time. `a` is told to `start` and offers; `offer`, `answer`, `candidate` and `bye` are passed on, `event` is
taken down. Handset's peer joins too, to be told to start, but meets the other side by its switchboard, which is to be
found at ws://127.0.0.1:9001/ws.
"""
import asyncio
import json
import os
import time

import websockets

import namespaces

HUB_PORT, SWITCHBOARD_PORT = 9000, 9001
TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(root, children_only=False, threads_but_main=False):
    """What a process and all of its descendants have used; the dead count with their parent."""
    if threads_but_main:
        tasks = [f"/proc/{root}/task/{task}" for task in os.listdir(f"/proc/{root}/task") if task != str(root)]
        return sum(sum(_stat(task)[1][:2]) for task in tasks) / TICKS
    used, children = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent, times = _stat(f"/proc/{pid}")
        except OSError:
            continue
        used[int(pid)] = sum(times)
        children.setdefault(parent, []).append(int(pid))
    total, waiting = 0, list(children.get(root, ())) if children_only else [root]
    while waiting:
        process = waiting.pop()
        total += used.get(process, 0)
        waiting += children.get(process, ())
    return total / TICKS


def _stat(folder):
    with open(f"{folder}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[1]), [int(field) for field in fields[11:15]]


class Hub:
    def __init__(self):
        self.programs, self.counted = {}, {}
        self.events, self.used = {}, {}
        self.interpreter = None

    async def serve(self, socket):
        """One program's connection."""
        role = None
        try:
            async for text in socket:
                said = json.loads(text)
                match said["type"]:
                    case "join":
                        role = said["role"]
                        self.programs[role], self.counted[role] = socket, said["counted"]
                        if len(self.programs) == 2:
                            await self.tell("a", {"type": "start"})
                            await self.tell("b", {"type": "start"})
                    case "counted":
                        self.counted[role] = said["counted"]
                    case "event":
                        self.note(role, said)
                    case _:
                        if said["type"] == "bye":
                            self.note(role, {"name": "bye", "t_ns": time.monotonic_ns()})
                        await self.pass_on(role, said)
        except websockets.ConnectionClosed:
            pass

    def note(self, role, event):
        self.events.setdefault(f"{role}.{event['name']}", event["t_ns"])
        both = all(f"{side}.connected" in self.events for side in "ab")
        if event["name"] == "connected" and both:
            self.count("connected")
        elif event["name"] == "bye" and "bye" not in self.used:
            self.count("bye")

    def count(self, moment):
        used = {"t": time.monotonic()}
        for role, counted in self.counted.items():
            used[role] = processor_seconds(counted["pid"], counted.get("children_only", False))
            if counted.get("main_thread_feeds"):
                used[f"{role}_without_feeding"] = processor_seconds(counted["pid"], threads_but_main=True)
        self.used[moment] = used

    def processor_ms_per_second(self):
        if not {"connected", "bye"} <= self.used.keys():
            return {}
        before, after = self.used["connected"], self.used["bye"]
        seconds = after["t"] - before["t"]
        return {role: (after[role] - before[role]) / seconds * 1000 for role in before if role != "t" and role in after}

    async def pass_on(self, role, said):
        other = "b" if role == "a" else "a"
        if self.interpreter and said["type"] != "bye":
            await self.interpreter.say(said)
        else:
            await self.tell(other, said)

    async def tell(self, role, said):
        if role in self.programs:
            await self.programs[role].send(json.dumps(said))


class Interpreter:
    """Speaks for the one program that does not know the switchboard."""

    CALL = "c0ffee00c0ffee00c0ffee00c0ffee00"

    def __init__(self, hub, role):
        self.hub, self.role = hub, role
        self.call, self.socket = self.CALL, None

    async def run(self, url, registered):
        async with websockets.connect(url) as self.socket:
            await self.send(type="register", version=1, id=self.role)
            async for text in self.socket:
                said = json.loads(text)
                match said["type"]:
                    case "registered":
                        registered.set()
                    case "call":
                        self.call = said["call"]
                        await self.hub.tell(self.role, {"type": "offer", "sdp": said["sdp"]})
                    case "accept":
                        await self.hub.tell(self.role, {"type": "answer", "sdp": said["sdp"]})
                    case "candidate" if said["candidate"]:
                        await self.hub.tell(self.role, said)

    async def say(self, said):
        match said["type"]:
            case "offer":
                await self.send(type="call", call=self.call, to="a" if self.role == "b" else "b", sdp=said["sdp"])
            case "answer":
                await self.send(type="accept", call=self.call, sdp=said["sdp"])
            case "candidate":
                line = {"candidate": said["candidate"], "mid": said["mid"], "mline": said["mline"]}
                await self.send(type="candidate", call=self.call, **line)

    async def send(self, **message):
        await self.socket.send(json.dumps(message))


async def open_doors(stack, hub, places, switchboard_port):
    """Lets both namespaces in: to the hub, and to the switchboard out here."""

    async def lead_out(reader, writer):
        there = await asyncio.open_connection("127.0.0.1", switchboard_port)
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    for place in places:
        door = await websockets.serve(hub.serve, sock=namespaces.listener(place, HUB_PORT), max_size=None)
        stack.callback(door.close)
        door = await asyncio.start_server(lead_out, sock=namespaces.listener(place, SWITCHBOARD_PORT))
        stack.callback(door.close)


async def _pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
