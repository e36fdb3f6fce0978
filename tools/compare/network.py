#!/usr/bin/env python3
"""A network between two namespaces, as bad as it is asked to be.

    network.py NAME SEED NAMESPACE_A NAMESPACE_B FIGURES.json

NAME is one of networks.json; both directions are like it. It says "ready" when packets can pass, and writes its
figures when it is told to stop (SIGTERM). The fate of a packet follows from the seed, its direction, its kind and its
number among its kind alone: a program that sends something else in between does not change it.
"""
import ctypes
import gc
import heapq
import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import namespaces

ADDRESSES = ("10.77.0.1/24", "10.77.0.2/24")
PR_SET_TIMERSLACK = 29
MS = 1_000_000
NETWORKS = json.loads(Path(__file__).with_name("networks.json").read_text())


def kind_of(packet):
    """`rtp`, `rtcp`, `probe` (padding alone, which libwebrtc sends to probe a path) or `other` (RFC 5761, RFC 7983)."""
    udp = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or packet[9] != 17 or len(packet) < udp + 16:
        return "other"
    first, second = packet[udp + 8], packet[udp + 9]
    if not 128 <= first < 192:
        return "other"
    if 192 <= second < 224:
        return "rtcp"
    return "probe" if first & 0x20 else "rtp"


class Direction:
    """Says when a packet arrives at the other end, or that it never does. Counts bytes with the headers of IP: those of
    the voice, and those of reports and checks beside it."""

    def __init__(self, network, seed):
        self.network, self.seed = network, seed
        self.numbers, self.in_burst = {}, False
        self.origin = self.latest = None
        self.free = 0
        self.bytes, self.bytes_beside, self.delays, self.lost = 0, 0, [], 0
        self.first = self.last = None

    def plan(self, packet, now):
        kind = kind_of(packet)
        number = self.numbers.get(kind, 0)
        self.numbers[kind] = number + 1
        draw = random.Random(f"{self.seed} {kind} {number}")
        left = self._left(packet, now)
        lost = self._loses(kind, draw) or left is None
        arrival = self._arrival(draw, left) if not lost else None
        if kind == "rtp":
            if self.origin is None:
                self.origin = self.first = now
            self.last = now
            self.lost += lost
            if not lost:
                self.delays.append(arrival - left)
            self.bytes += len(packet)
        elif self.first is not None:
            self.bytes_beside += len(packet)
        return arrival

    def _left(self, packet, now):
        """When a packet has left a narrow link; None where its queue is full. That queue is no delay of the path's own:
        who sends less has none."""
        link = self.network.get("link")
        if not link:
            return now
        begins = max(now, self.free)
        if begins - now > link["queue_ms"] * MS:
            return None
        self.free = begins + int(len(packet) * 8 / link["kbps"] * MS)
        return self.free

    def _loses(self, kind, draw):
        share, burst = self.network.get("lost", 0.0), self.network.get("burst", 0)
        chance = draw.random()
        # A burst is a matter of packets in a row. What is sent once a second would be gone for half a minute by it.
        if not burst or kind != "rtp":
            return chance < share
        # Gilbert's two states: a burst ends with probability 1/burst.
        end = 1 / burst
        begin = end * share / (1 - share)
        self.in_burst = chance >= end if self.in_burst else chance < begin
        return self.in_burst

    def _arrival(self, draw, now):
        jitter = max(-3.0, min(3.0, draw.gauss(0, 1))) * self.network.get("jitter_ms", 0)
        delay = self.network.get("delay_ms", 0)
        arrival = now + int(max(delay + jitter, 0) * MS)
        stall = self.network.get("stall")
        if stall and self.origin is not None:
            since = now - self.origin - stall["first_ms"] * MS
            into = since % (stall["every_ms"] * MS)
            if since >= 0 and into < stall["ms"] * MS:
                arrival = max(arrival, now - into + (stall["ms"] + delay) * MS)
        # What was sent later never arrives earlier, as in a queue.
        self.latest = max(arrival, self.latest or 0)
        return self.latest

    def figures(self):
        seconds = max((self.last - self.first) / 1e9, 1e-3) if self.first else 1
        delays = self.delays or [0]
        packets = self.numbers.get("rtp", 0)
        return {"delay_ms": sum(delays) / len(delays) / MS, "lost": self.lost / max(packets, 1),
                "rtp_packets": packets, "kbps": self.bytes * 8 / seconds / 1000,
                "kbps_beside": self.bytes_beside * 8 / seconds / 1000}


def run(directions, devices):
    """Passes packets on until told to stop. Returns how late they left, at most and at the 99th of a hundred (ms)."""
    queue, number, late = [], 0, []
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    print("ready", flush=True)
    while not stopped:
        wait = min(max(queue[0][0] - time.monotonic_ns(), 0), 100 * MS) if queue else 100 * MS
        readable = select.select(devices, (), (), wait / 1e9)[0]
        for device in readable:
            side = devices.index(device)
            packet, now = os.read(device, 2048), time.monotonic_ns()
            arrival = directions[side].plan(packet, now)
            if arrival is not None:
                number += 1
                heapq.heappush(queue, (arrival, number, devices[1 - side], packet))
        while queue and queue[0][0] <= time.monotonic_ns():
            arrival, _, device, packet = heapq.heappop(queue)
            os.write(device, packet)
            late.append(time.monotonic_ns() - arrival)
    late.sort()
    return {"late_ms": {"p99": late[len(late) * 99 // 100] / MS, "max": late[-1] / MS}} if late else {}


def main():
    name, seed, *places, figures = sys.argv[1:]
    devices = [namespaces.tun(place, address) for place, address in zip(places, ADDRESSES)]
    directions = [Direction(NETWORKS[name], f"{seed} {side}") for side in "ab"]
    # Packets leave when they should whatever else runs here: real-time priority, timers without slack, no collector.
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    gc.disable()
    told = run(directions, devices)
    told |= {"a": directions[0].figures(), "b": directions[1].figures()}
    Path(figures).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
