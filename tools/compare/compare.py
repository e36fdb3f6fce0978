#!/usr/bin/env python3
"""Makes a grid of calls, pairs by networks by seeds, and writes docs/compare.md and docs/compare.svg. Started by `run`.

The pairs of one network and one seed talk at the same time, each over a network of its own, so that whatever else the
machine does meets all of them. When one was disturbed all are made again, and none counts if that was of no use.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ["COMPARE_HOME"])
CALLS = HOME / "calls"
NETWORKS = json.loads((HERE / "networks.json").read_text())
# Those of the first group decide, the others are told beside them. A peer without words chooses its frames itself.
PAIRS = (
    ("handset --frame-ms 10", "handset --frame-ms 10"), ("handset", "handset"), ("wrtc", "wrtc"), ("chromium", "chromium"),
    ("handset --frame-ms 20", "handset --frame-ms 20"), ("wrtc --frame-ms 10", "wrtc --frame-ms 10"),
    ("chromium", "handset"), ("handset", "chromium"),
)
# A call was disturbed when sound was fed later than this, or one packet of a hundred passed on later than that.
FED_LATE_MS, NETWORK_LATE_MS = 20, 5
TRIES = 3


def folder(pair, network, seed):
    words = [word.strip("-").replace(" --frame-ms ", "-") for word in pair]
    return CALLS / f"{network}-{seed}-{'-'.join(words)}"


def start(pair, network, seed):
    out = folder(pair, network, seed)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    command = [sys.executable, f"{HERE}/call.py", "--a", pair[0], "--b", pair[1], "--network", network]
    command += ["--seed", str(seed), "--speech", f"{HOME}/speech.wav", "--out", out]
    with open(out / "figures.json", "w") as figures, open(out / "call.log", "w") as log:
        return subprocess.Popen(command, stdout=figures, stderr=log)


def outcome(file):
    """What a call was like, and why it does not count, if it does not."""
    try:
        call = json.loads(file.read_text())
    except (OSError, ValueError):
        return None, "it failed"
    if (call["fed_late_ms"] or 0) > FED_LATE_MS:
        return call, f"fed {call['fed_late_ms']:.0f} ms late"
    if call["network_late_ms"]["p99"] > NETWORK_LATE_MS:
        return call, f"the network was {call['network_late_ms']['p99']:.0f} ms late"
    return call, None


def make(pairs, network, seed):
    """Makes the calls of one network and one seed, all at once; all of them again if one was disturbed."""
    for _ in range(TRIES):
        calls = [start(pair, network, seed) for pair in pairs]
        for call in calls:
            call.wait()
        outcomes = [outcome(folder(pair, network, seed) / "figures.json") for pair in pairs]
        for pair, (call, complaint) in zip(pairs, outcomes):
            said = "-" if call is None else f"{call['above_path_ms']:6.1f} ms above the path, PESQ {call['pesq_wb']:.2f}"
            print(time.strftime("%H:%M:%S"), network, seed, " -> ".join(pair), said, complaint or "", flush=True)
        if not any(complaint for _, complaint in outcomes):
            return


def undisturbed():
    """The calls of those networks and seeds of which none was disturbed: what disturbed one may have disturbed all."""
    outcomes = [outcome(file) for file in sorted(CALLS.glob("*/figures.json"))]
    calls = [(call, complaint) for call, complaint in outcomes if call]
    spoilt = {(call["network"], call["seed"]) for call, complaint in calls if complaint}
    return [call for call, _ in calls if (call["network"], call["seed"]) not in spoilt]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = [network for network, what in NETWORKS.items() if not what.get("further")]
    parser.add_argument("--networks", default=",".join(usual), help=f"of {', '.join(NETWORKS)}; by default the first {len(usual)}")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--pairs", help='"a:b,c:d"; by default those of docs/compare.md')
    parser.add_argument("--together", type=int, default=4, help="calls that run at once")
    parser.add_argument("--keep", action="store_true", help="keep the calls that were made before, and add to them")
    parser.add_argument("--report", action="store_true", help="make no call, only write the table and the plot")
    options = parser.parse_args()
    if not options.report:
        pairs = [tuple(pair.split(":")) for pair in options.pairs.split(",")] if options.pairs else PAIRS
        if not options.keep:
            shutil.rmtree(CALLS, ignore_errors=True)
        for first in range(0, len(pairs), options.together):
            for network in options.networks.split(","):
                for seed in options.seeds.split(","):
                    make(pairs[first:first + options.together], network, seed)
    report.write(undisturbed(), NETWORKS, HERE.parent.parent / "docs")


if __name__ == "__main__":
    main()
