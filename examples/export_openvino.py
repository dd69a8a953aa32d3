"""Classify windows with NumPy and OpenVINO: export_openvino.py MODEL.xml [WINDOWS.npy]."""

import json
import sys

import numpy as np
import openvino

model = openvino.Core().read_model(sys.argv[1])
card = json.loads(model.get_rt_info("quake").astype(str))
n_samples = model.input("waveforms").partial_shape[2].get_length()
if len(sys.argv) > 2:
    windows = np.load(sys.argv[2]).astype(np.float32)  # (B, 3, N): Z, N, E, high-passed
else:
    windows = np.random.default_rng(0).standard_normal((2, 3, n_samples), np.float32)
# Without the hint, processors that have bfloat16 compute in it: three digits.
network = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
for row in network(windows)["probabilities"]:
    print(*(f"{name}={p:.6f}" for name, p in zip(card["classes"], row, strict=True)))
