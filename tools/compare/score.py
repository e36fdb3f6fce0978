"""What one direction of a call was like: mouth-to-ear delay over time, PESQ-WB by utterance, R by ITU-T G.107.

The delay of a sample is the moment at which it was handed to the ear less the moment at which it was spoken, both by
CLOCK_MONOTONIC. It is found by correlation in windows of 0.4 s; samples are tied to moments by anchors, pairs of a
sample's number and the moment at which it was handed over.

    score.py SPEECH.wav HEARD.wav ...

scores recordings in virtual time, whose first sample was heard when the first one was spoken: those of `WAVS=FOLDER cargo
bench --bench jitter_buffers`. SPEECH.json beside the speech says where its utterances are, as speech.py writes it.
"""
import json
import math
import sys
from pathlib import Path

import numpy as np
from pesq import pesq
from scipy.io import wavfile
from scipy.signal import butter, fftconvolve, resample_poly, sosfiltfilt

RATE = 16_000
WINDOW_S, STEP_S = 0.4, 0.1
# Where the first search looks for a window, around where it would be heard without delay (ms), and how alike it must be.
SEARCH_MS, LIKE_FIRST = (-100, 2500), 0.75
# The second one looks around what the first one found nearby.
AROUND_MS, LIKE = (-350, 350), 0.6


def read(path):
    rate, samples = wavfile.read(path)
    common = math.gcd(rate, RATE)
    return resample_poly(samples.astype(float) / 32768, RATE // common, rate // common)


class Clock:
    """From a sample's number, at 16 kHz, to its moment in nanoseconds.

    What keeps a program from taking its sound in time only ever makes an anchor late, so that the earliest of each three
    seconds are the true ones.
    """

    def __init__(self, told):
        if "t0_ns" in told:
            self.at, self.off = np.array([0.0]), np.array([float(told["t0_ns"])])
            return
        anchors = np.array(told["anchors"], float)
        numbers = anchors[:, 0] * RATE / told["rate"]
        off = anchors[:, 1] - numbers / RATE * 1e9
        blocks = (numbers // (3 * RATE)).astype(int)
        full = [blocks == block for block in np.unique(blocks) if (blocks == block).sum() >= 5]
        self.at = np.array([numbers[block].mean() for block in full])
        self.off = np.array([off[0] + np.percentile(off[block] - off[0], 5) for block in full])

    def ns(self, number):
        return np.interp(number, self.at, self.off) + np.asarray(number, float) / RATE * 1e9


def voice_band(samples):
    return sosfiltfilt(butter(4, [150, 3800], "bandpass", fs=RATE, output="sos"), samples)


def likeness(stretch, piece):
    """Normalised correlation of a piece with each place of a stretch."""
    piece = piece - piece.mean()
    sums = np.concatenate([[0], np.cumsum(stretch**2)])
    energy = np.sqrt(np.maximum(sums[len(piece):] - sums[:-len(piece)], 1e-12) * (piece**2).sum())
    return fftconvolve(stretch, piece[::-1], "valid") / (energy + 1e-12)


class Listening:
    """What was spoken and what was heard, and when."""

    def __init__(self, speech, spoken, heard_path, heard):
        self.speech, self.heard = read(speech), read(heard_path)
        self.hears = Clock(heard)
        self.speaks = Clock(spoken) if "microphone" not in spoken else self.found_in_microphone(spoken)
        self.places = np.arange(0, len(self.heard) + RATE, RATE // 100)
        self.moments = self.hears.ns(self.places)

    def found_in_microphone(self, spoken):
        """A program that cannot say when it spoke sample 0 keeps its microphone: the speech is found in there."""
        clock, microphone, starts = Clock(spoken), voice_band(read(spoken["microphone"])), []
        for second in np.arange(1.0, 7.0, 0.5):
            at = int(second * RATE)
            piece = voice_band(self.speech[at:at + RATE])
            if (piece**2).mean() < 1e-6:
                continue
            like = likeness(microphone, piece)
            if like.max() > 0.9:
                starts.append(clock.ns(int(like.argmax())) - second * 1e9)
        return Clock({"t0_ns": np.median(starts)})

    def place(self, moment_ns):
        return int(np.interp(moment_ns, self.moments, self.places))

    def delays(self):
        """(second of the speech, delay in ms) of each window in which somebody speaks and that was found."""
        speech, heard = voice_band(self.speech), voice_band(self.heard)
        window = int(WINDOW_S * RATE)
        loudness = (speech[:len(speech) // window * window].reshape(-1, window)**2).mean(1)
        spoken = [at for at in range(0, len(speech) - window, int(STEP_S * RATE))
                  if (speech[at:at + window]**2).mean() >= max(loudness.max() * 3e-3, 1e-8)]

        def search(around, expected, like):
            for at in spoken:
                moment = float(self.speaks.ns(at))
                low, high = (max(self.place(moment + (expected(at) + off) * 1e6), 0) for off in around)
                stretch = heard[low:high + window]
                if len(stretch) < window + 16:
                    continue
                found = likeness(stretch, speech[at:at + window])
                best = int(found.argmax())
                if found[best] > like:
                    yield at / RATE, (float(self.hears.ns(low + best)) - moment) / 1e6

        first = np.array(list(search(SEARCH_MS, lambda at: 0, LIKE_FIRST)))
        if len(first) < 5:
            raise ValueError("what was heard is not what was spoken")

        def nearby(at):
            return np.median(first[np.argsort(abs(first[:, 0] - at / RATE))[:15], 1])

        return np.array(list(search(AROUND_MS, nearby, LIKE))), len(spoken)

    def quality(self, delays):
        """PESQ-WB of each utterance."""
        for start, end in json.loads(Path(self.path_of_utterances).read_text()):
            start, end = start - 0.2, end + 0.25
            inside = delays[(delays[:, 0] >= start) & (delays[:, 0] <= end), 1]
            delay = np.median(inside if len(inside) else delays[:, 1])
            at, length = int(start * RATE), int((end - start) * RATE)
            place = self.place(float(self.speaks.ns(at)) + delay * 1e6)
            heard = self.heard[place:place + length]
            heard = np.pad(heard, (0, length - len(heard)))
            try:
                yield float(pesq(RATE, self.speech[at:at + length], heard, "wb"))
            except Exception:
                # Nothing was heard of it.
                yield 1.0


def delay_impairment(ms):
    """Idd of G.107 (06/2015), equation 7-27 with sT = 1 and mT = 100."""
    if ms <= 100:
        return 0.0
    x = math.log2(ms / 100)
    return 25 * ((1 + x**6)**(1 / 6) - 3 * (1 + (x / 3)**6)**(1 / 6) + 2)


def rating(score, delay_ms):
    """R: the score turned into a rating by annex B of G.107, less what the delay impairs."""
    low, high = 6.5, 100.0
    for _ in range(50):
        middle = (low + high) / 2
        mos = 1 + 0.035 * middle + middle * (middle - 60) * (100 - middle) * 7e-6
        low, high = (middle, high) if mos < score else (low, middle)
    return low - delay_impairment(delay_ms)


def score(speech, spoken, heard_path, heard):
    listening = Listening(speech, spoken, heard_path, heard)
    listening.path_of_utterances = Path(speech).with_suffix(".json")
    delays, windows = listening.delays()
    qualities = list(listening.quality(delays))
    delay, quality = float(delays[:, 1].mean()), float(np.mean(qualities))
    return {
        "delay_ms": {"mean": delay, "p50": float(np.median(delays[:, 1])), "p95": float(np.percentile(delays[:, 1], 95))},
        "found": len(delays) / windows,
        "pesq_wb": quality, "pesq_wb_min": min(qualities),
        "rating": rating(quality, delay),
        "track": [[round(second, 2), round(ms, 1)] for second, ms in delays.tolist()],
    }


if __name__ == "__main__":
    began = {"t0_ns": 0}
    for heard in sys.argv[2:]:
        found = score(sys.argv[1], began, heard, began)
        print(f"{Path(heard).stem}: {found['delay_ms']['mean']:.1f} ms, PESQ-WB {found['pesq_wb']:.2f}, R {found['rating']:.1f}")
