#!/usr/bin/env python3
"""What is spoken: recorded sentences of a woman and a man, in turn, with pauses. `speech.py OUT.wav SECONDS`

The recordings are Debian's asterisk-core-sounds-en-g722 and -it-g722 (CC-BY-SA); the same are chosen each time. Beside
the WAV, 48 kHz and mono, stands a JSON list of [start, end] of each utterance in seconds.
"""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

SOUNDS = Path("/usr/share/asterisk/sounds")
TALKERS = ("en_US_f_Allison", "it_IT_m_Carlo")
RATE = 48_000
NOT_SPEECH = ("beep", "tone", "monkeys", "tt-", "screech", "silence")
# G.722 has 8,000 bytes a second: sentences of 3 to 9 s.
SIZES = range(24_000, 72_001)
LEVEL_DBFS, NOISE_DBFS = -26, -70


def sentences(talker, chance):
    files = sorted(file for file in (SOUNDS / talker).glob("*.g722")
                   if file.stat().st_size in SIZES and not any(word in str(file) for word in NOT_SPEECH))
    if not files:
        sys.exit(f"no recordings in {SOUNDS / talker}: are Debian's asterisk-core-sounds-*-g722 installed?")
    chance.shuffle(files)
    return files


def sentence(path):
    """One sentence without the silence around it, at the usual level of speech."""
    command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", path, "-f", "s16le", "-ar", "16000", "-ac", "1", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    samples = np.frombuffer(raw, "<i2") / 32768
    power = (samples[:len(samples) // 160 * 160].reshape(-1, 160)**2).mean(1)
    spoken = np.flatnonzero(power > power.max() * 1e-4)
    samples = samples[spoken[0] * 160:(spoken[-1] + 1) * 160]
    loudness = np.sqrt(power[power > power.max() * 1e-3].mean())
    return resample_poly(samples / loudness * 10**(LEVEL_DBFS / 20), 3, 1)


def main():
    out, seconds = Path(sys.argv[1]), float(sys.argv[2])
    chance = np.random.default_rng(1)
    turns = [sentences(talker, chance) for talker in TALKERS]
    speech, utterances, at = np.zeros(int(seconds * RATE)), [], 1.0
    for number in range(1000):
        said = sentence(turns[number % 2][number // 2])
        end = at + len(said) / RATE
        if end > seconds - 1:
            break
        speech[int(at * RATE):int(at * RATE) + len(said)] = said
        utterances.append([round(at, 4), round(end, 4)])
        at = end + chance.uniform(0.4, 1.2)
    speech += chance.normal(0, 10**(NOISE_DBFS / 20), len(speech))
    wavfile.write(out, RATE, (np.clip(speech, -0.99, 0.99) * 32767).astype(np.int16))
    out.with_suffix(".json").write_text(json.dumps(utterances))


if __name__ == "__main__":
    main()
