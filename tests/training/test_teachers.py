"""Teachers: their answers are those of their models, and what cannot teach is refused."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from strategies import noise, sine

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.data.transforms import build_transform
from quake.datasets.decoding import decode
from quake.datasets.opening import open_collection
from quake.errors import ModelError, ParameterError
from quake.inference.torch_engine import TorchEngine
from quake.model_file.card import Calibration, ModelCard
from quake.model_file.identity import versions
from quake.model_file.safetensors_file import load_model, save_model
from quake.models import build_model
from quake.training import teachers
from quake.training.teachers import open_teachers

SHARED = Path(__file__).resolve().parents[3] / "shared"
CLASSES = ("earthquake", "surface_event", "noise")
P = Preprocessing(window_s=20.0)


def save_tiny(path, seed=0, temperature=1.7, classes=CLASSES, preprocessing=P):
    """A model file with random weights, whose answers differ from window to window."""
    torch.manual_seed(seed)
    config = {
        "architecture": "hybrid_vit",
        "backbone": "hybrid-vit-tiny",
        "depth": 1,
        "in_channels": 3,
        "num_classes": len(classes),
        "dropout": 0.2,
    }
    model = build_model(config)
    windows = torch.from_numpy(np.stack([noise(preprocessing.n_samples, k) for k in range(8)]))
    head = model.classifier[1]
    torch.nn.init.normal_(head.weight)
    with torch.no_grad():
        logits = model.eval()(build_transform(preprocessing)(windows))
        head.weight /= logits.std(0)[:, None]
        head.bias.copy_(-logits.mean(0) / logits.std(0))
    calibration = Calibration(temperature, (0.5,) * len(classes))
    card = ModelCard(config, LabelSet(classes), preprocessing, calibration, versions=versions())
    save_model(path, card, model.state_dict())
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("teachers") / "one.safetensors")


@pytest.fixture(scope="module")
def windows():
    """Five windows, one of them with a gap, one without horizontals."""
    rows = np.stack([noise(P.n_samples, seed) for seed in range(5)]).astype(np.float32)
    rows[1, :, 300:500] = 0
    rows[2, 1:] = 0
    return torch.from_numpy(rows)


NOBODY = torch.zeros(5, 3)


# --- models of quake ----------------------------------------------------------------------


def test_a_model_teaches_its_own_probabilities(model, windows):
    found = open_teachers([str(model)], CLASSES, P)(windows, NOBODY)
    assert not found.requires_grad
    np.testing.assert_allclose(
        found.numpy(), TorchEngine(model, "cpu").probabilities(windows.numpy()), atol=1e-5
    )
    card, network = load_model(model)
    logits = network.eval()(build_transform(card.preprocessing)(windows))
    torch.testing.assert_close(found, torch.softmax(logits.detach() / 1.7, 1))
    assert (found.max(0).values - found.min(0).values).max() > 0.01


def test_classes_are_in_the_order_of_the_student(model, windows):
    plain = open_teachers([str(model)], CLASSES, P)(windows, NOBODY)
    turned = open_teachers([str(model)], CLASSES[::-1], P)(windows, NOBODY)
    torch.testing.assert_close(turned, plain.flip(1))


def test_of_some_classes_only_these_share_the_probability(model, windows):
    plain = open_teachers([str(model)], CLASSES, P)(windows, NOBODY)
    some = open_teachers([str(model)], ("noise", "earthquake"), P)(windows, NOBODY[:, :2])
    expected = plain[:, [2, 0]] / plain[:, [2, 0]].sum(1, keepdim=True)
    torch.testing.assert_close(some, expected)


def test_several_teachers_answer_with_their_mean(model, windows, tmp_path):
    other = save_tiny(tmp_path / "two.safetensors", seed=1, temperature=1.0)
    alone = [open_teachers([str(path)], CLASSES, P)(windows, NOBODY) for path in (model, other)]
    both = open_teachers([str(model), str(other)], CLASSES, P)(windows, NOBODY)
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


@pytest.mark.parametrize(
    "student", [Preprocessing(window_s=30.0), Preprocessing(window_s=10.0, sampling_rate_hz=100.0)]
)
def test_a_teacher_of_other_windows_is_refused(model, student):
    with pytest.raises(ModelError, match=r"one\.safetensors: takes windows of 20 s at 50 Hz"):
        open_teachers([str(model)], CLASSES, student)


def test_a_teacher_of_another_spectrogram_of_the_same_windows_will_do(model, windows):
    student = Preprocessing(window_s=20.0, hop_samples=16, band_hz=(1.0, 15.0))
    found = open_teachers([str(model)], CLASSES, student)(windows, NOBODY)
    torch.testing.assert_close(found, open_teachers([str(model)], CLASSES, P)(windows, NOBODY))


def test_a_teacher_that_lacks_a_class_is_refused_by_name(model):
    with pytest.raises(ModelError, match="does not know explosion, only earthquake, surface_event"):
        open_teachers([str(model)], ("earthquake", "explosion", "noise"), P)


def test_a_teacher_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ModelError, match="none"):
        open_teachers([str(tmp_path / "none.safetensors")], CLASSES, P)


# --- pickers of SeisBench -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["seisbench:", "seisbench:PhaseNet", "seisbench:PhaseNet/", "seisbench:GPD/stead",
     "seisbench:phasenet/stead", "seisbench:/stead"],
)  # fmt: skip
def test_a_picker_without_a_model_or_weights_is_refused(name):
    with pytest.raises(ParameterError, match="MODEL one of PhaseNet, EQTransformer"):
        open_teachers([name], CLASSES, P)


def test_a_picker_needs_a_class_for_noise():
    with pytest.raises(ParameterError, match="noise is no class here"):
        open_teachers(["seisbench:PhaseNet/stead"], ("earthquake", "explosion"), P)


@pytest.mark.skipif(find_spec("seisbench") is not None, reason="SeisBench is installed")
def test_without_seisbench_its_pickers_are_refused_with_what_to_install():
    with pytest.raises(ModelError, match="pip install seisbench"):
        open_teachers(["seisbench:PhaseNet/stead"], CLASSES, P)


class FakePhaseNet:
    """Says what it is told of the samples in the middle, and a sure P at the edges."""

    labels = "NPS"

    def __init__(self, p, s):
        self.p, self.s, self.seen = p, s, []

    def to(self, device):
        return self

    def __call__(self, piece):
        self.seen.append(piece)
        answer = torch.zeros(len(piece), 3, piece.shape[-1])
        answer[:, 1, :100] = answer[:, 2, -100:] = 1.0
        answer[:, 1, 700], answer[:, 2, 900] = self.p, self.s
        return answer


@pytest.fixture
def phasenet(monkeypatch):
    network = FakePhaseNet(0.9, 0.4)
    monkeypatch.setattr(teachers, "_seisbench_model", lambda *_: network)
    return network


def taught(targets, n_samples=None, kind="PhaseNet"):
    targets = torch.tensor(targets)
    rows = np.stack([noise(n_samples or P.n_samples, seed) for seed in range(len(targets))])
    teacher = open_teachers([f"seisbench:{kind}/stead"], CLASSES, P)
    return teacher(torch.from_numpy(rows).float(), targets)


def test_both_phases_make_an_event_whose_kind_is_the_labels_by_hand(phasenet):
    # The root of 0.9 * 0.4 is 0.6; of a row of noise nobody knows the kind.
    found = taught([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0.6, 0.2, 0.2]])
    expected = [[0.6, 0, 0.4], [0, 0.6, 0.4], [0.3, 0.3, 0.4], [0.45, 0.15, 0.4]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_one_phase_alone_is_no_event(phasenet):
    phasenet.s = 0.0
    assert taught([[1.0, 0, 0]])[0].tolist() == [0, 0, 1]


def test_a_detection_is_an_event_without_phases(monkeypatch):
    class FakeEQTransformer(FakePhaseNet):
        def __call__(self, piece):
            traces = torch.zeros(3, len(piece), piece.shape[-1])
            traces[0, :, 3000] = 0.8
            return tuple(traces)

    monkeypatch.setattr(teachers, "_seisbench_model", lambda *_: FakeEQTransformer(0, 0))
    found = taught([[1.0, 0, 0]], 3000, "EQTransformer")
    torch.testing.assert_close(found, torch.tensor([[0.8, 0, 0.2]]))


def test_a_picker_sees_all_of_the_window_at_its_rate_in_its_order(phasenet):
    taught([[1.0, 0, 0]], 3000)
    # 6000 samples at 100 Hz in pieces of 3001 that begin at 0, 1500 and 2999.
    assert [piece.shape[-1] for piece in phasenet.seen] == [3001] * 3
    for piece in phasenet.seen:
        torch.testing.assert_close(piece.mean(-1), torch.zeros(1, 3), atol=1e-4, rtol=0)
        torch.testing.assert_close(piece.std(-1), torch.ones(1, 3), atol=1e-4, rtol=0)
    rows = torch.zeros(1, 3, 3000)
    rows[:, 0] = torch.from_numpy(sine(5.0, 3000, 50.0)).float()
    phasenet.seen.clear()
    open_teachers(["seisbench:PhaseNet/stead"], CLASSES, P)(rows, torch.tensor([[1.0, 0, 0]]))
    first = phasenet.seen[0][0]
    assert first.abs().amax(1).gt(0.5).tolist() == [False, False, True]  # E, N, Z
    expected = np.sqrt(2) * sine(5.0, 3001, 100.0)
    np.testing.assert_allclose(first[2].numpy(), expected, atol=0.01)


@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore")  # of SeisBench's own
@pytest.mark.skipif(find_spec("seisbench") is None, reason="SeisBench is not installed")
@pytest.mark.skipif(
    not (SHARED / "teachers" / "phasenet.safetensors").is_file(),
    reason="weights of PhaseNet not found: shared/teachers beside the checkout",
)
def test_phasenet_tells_real_events_from_real_noise():
    spans = open_collection(SHARED / "data" / "labels.csv").spans
    chosen = [
        *[s for s in spans if s.label == "earthquake" and (s.snr_db or 0) > 15][:80:8],
        *[s for s in spans if s.label == "noise"][:1000:100],
    ]
    labels = LabelSet(("earthquake", "noise"))
    minute = Preprocessing()
    examples, _ = decode(chosen, labels, minute)
    rows = np.stack([
        e.cut(max(e.span.start_ns, e.start_ns), minute, row=True) for e in examples
    ])  # fmt: skip
    name = f"seisbench:PhaseNet/{SHARED / 'teachers' / 'phasenet.safetensors'}"
    targets = torch.nn.functional.one_hot(torch.tensor([e.target for e in examples]), 2).float()
    event = open_teachers([name], labels.names, minute)(torch.from_numpy(rows), targets)[:, 0]
    is_noise = targets[:, 1] == 1
    assert event[~is_noise].mean() > event[is_noise].mean() + 0.3
