"""Classify windows with NumPy and torch: export_torchscript.py MODEL.torchscript [WINDOWS.npy]."""

import json
import sys

import numpy as np
import torch

texts = {"quake": ""}
module = torch.jit.load(sys.argv[1], map_location="cpu", _extra_files=texts)
card = json.loads(texts["quake"])
p = card["preprocessing"]
if len(sys.argv) > 2:
    windows = np.load(sys.argv[2]).astype(np.float32)  # (B, 3, N): Z, N, E, high-passed
else:
    shape = (2, 3, round(p["window_s"] * p["sampling_rate_hz"]))
    windows = np.random.default_rng(0).standard_normal(shape, np.float32)
with torch.inference_mode():
    for row in module(torch.from_numpy(windows)).tolist():
        print(*(f"{name}={p:.6f}" for name, p in zip(card["classes"], row, strict=True)))
