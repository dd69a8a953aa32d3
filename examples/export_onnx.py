"""Classify windows with NumPy and ONNX Runtime: export_onnx.py MODEL.onnx [WINDOWS.npy]."""

import json
import os
import sys

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read at the import: it would report to its makers
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
card = json.loads(session.get_modelmeta().custom_metadata_map["quake"])
if len(sys.argv) > 2:
    windows = np.load(sys.argv[2]).astype(np.float32)  # (B, 3, N): Z, N, E, high-passed
else:
    rng, n_samples = np.random.default_rng(0), session.get_inputs()[0].shape[2]
    windows = rng.standard_normal((2, 3, n_samples), np.float32)
for row in session.run(["probabilities"], {"waveforms": windows})[0]:
    print(*(f"{name}={p:.6f}" for name, p in zip(card["classes"], row, strict=True)))
