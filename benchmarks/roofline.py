"""What B0 asks of a processor, what this one can do, and what ONNX Runtime makes of it.

    python benchmarks/roofline.py                     # the bundled graph
    python benchmarks/roofline.py --model FILE.onnx   # any other that `quake export` wrote

Operations and bytes are counted in the graph; the processor's limits are measured with products of
matrices and sums of arrays; time by kind of operator is ONNX Runtime's own profile. One thread,
as the program's engine calls it. All times are processor time, so that others on the machine
disturb less. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os

# Read when NumPy is loaded: threads are started here, not by its linear algebra.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from predict import machine_line, print_row, usable_cores

import quake

N_SAMPLES = 3000  # 60 s at 50 Hz
FLOAT_BYTES = 4
BATCHES = (1, 4, 8, 16, 32, 64)
WORKING_SETS_MB = (0.5, 8.0, 256.0)  # of an array sum: in the second cache, the third, the memory
MATRIX_SIDES = (512, 1024, 2048)  # the best of them counts
ROUNDS = 9

STAGES = ("spectrogram", "stem", *(f"stage {n}" for n in range(1, 8)), "head", "classifier")

# Kinds of operator, in the order of the table.
FRONT, STEM, POINTWISE, DEPTHWISE = "spectrogram", "convolution 3 x 3", "1 x 1", "depthwise"
ACTIVATION, EXCITATION, LAYOUT, OTHER = "SiLU", "squeeze-excitation", "change of layout", "other"
KINDS = (FRONT, STEM, POINTWISE, DEPTHWISE, ACTIVATION, EXCITATION, LAYOUT, OTHER)


@dataclass
class Work:
    """Operations (two a multiply-add) and bytes, of one window or of a batch."""

    operations: float = 0.0
    weight_bytes: float = 0.0
    activation_bytes: float = 0.0  # read and written

    def add(self, other: Work) -> None:
        """Add other work to this."""
        self.operations += other.operations
        self.weight_bytes += other.weight_bytes
        self.activation_bytes += other.activation_bytes

    def intensity(self, n_windows: int = 1) -> float:
        """Operations a byte, where `n_windows` share the weights."""
        n_bytes = self.weight_bytes / n_windows + self.activation_bytes
        return self.operations / n_bytes if n_bytes else 0.0


@dataclass
class Machine:
    """What a core, and all of them together, reach."""

    gflops: float
    gflops_all: float
    gb_s: list[float]  # by working set
    gb_s_all: list[float]

    def bandwidth(self, n_bytes: float) -> float:
        """GB/s of one core, for the smallest working set measured that holds so much."""
        for size_mb, gb_s in zip(WORKING_SETS_MB, self.gb_s, strict=True):
            if n_bytes <= 1e6 * size_mb:
                return gb_s
        return self.gb_s[-1]

    def seconds(self, node: Work) -> float:
        """The least time for one operator: its operations or its bytes, whichever take longer."""
        n_bytes = node.weight_bytes + node.activation_bytes
        return max(node.operations / (1e9 * self.gflops), n_bytes / (1e9 * self.bandwidth(n_bytes)))


def main() -> None:
    bundled = Path(quake.__file__).parent / "bundled" / "b0.onnx"
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=bundled)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--fix", action="store_true", help="tell ONNX Runtime the batch size")
    options = parser.parse_args()
    print(machine_line(), end="\n\n")
    in_all = print_stages(count_stages(options.model), options.batch)
    machine = measure_machine()
    print_machine(machine)
    seconds = {batch: measure_network(options.model, batch, options.fix) for batch in BATCHES}
    print_network(seconds, in_all, machine)
    nodes = profile(options.model, options.batch, options.fix)
    print_kinds(nodes, options.batch, machine)


# Counting, in the graph as it was exported


def count_stages(path: Path) -> dict[str, Work]:
    """Work for one window, by stage of the network."""
    graph = infer_shapes(path)
    weights = {w.name: tuple(w.dims) for w in graph.initializer}
    shapes = {**weights, **{v.name: shape_of(v) for v in all_values(graph)}}
    found = {stage: Work() for stage in STAGES}
    stage = STAGES[0]
    for node in graph.node:
        stage = stage_of(node, stage)
        found[stage].add(count_node(node, shapes, weights))
    return found


def infer_shapes(path: Path) -> Any:
    """The graph with all shapes for one window."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    # Those that were stored have a batch without a number.
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[0].dim_value = 1
    return onnx.shape_inference.infer_shapes(model, data_prop=True).graph


def all_values(graph: Any) -> Iterator[Any]:
    yield from graph.input
    yield from graph.value_info
    yield from graph.output


def shape_of(value: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


def stage_of(node: Any, before: str) -> str:
    """The stage that a node's weights belong to; without any, that of the node before."""
    for name in node.input:
        if "features." in name:
            return STAGES[1 + int(name.partition("features.")[2].split(".")[0])]
        if "classifier." in name:
            return STAGES[-1]
    return before


def count_node(
    node: Any, shapes: dict[str, tuple[int, ...]], weights: dict[str, tuple[int, ...]]
) -> Work:
    """What a node computes, reads and writes; what it computes is counted in products alone."""
    out = shapes.get(node.output[0], ())
    operations = 0
    if node.op_type == "Conv":
        operations = 2 * prod(out) * prod(weights[node.input[1]][1:])
    elif node.op_type == "Gemm":
        operations = 2 * prod(weights[node.input[1]])
    read = [name for name in node.input if name in shapes and name not in weights]
    n_activations = sum(prod(shapes[name]) for name in {*read, *node.output} if name in shapes)
    n_weights = sum(prod(weights[name]) for name in node.input if name in weights)
    return Work(operations, FLOAT_BYTES * n_weights, FLOAT_BYTES * n_activations)


# What the processor can do


def measure_machine() -> Machine:
    n_cores = usable_cores()
    return Machine(
        gflops=max(measure(lambda s=side: product_rate(s), 1) for side in MATRIX_SIDES),
        gflops_all=max(measure(lambda s=side: product_rate(s), n_cores) for side in MATRIX_SIDES),
        gb_s=[measure(lambda s=size: sum_rate(s), 1) for size in WORKING_SETS_MB],
        gb_s_all=[measure(lambda s=size: sum_rate(s), n_cores) for size in WORKING_SETS_MB],
    )


def measure(rate: Callable[[], float], n_threads: int) -> float:
    """The best sum over threads that work at once: a limit is what can be reached at all."""
    return max(sum(at_once(rate, n_threads)) for _ in range(ROUNDS))


def at_once(work: Callable[[], float], n_threads: int) -> list[float]:
    """Results of the same work in threads that start together."""
    results: list[float] = []
    start = threading.Barrier(n_threads)

    def run() -> None:
        start.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def product_rate(side: int) -> float:
    """GFLOP/s of products of square matrices."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, side, side)).astype(np.float32)
    out = np.empty_like(a)
    repeats = max(2, (MATRIX_SIDES[-1] // side) ** 2)
    return 2 * side**3 / processor_seconds(lambda: np.matmul(a, b, out=out), repeats) / 1e9


def sum_rate(size_mb: float) -> float:
    """GB/s of a sum of two arrays into a third; `size_mb` is all three."""
    n = int(size_mb * 1e6 / (3 * FLOAT_BYTES))
    a, b, out = (np.ones(n, np.float32) for _ in range(3))
    repeats = max(2, int(100 / size_mb))
    seconds = processor_seconds(lambda: np.add(a, b, out=out), repeats)
    return 3 * FLOAT_BYTES * n / seconds / 1e9


def processor_seconds(work: Callable[[], object], repeats: int) -> float:
    """Processor time of this thread for one call, after one that warms the caches."""
    work()
    begin = time.thread_time()
    for _ in range(repeats):
        work()
    return (time.thread_time() - begin) / repeats


# What ONNX Runtime does


def open_session(model: Path, batch: int | None = None, profile_to: Path | None = None) -> Any:
    """A session of one thread; `batch` fixes the size of batches, with which more can be fused."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    if batch is not None:
        options.add_free_dimension_override_by_name("batch", batch)
    if profile_to is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile_to)
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def draw_windows(batch: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(batch, 3, N_SAMPLES)).astype(np.float32)


def measure_network(model: Path, batch: int, fix: bool) -> tuple[float, float]:
    """Processor seconds a window: of one thread alone, and of as many as there are cores."""
    session = open_session(model, batch if fix else None)
    windows = {session.get_inputs()[0].name: draw_windows(batch)}
    repeats = max(2, 64 // batch)

    def run() -> float:
        return processor_seconds(lambda: session.run(None, windows), repeats) / batch

    alone = statistics.median(at_once(run, 1)[0] for _ in range(ROUNDS))
    together = statistics.median(
        second for _ in range(ROUNDS) for second in at_once(run, usable_cores())
    )
    return alone, together


def profile(model: Path, batch: int, fix: bool) -> list[tuple[str, float, Work]]:
    """Kind, median seconds and work of a batch, operator by operator as they are run."""
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(model, batch if fix else None, Path(folder) / "profile")
        windows = {session.get_inputs()[0].name: draw_windows(batch)}
        for _ in range(5 * ROUNDS):
            session.run(None, windows)
        events = json.loads(Path(session.end_profiling()).read_text())
    runs: dict[str, list[float]] = defaultdict(list)
    nodes = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            runs[event["name"]].append(1e-6 * event["dur"])
            nodes[event["name"]] = event["args"]
    kinds = kinds_of(nodes.values())
    return [
        (kind, statistics.median(runs[name]), work_of(args))
        for kind, (name, args) in zip(kinds, nodes.items(), strict=True)
    ]


def kinds_of(nodes: Sequence[dict[str, Any]]) -> list[str]:
    """Kind of each operator of a profile, in the order of running."""
    kinds: list[str] = []
    before, is_front, is_head = "", True, False
    for args in nodes:
        inputs, name = shapes_in(args["input_type_shape"]), args["op_name"]
        is_front = is_front and not (name == "Conv" and len(inputs[1]) == 4)
        is_head = is_head or name == "Gemm"
        # What excitation scales by may have been spread over the image first.
        is_scale = name == "Mul" and before in ("Upsample", "Resize")
        kind = EXCITATION if is_scale else kind_of(name, inputs)
        kinds.append(FRONT if is_front else OTHER if is_head else kind)
        before = name
    return kinds


def kind_of(name: str, inputs: list[tuple[int, ...]]) -> str:
    """Kind of an operator within the network."""
    image = inputs[0] if inputs else ()
    if name.startswith("Reorder"):
        return LAYOUT
    is_scale = name == "Mul" and inputs[0] != inputs[1]
    if name in ("ReduceMean", "GlobalAveragePool") or is_scale or image[2:] == (1, 1):
        return EXCITATION
    if name in ("Conv", "FusedConv"):
        kernel = inputs[1]
        if kernel[2:] == (1, 1):
            return POINTWISE
        return DEPTHWISE if kernel[1] == 1 else STEM
    return ACTIVATION if name in ("QuickGelu", "Sigmoid", "Mul") else OTHER


def work_of(args: dict[str, Any]) -> Work:
    """Operations and bytes that the profile tells of an operator."""
    operations = 0
    if args["op_name"] in ("Conv", "FusedConv", "Gemm"):
        inputs = shapes_in(args["input_type_shape"])
        (out,) = shapes_in(args["output_type_shape"])
        # A classifier's matrix is (K, D), a convolution's (O, I, height, width).
        operations = 2 * prod(out) * prod(inputs[1][1:])
    moved = int(args["activation_size"]) + int(args["output_size"])
    return Work(operations, int(args["parameter_size"]), moved)


def shapes_in(types: list[dict[str, list[int]]]) -> list[tuple[int, ...]]:
    return [tuple(shape) for kind in types for shape in kind.values()]


# Printing


def print_stages(stages: dict[str, Work], batch: int) -> Work:
    """Print work by stage; return the sum."""
    in_all = Work()
    for work in stages.values():
        in_all.add(work)
    print("## What a window takes\n")
    columns = ("million operations", "weights, MB", "activations, MB")
    print_row("", *columns, f"operations a byte, batches of {batch}")
    print_row("---", *["--:"] * 4)
    for name, work in [*stages.items(), ("in all", in_all)]:
        amounts = (work.operations, work.weight_bytes, work.activation_bytes)
        print_row(name, *(f"{x / 1e6:.2f}" for x in amounts), f"{work.intensity(batch):.1f}")
    print()
    return in_all


def print_machine(machine: Machine) -> None:
    n_cores = usable_cores()
    print("## What the processor can do\n")
    print_row("", "one core", f"{n_cores} at once")
    print_row("---", "--:", "--:")
    print_row("product of matrices, GFLOP/s", f"{machine.gflops:.0f}", f"{machine.gflops_all:.0f}")
    for size_mb, *found in zip(WORKING_SETS_MB, machine.gb_s, machine.gb_s_all, strict=True):
        print_row(f"sum of arrays, {size_mb:g} MB in all, GB/s", *(f"{x:.0f}" for x in found))
    print()


def print_network(seconds: dict[int, tuple[float, float]], in_all: Work, machine: Machine) -> None:
    print("## What ONNX Runtime reaches\n")
    columns = ("ms a window, one thread", "GFLOP/s", "of the product of matrices")
    print_row("batch", *columns, f"ms a window of each of {usable_cores()} threads at once")
    print_row("--:", "--:", "--:", "--:", "--:")
    for batch, (alone, together) in seconds.items():
        gflops = in_all.operations / alone / 1e9
        share = gflops / machine.gflops
        print_row(
            batch, f"{1000 * alone:.2f}", f"{gflops:.0f}", f"{share:.0%}", f"{1000 * together:.2f}"
        )
    print()


def print_kinds(nodes: list[tuple[str, float, Work]], batch: int, machine: Machine) -> None:
    print(f"## Where the time goes, batches of {batch}\n")
    columns = ("operators", "µs a window", "share", "GFLOP/s", "operations a byte")
    print_row("", *columns, "least µs a window", "share of the roofline")
    print_row("---", *["--:"] * 7)
    for kind in (*KINDS, "in all"):
        chosen = [node for node in nodes if kind in (node[0], "in all")]
        if chosen:
            print_row(kind, *kind_cells(chosen, batch, machine, sum(node[1] for node in nodes)))
    print()


def kind_cells(
    nodes: list[tuple[str, float, Work]], batch: int, machine: Machine, in_all_s: float
) -> list[str]:
    spent_s, work = sum(seconds for _, seconds, _ in nodes), Work()
    for _, _, node in nodes:
        work.add(node)
    least_s = sum(machine.seconds(node) for _, _, node in nodes)
    return [
        str(len(nodes)),
        f"{1e6 * spent_s / batch:.0f}",
        f"{spent_s / in_all_s:.0%}",
        f"{work.operations / spent_s / 1e9:.0f}" if work.operations else "",
        f"{work.intensity():.1f}" if work.operations else "",
        f"{1e6 * least_s / batch:.0f}",
        f"{least_s / spent_s:.0%}",
    ]


if __name__ == "__main__":
    main()
