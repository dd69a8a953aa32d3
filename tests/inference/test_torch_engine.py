"""The torch engine: batches, memory that runs out, precision and threads; CUDA where it is."""

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from quake.data.transforms import build_transform
from quake.errors import DeviceError, ModelError, ParameterError
from quake.inference.torch_engine import HALF_TOLERANCE, TorchEngine, _batch_that_fits, _Lane
from quake.model_file.registry import find_model
from quake.model_file.safetensors_file import load_model

N = 3000

# Rounding of float32: convolutions may add up in another order for another batch size.
ROUNDING = 1e-6

cuda = pytest.mark.cuda


def draw_windows(n, seed=0):
    """Noise of all amplitudes with a burst of its own strength, length and place in each."""
    rng = np.random.default_rng(seed)
    windows = rng.standard_normal((n, 3, N))
    for window in windows:
        first, length = rng.integers(0, N // 2), rng.integers(20, N // 2)
        decay = np.exp(-np.linspace(0, 5, length))
        window[:, first : first + length] *= 1 + 10 ** rng.uniform(-1, 3) * decay
    return (windows * 10 ** rng.uniform(-9, 6, (n, 1, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return find_model(backbone="b0")


@pytest.fixture
def engine(model):
    return TorchEngine(model, "cpu")


@pytest.fixture
def parallel_engine(engine):
    """Two calls at once on the CPU, as on CUDA."""
    engine._lanes.put(_Lane(engine.device))
    return engine


@pytest.fixture(scope="module")
def windows():
    return draw_windows(12)


@pytest.fixture(scope="module")
def expected(model, windows):
    """What the network says, layer by layer as it was trained, in float32 on the CPU."""
    card, network = load_model(model)
    with torch.inference_mode():
        logits = network(build_transform(card.preprocessing)(windows)).double()
    return torch.softmax(logits / card.calibration.temperature, dim=1).numpy()


def memory_for(engine, monkeypatch, n_windows):
    """Let batches of more than `n_windows` run out of memory; the sizes tried are returned."""
    forward, tried = engine.forward, []

    def limited(windows):
        tried.append(len(windows))
        if len(windows) > n_windows:
            raise torch.OutOfMemoryError("simulated")
        return forward(windows)

    monkeypatch.setattr(engine, "forward", limited)
    return tried


def test_it_says_what_the_network_says(engine, windows, expected):
    found = engine.probabilities(windows)
    assert found.dtype == np.float64
    assert np.ptp(expected, axis=0).max() > 0.5  # or any answer would agree
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-12)


def test_what_it_offers_on_the_cpu(engine):
    assert (engine.name, engine.batch_size, engine.n_parallel) == ("torch", 32, 1)
    assert engine.device == torch.device("cpu")
    assert engine.card.labels.names


@pytest.mark.parametrize("batch_size", [1, 5, 12])
def test_chunks_change_nothing(engine, windows, batch_size):
    whole = engine.probabilities(windows)
    engine.batch_size = batch_size
    chunked = engine.probabilities(windows)
    np.testing.assert_allclose(chunked, whole, rtol=0, atol=ROUNDING)


def test_chunks_are_no_larger_than_the_batch_size(engine, windows, monkeypatch):
    tried = memory_for(engine, monkeypatch, 32)
    engine.batch_size = 5
    engine.probabilities(windows)
    assert tried == [5, 5, 2]


def test_a_call_leaves_nothing_behind_for_the_next(engine, windows):
    alone = TorchEngine.probabilities(engine, windows[:2])
    engine.probabilities(windows)
    assert engine.probabilities(windows[:2]).tobytes() == alone.tobytes()


def test_windows_may_be_read_only_strided_or_none(engine, windows):
    expected = engine.probabilities(windows[::2].copy())
    strided = windows[::2]
    strided.flags.writeable = False
    assert engine.probabilities(strided).tobytes() == expected.tobytes()
    assert engine.probabilities(windows[:0]).shape == (0, expected.shape[1])


def test_without_memory_batches_are_halved_and_nothing_is_lost(
    engine, windows, monkeypatch, caplog
):
    whole = engine.probabilities(windows)
    engine.batch_size = 8
    tried = memory_for(engine, monkeypatch, 2)
    with caplog.at_level(logging.WARNING, "quake.inference.torch_engine"):
        found = engine.probabilities(windows)
    assert tried == [8, 4, 2, 2, 2, 2, 2, 2]
    assert engine.batch_size == 2
    np.testing.assert_allclose(found, whole, rtol=0, atol=ROUNDING)
    messages = [record.getMessage() for record in caplog.records]
    assert [message.split()[-1] for message in messages] == ["4", "2"]
    engine.probabilities(windows)  # once found, a size is kept
    assert tried[8:] == [2] * 6


def test_memory_that_runs_out_in_a_later_chunk_halves_that_chunk(engine, windows, monkeypatch):
    whole = engine.probabilities(windows)
    forward, tried = engine.forward, []

    def fails_second(batch):
        tried.append(len(batch))
        if len(tried) == 2:
            raise torch.OutOfMemoryError("simulated")
        return forward(batch)

    monkeypatch.setattr(engine, "forward", fails_second)
    engine.batch_size = 4
    np.testing.assert_allclose(engine.probabilities(windows), whole, rtol=0, atol=ROUNDING)
    assert tried == [4, 4, 2, 2, 2, 2]


def test_one_window_that_does_not_fit_is_an_error(engine, windows, monkeypatch):
    tried = memory_for(engine, monkeypatch, 0)
    with pytest.raises(DeviceError, match=r"single window .* memory of cpu; .*--device cpu"):
        engine.probabilities(windows)
    assert tried == [12, 6, 3, 1]
    monkeypatch.undo()
    assert len(engine.probabilities(windows[:1])) == 1  # and the engine still works


def test_half_precision_agrees_with_float32(model, windows, expected):
    found = TorchEngine(model, "cpu", precision="half").probabilities(windows)
    difference = np.abs(found - expected).max()
    assert 0 < difference < HALF_TOLERANCE


def test_half_precision_that_overflows_is_an_error(model, windows, monkeypatch):
    engine = TorchEngine(model, "cpu", precision="half")
    monkeypatch.setattr(engine, "forward", lambda batch: torch.full((len(batch), 3), torch.nan))
    with pytest.raises(ModelError, match='precision="float32"'):
        engine.probabilities(windows[:2])
    # Windows that hold no numbers are not the network's fault.
    assert np.isnan(engine.probabilities(windows[:2] * np.float32(np.nan))).all()


def test_an_unknown_precision_is_an_error(model):
    with pytest.raises(ParameterError, match="auto, float32, half, got 'double'"):
        TorchEngine(model, "cpu", precision="double")


def test_threads_get_what_one_gets(parallel_engine):
    batches = [draw_windows(4, seed) for seed in range(6)] * 3
    one_by_one = [parallel_engine.probabilities(batch).tobytes() for batch in batches]
    with ThreadPoolExecutor(2) as pool:
        at_once = [found.tobytes() for found in pool.map(parallel_engine.probabilities, batches)]
    assert at_once == one_by_one


def test_threads_without_memory_halve_once(parallel_engine, windows, monkeypatch):
    whole = parallel_engine.probabilities(windows)
    parallel_engine.batch_size = 8
    memory_for(parallel_engine, monkeypatch, 4)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(parallel_engine.probabilities, [windows] * 2):
            np.testing.assert_allclose(found, whole, rtol=0, atol=ROUNDING)
    assert parallel_engine.batch_size == 4


def test_a_thread_that_comes_late_does_not_halve_again(engine):
    engine.batch_size = 4
    engine._shrink(8)
    assert engine.batch_size == 4
    engine._shrink(4)
    assert engine.batch_size == 2


@pytest.mark.parametrize(
    ("free", "window", "n_parallel", "expected"),
    [
        (80e9, 4e6, 2, 1024),  # the largest there is
        (80e9, 0, 2, 1024),
        (2e9, 4e6, 2, 64),  # half of it for two batches: 125 windows
        (2.048e9, 4e6, 1, 256),
        (1e6, 4e6, 2, 1),  # perhaps the estimate was too cautious
    ],
)
def test_the_batch_that_fits_the_memory(free, window, n_parallel, expected):
    assert _batch_that_fits(free, window, n_parallel) == expected


def test_the_batch_size_comes_from_what_a_small_batch_takes(engine, monkeypatch):
    """What the driver would say is made up; the sum is the one that is done on a device."""
    taken, windows_bytes = 5_000_000, 16 * 3 * N * 4
    said = {
        "memory_allocated": taken + windows_bytes,
        "max_memory_allocated": taken + 16 * 2_000_000,
        "mem_get_info": (600_000_000, 10**9),
    }
    for name in ("reset_peak_memory_stats", "synchronize", "empty_cache"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: None)
    for name, value in said.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    assert engine._fitting_batch_size() == 64  # 300 MB for two batches, 2 MB a window: 75


# From here on, on a CUDA device.


@pytest.fixture(scope="module")
def cuda_engine(model):
    return TorchEngine(model, "cuda")


@cuda
def test_what_it_offers_on_cuda(cuda_engine):
    assert cuda_engine.device.type == "cuda"
    assert cuda_engine.n_parallel == 2
    assert cuda_engine.batch_size in {2**power for power in range(11)}


@cuda
@pytest.mark.parametrize("precision", ["half", "float32"])
def test_cuda_agrees_with_the_cpu(model, windows, expected, precision):
    found = TorchEngine(model, "cuda", precision=precision).probabilities(windows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=HALF_TOLERANCE)


@cuda
def test_threads_on_cuda_get_what_one_gets(cuda_engine):
    batches = [draw_windows(n, seed) for seed, n in enumerate([16, 5, 64, 1, 33, 64, 7, 16])]
    one_by_one = [cuda_engine.probabilities(batch) for batch in batches]
    for _ in range(5):
        with ThreadPoolExecutor(cuda_engine.n_parallel) as pool:
            at_once = list(pool.map(cuda_engine.probabilities, batches))
        for found, alone in zip(at_once, one_by_one, strict=True):
            np.testing.assert_allclose(found, alone, rtol=0, atol=HALF_TOLERANCE)


@cuda
def test_a_batch_of_the_size_that_was_found_fits(cuda_engine):
    size = cuda_engine.batch_size
    windows = draw_windows(16).repeat(-(-size // 16), axis=0)[:size]
    with ThreadPoolExecutor(cuda_engine.n_parallel) as pool:
        list(pool.map(cuda_engine.probabilities, [windows] * 4))
    assert cuda_engine.batch_size == size


@cuda
def test_memory_that_runs_out_on_cuda_halves_the_batch(model, windows, expected, caplog):
    """A limit on this process' memory, so that no machine is brought to its own."""
    engine = TorchEngine(model, "cuda")
    many = windows.repeat(1024 // len(windows) + 1, axis=0)[:1024]
    engine.batch_size = 1024
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(engine.device).total_memory
    there = torch.cuda.memory_reserved(engine.device)
    torch.cuda.set_per_process_memory_fraction((there + 128 * 2**20) / total, engine.device)
    try:
        found = engine.probabilities(many)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, engine.device)
    assert engine.batch_size < 1024
    assert "not enough memory" in caplog.text
    order = np.arange(len(windows)).repeat(1024 // len(windows) + 1)[:1024]
    np.testing.assert_allclose(found, expected[order], rtol=0, atol=HALF_TOLERANCE)
