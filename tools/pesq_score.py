#!/usr/bin/env python3
"""Speech quality of a recording against its source: PESQ-WB (ITU-T P.862.2) by utterance.

    pesq_score.py SOURCE.wav HEARD.wav [--delay-ms N] [--json]
    pesq_score.py --serve     the same as JSON for each line of stdin: SOURCE.wav, HEARD.wav and N, with tabs between

Prints the mean and the least score of all utterances, 1 (bad) to 4.64 (the same). The utterances are found in the
source by its pauses. Where each was heard is found by correlation, within 200 ms of --delay-ms (by default anywhere
in the recording), so that a delay which changes between sentences costs nothing and one within a sentence does.
"""
import argparse
import json
import sys
import wave
from math import gcd

import numpy as np
from pesq import pesq
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

RATE = 16_000
# An utterance reaches so far into the pauses around it: PESQ wants silence before and after.
LEAD = 0.15
# Sentences are parted by at least so much silence, and a shorter utterance joins the one before it.
PAUSE = 0.25
SHORTEST = 0.8
# An utterance is looked for by its lower sounds only: they stay alike when a receiver stretches time a little.
LOCATED_BELOW_HZ = 1_000


def read(path):
    """Mono samples at 16 kHz."""
    try:
        file = wave.open(path, "rb")
    except (OSError, wave.Error, EOFError) as error:
        sys.exit(f"{path}: cannot be read as WAV: {error}")
    with file:
        if file.getsampwidth() != 2:
            sys.exit(f"{path}: expected 16-bit samples, found {8 * file.getsampwidth()}-bit")
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32768.0
        samples = samples.reshape(-1, file.getnchannels()).mean(axis=1)
    common = gcd(RATE, rate)
    return resample_poly(samples, RATE // common, rate // common) if rate != RATE else samples


def utterances(source):
    """(start, end) in samples of each stretch of speech."""
    block = RATE // 100
    power = (source[: len(source) // block * block].reshape(-1, block) ** 2).mean(axis=1)
    spoken = np.flatnonzero(power > power.max() * 1e-4)
    if len(spoken) == 0:
        return []
    parts = np.split(spoken, np.flatnonzero(np.diff(spoken) > PAUSE * 100) + 1)
    found = []
    for part in parts:
        start, end = int(part[0]) * block, (int(part[-1]) + 1) * block
        if found and found[-1][1] - found[-1][0] < SHORTEST * RATE:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    if len(found) > 1 and found[-1][1] - found[-1][0] < SHORTEST * RATE:
        last = found.pop()
        found[-1] = (found[-1][0], last[1])
    return found


def lower_sounds(samples):
    return sosfilt(butter(4, [100, LOCATED_BELOW_HZ], "bandpass", fs=RATE, output="sos"), samples)


def locate(heard, piece, low, high):
    """Start in `heard`, between low and high, of what is most like `piece`; and the correlation there."""
    low, high = max(low, 0), min(high + len(piece), len(heard))
    stretch = heard[low:high]
    if len(stretch) < len(piece):
        return None, 0.0
    products = fftconvolve(stretch, piece[::-1], "valid")
    sums = np.concatenate([[0.0], np.cumsum(stretch**2)])
    energy = sums[len(piece):] - sums[: -len(piece)]
    floor = 1e-5 * (piece**2).sum()
    likeness = products / np.sqrt(np.maximum(energy, floor) * (piece**2).sum())
    best = int(np.argmax(likeness))
    return low + best, float(likeness[best])


class Scorer:
    """Scores recordings of one source, which is read once."""

    def __init__(self, path):
        self.path, self.source = path, read(path)
        self.low_source, self.utterances = lower_sounds(self.source), utterances(self.source)
        if not self.utterances:
            sys.exit(f"{path}: no speech in it")

    def score(self, path, delay_ms):
        heard = read(path)
        low_heard = lower_sounds(heard)
        scores = [self.utterance(heard, low_heard, start, end, delay_ms) for start, end in self.utterances]
        values = [score["pesq_wb"] for score in scores]
        return {"pesq_wb_mean": round(float(np.mean(values)), 3), "pesq_wb_min": min(values), "utterances": scores}

    def utterance(self, heard, low_heard, start, end, delay_ms):
        lead = int(LEAD * RATE)
        start, end = max(start - lead, 0), min(end + lead, len(self.source))
        piece = self.source[start:end]
        low, high = 0, len(heard)
        if delay_ms is not None:
            expected = start + int(delay_ms * RATE / 1000)
            low, high = expected - RATE // 5, expected + RATE // 5
        at, likeness = locate(low_heard, self.low_source[start:end], low, high)
        score = 1.0
        # A receiver that moves its delay within an utterance leaves little likeness to the whole of it.
        least = 0.3 if delay_ms is None else 0.1
        if at is not None and likeness > least:
            score = float(pesq(RATE, piece, heard[at : at + len(piece)], "wb"))
        where = None if at is None else round((at - start) * 1000 / RATE, 2)
        return {"start_s": round(start / RATE, 3), "end_s": round(end / RATE, 3), "delay_ms": where,
                "likeness": round(likeness, 4), "pesq_wb": round(score, 3)}


def serve():
    scorer = None
    for line in sys.stdin:
        source, heard, delay_ms = line.rstrip("\n").split("\t")
        if scorer is None or scorer.path != source:
            scorer = Scorer(source)
        print(json.dumps(scorer.score(heard, float(delay_ms))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?")
    parser.add_argument("heard", nargs="?")
    parser.add_argument("--delay-ms", type=float, help="where in HEARD the start of SOURCE is, about")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a sentence")
    parser.add_argument("--serve", action="store_true", help="score what stdin names, until it ends")
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if options.heard is None:
        parser.error("expected SOURCE.wav and HEARD.wav, or --serve")
    result = Scorer(options.source).score(options.heard, options.delay_ms)
    if options.json:
        print(json.dumps(result))
    else:
        count = len(result["utterances"])
        print(f"PESQ-WB {result['pesq_wb_mean']:.2f} (least {result['pesq_wb_min']:.2f}) over {count} utterances")


if __name__ == "__main__":
    main()
