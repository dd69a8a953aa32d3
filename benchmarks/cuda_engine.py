"""What a CUDA device does with the networks: windows a second, and how far that is from its peak.

    python benchmarks/cuda_engine.py [--backbones b0 v2_s] [--peak-tflops 989 --peak-gbps 3350]

Every way to run a network takes its turn in each round, so that a device that grows warm slows
all alike; rates are medians of the rounds. The weights are random, which costs the same time.

The ways: torchvision's network in float32, as it comes (the measure of the others: spectrograms
are on the device already); the torch engine's computing on windows that are on the device, plain,
as a CUDA graph, and compiled; the torch engine on windows in the host's memory, from as many
threads as it likes; and `predict_array` on a day of 100 Hz, cutting and resampling included.

The roofline is the time that the floating point operations of the engine's network, or the bytes
of its weights and of what its layers read and write, would take at the peak figures, whichever is
longer. Layers are counted one by one: what joins them may come out above it. The spectrogram is
not counted.

(This file is not called cuda.py: torch would import it in place of NVIDIA's package `cuda`.)
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.inference import Classifier
from quake.inference.torch_engine import TorchEngine
from quake.model_file.card import Calibration, ModelCard
from quake.model_file.safetensors_file import save_model
from quake.models import build_model, network_config

WINDOWS_A_DAY = 2880  # of 60 s, one each 30 s
CLASSES = LabelSet(("earthquake", "surface_event", "noise"))
RATE_HZ = 100.0
BATCHES = 4  # computed in a row between two looks at the clock

Step = Callable[[], int]
"""Does some work, until it is done, and says how many windows that were."""


@dataclass(frozen=True)
class Work:
    """What one batch of a network takes at least."""

    flops: float
    n_bytes: float

    def roofline(self, n_windows: int, options: argparse.Namespace) -> float:
        """Windows a second at the peak figures."""
        compute_s = self.flops / (options.peak_tflops * 1e12)
        memory_s = self.n_bytes / (options.peak_gbps * 1e9)
        return float(n_windows / max(compute_s, memory_s))


def main() -> None:
    options = parse_options()
    if not torch.cuda.is_available():
        print("no CUDA device is here; nothing was measured")
        return
    device = torch.device("cuda")
    properties = torch.cuda.get_device_properties(device)
    print(
        f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, torch {torch.__version__}, "
        f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, "
        f"TF32 in float32 convolutions {'on' if torch.backends.cudnn.allow_tf32 else 'off'}"
    )
    print(
        f"peak figures taken: {options.peak_tflops:g} TFLOP/s, {options.peak_gbps:g} GB/s (the "
        "defaults are those of an H100 SXM, dense half precision); seed 0"
    )
    print(f"medians of {options.rounds} rounds of {options.seconds:g} s each\n")
    print(
        "| network | way | batch | windows/s | x torchvision | of the roofline | station-days/s |"
    )
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for backbone in options.backbones:
        for line in lines(backbone, device, options):
            print(line, flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbones", nargs="+", default=["b0", "v2_s"])
    parser.add_argument("--batch-size", type=int, help="as the engine finds by default")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each way in a round")
    parser.add_argument("--peak-tflops", type=float, default=989.0)
    parser.add_argument("--peak-gbps", type=float, default=3350.0)
    return parser.parse_args()


def lines(backbone: str, device: torch.device, options: argparse.Namespace) -> list[str]:
    """Lines of the table of one network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.safetensors"
        write_model(path, backbone)
        classifier = Classifier(path, device.type, "torch")
    engine = classifier.engine
    assert isinstance(engine, TorchEngine)
    engine.batch_size = options.batch_size or engine.batch_size
    windows = draw_windows(engine.batch_size, engine.card.preprocessing)
    steps, failed = ways(backbone, classifier, engine, windows)
    rates = measured(steps, options)
    roofline = work_of_batch(engine, windows).roofline(len(windows), options)
    reference = rates["torchvision"]
    table = [
        f"| {backbone} | {way} | {engine.batch_size} | {rate:.0f} | {rate / reference:.2f}"
        f" | {rate / roofline:.1%} | {rate / WINDOWS_A_DAY:.2f} |"
        for way, rate in rates.items()
    ]
    table += [f"| {backbone} | {way} | | {why} | | | |" for way, why in failed.items()]
    if engine.batch_size != len(windows):
        table.append(f"| {backbone} | all of them | | memory ran out: not comparable | | | |")
    return table


def write_model(path: Path, backbone: str) -> None:
    """A model file with random weights."""
    torch.manual_seed(0)
    network = build_model(network_config(backbone, num_classes=len(CLASSES.names)))
    card = ModelCard(
        network=network.config.to_dict(),
        labels=CLASSES,
        preprocessing=Preprocessing(),
        calibration=Calibration(1.0, (0.0,) * len(CLASSES.names)),
    )
    save_model(path, card, network.state_dict())


def draw_windows(n: int, preprocessing: Preprocessing) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 3, preprocessing.n_samples)).astype(np.float32)


def ways(
    backbone: str, classifier: Classifier, engine: TorchEngine, windows: NDArray[np.float32]
) -> tuple[dict[str, Step], dict[str, str]]:
    """All ways that run here, warm; and why the others do not."""
    found: dict[str, Step] = {}
    failed: dict[str, str] = {}
    on_device = torch.from_numpy(windows).to(engine.device)
    makers: dict[str, Callable[[], Step]] = {
        "torchvision": lambda: torchvision_step(backbone, engine, on_device),
        "engine, windows on the device": lambda: device_step(engine.forward, on_device),
        "the same, CUDA graph": lambda: graph_step(engine, on_device),
        "the same, torch.compile": lambda: device_step(torch.compile(engine.forward), on_device),
        "engine, windows on the host": lambda: host_step(engine, windows),
        "predict_array, a day of 100 Hz": lambda: day_step(classifier),
    }
    for way, make in makers.items():
        try:
            step = make()
            step()
        except Exception as error:  # a compiler that is not there must not end the others
            if way == "torchvision":
                raise
            failed[way] = f"not measured: {type(error).__name__}"
            continue
        found[way] = step
    return found, failed


def torchvision_step(backbone: str, engine: TorchEngine, on_device: Tensor) -> Step:
    """Float32, channels first, nothing folded, on spectrograms of the size the engine makes."""
    make = getattr(torchvision.models, f"efficientnet_{backbone}")
    network = make(weights=None, num_classes=len(CLASSES.names)).eval().to(engine.device)
    with torch.inference_mode():
        spectrograms = engine._transform(on_device).contiguous()
    return device_step(network, spectrograms)


def device_step(compute: Callable[[Tensor], Tensor], batch: Tensor) -> Step:
    """Some batches in a row; the device is waited for at the end only."""

    def step() -> int:
        with torch.inference_mode():
            for _ in range(BATCHES):
                compute(batch)
        wait_for(batch.device)
        return BATCHES * len(batch)

    return step


def graph_step(engine: TorchEngine, batch: Tensor) -> Step:
    """All kernels of a batch, recorded once and launched as one."""
    side = torch.cuda.Stream(batch.device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(batch.device))
    with torch.cuda.stream(side), torch.inference_mode():
        for _ in range(3):  # plans and workspaces must be there before the recording
            engine.forward(batch)
    torch.cuda.current_stream(batch.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode():
        expected = engine.forward(batch)
        with torch.cuda.graph(graph):
            answer = engine.forward(batch)
    graph.replay()
    wait_for(batch.device)
    torch.testing.assert_close(answer, expected, rtol=0, atol=5e-3)

    def replay(_: Tensor) -> Tensor:
        graph.replay()
        return answer

    return device_step(replay, batch)


def host_step(engine: TorchEngine, windows: NDArray[np.float32]) -> Step:
    """A few batches for each thread, as `predict` hands them out."""
    batches = [windows] * (BATCHES * engine.n_parallel)
    pool = ThreadPoolExecutor(engine.n_parallel)

    def step() -> int:
        return sum(len(found) for found in pool.map(engine.probabilities, batches))

    return step


def day_step(classifier: Classifier) -> Step:
    """Cutting, resampling and filtering on the CPU, and the network, at once."""
    rng = np.random.default_rng(0)
    # Half a window longer than a day: 2880 windows begin in it.
    n = round((WINDOWS_A_DAY + 1) * 30 * RATE_HZ)
    day = np.cumsum(rng.normal(0, 50, (3, n)), axis=1)

    def step() -> int:
        return sum(1 for _ in classifier.predict_array(day, RATE_HZ))

    return step


def measured(steps: dict[str, Step], options: argparse.Namespace) -> dict[str, float]:
    """Windows a second of each way, median of the rounds."""
    rates: dict[str, list[float]] = {way: [] for way in steps}
    for _ in range(options.rounds):
        for way, step in steps.items():
            gc.collect()
            rates[way].append(rate(step, options.seconds))
    return {way: statistics.median(found) for way, found in rates.items()}


def rate(step: Step, seconds: float) -> float:
    """Windows a second of a step that is repeated for a while."""
    start, n_windows = time.perf_counter(), 0
    while True:
        n_windows += step()
        taken = time.perf_counter() - start
        if taken >= seconds:
            return n_windows / taken


def work_of_batch(engine: TorchEngine, windows: NDArray[np.float32]) -> Work:
    """Of the engine's network, without the spectrogram."""
    network = engine._network
    n_bytes = sum(tensor.nbytes for tensor in network.parameters())

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal n_bytes
        if not isinstance(module, nn.Identity | nn.Dropout):
            n_bytes += sum(tensor.nbytes for tensor in inputs) + output.nbytes

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(count) for module in leaves]
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        engine.forward(torch.from_numpy(windows).to(engine.device))
    for hook in hooks:
        hook.remove()
    return Work(counter.get_total_flops(), n_bytes)


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
