"""Pretrained weights: found in the cache, missing without network, read from files, adapted."""

import shutil
import socket
import warnings
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
from torch import nn

from quake.errors import ParameterError, WeightsError
from quake.models import EfficientNet, EfficientNetBackbone
from quake.models import weights as module
from quake.models.weights import (
    PretrainedWeightsWarning,
    adapt_stem,
    imagenet_cache_file,
    load_imagenet_weights,
)

B0 = EfficientNetBackbone.B0
STEM = module.STEM_WEIGHT


@pytest.fixture(scope="module")
def imagenet():
    """Tensors of torchvision's B0 with 1000 classes, random, but not those a test would draw."""
    from torchvision.models import efficientnet_b0

    torch.manual_seed(1905)
    return efficientnet_b0().state_dict()


@pytest.fixture(scope="module")
def saved(imagenet, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "b0.pth"
    torch.save(imagenet, path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of its own for each test, and no warning given yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(module, "_warned", set())
    torch.manual_seed(0)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture(autouse=True)
def attempts(monkeypatch):
    """Refuse the network; the list has the socket timeout of each attempt."""
    seen = []

    def urlopen(request):
        seen.append(socket.getdefaulttimeout())
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "urlopen", urlopen)
    return seen


def put_into(cache, saved):
    cache.mkdir(parents=True)
    shutil.copy(saved, cache / B0.facts.weights_file)


def assert_has(model, tensors, but=()):
    for name, tensor in model.state_dict().items():
        if name not in but:
            assert torch.equal(tensor, tensors[name]), name


def stem(model):
    return model.features[0][0]


# --- the cache of torchvision -------------------------------------------------------------


def test_a_cached_file_is_found_and_used(cache, saved, imagenet, attempts):
    put_into(cache, saved)
    assert_has(EfficientNet(), imagenet, but=module.HEAD_TENSORS)
    assert attempts == []


def test_a_cached_file_gives_its_classifier_to_1000_classes(cache, saved, imagenet):
    put_into(cache, saved)
    assert_has(EfficientNet(num_classes=1000), imagenet)


def test_a_damaged_cached_file_is_an_error_that_names_it(cache, saved):
    put_into(cache, saved)
    file = cache / B0.facts.weights_file
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="delete it") as error:
        EfficientNet()
    assert str(file) in str(error.value)


def test_no_network_warns_once_a_backbone_and_goes_on(cache):
    with pytest.warns(PretrainedWeightsWarning) as caught:
        [EfficientNet(backbone) for backbone in ("b0", "b0", "b1")]
    assert len(caught) == 2
    text = str(caught[0].message)
    assert B0.facts.weights_file in text
    assert str(cache) in text
    assert "no route to host" in text
    assert "random weights" in text
    assert caught[0].filename == __file__


def test_no_network_gives_the_network_that_none_gives():
    with pytest.warns(PretrainedWeightsWarning):
        model = EfficientNet()
    torch.manual_seed(0)
    assert_has(model, EfficientNet(weights=None).state_dict())


def test_no_network_is_an_error_when_strict(cache):
    with pytest.raises(WeightsError) as error:
        EfficientNet(strict_weights=True)
    for part in (B0.facts.weights_file, str(cache), "could not be downloaded", "TORCH_HOME"):
        assert part in str(error.value)


def test_a_failed_attempt_leaves_nothing_behind(cache, attempts, capfd):
    before = socket.getdefaulttimeout()
    with pytest.warns(PretrainedWeightsWarning):
        EfficientNet()
    assert list(cache.iterdir()) == []
    assert attempts == [module.NETWORK_TIMEOUT_S]
    assert socket.getdefaulttimeout() == before
    assert capfd.readouterr().out == ""


def test_something_else_in_place_of_the_file_is_not_kept(cache, monkeypatch, tmp_path):
    page = tmp_path / "login.html"
    page.write_text("<html>welcome to the hotel</html>")
    import urllib.request

    monkeypatch.setattr(torch.hub, "urlopen", lambda _: urllib.request.urlopen(page.as_uri()))
    with pytest.raises(WeightsError, match="invalid hash value"):
        EfficientNet(strict_weights=True)
    assert list(cache.iterdir()) == []


@pytest.fixture
def working_network(saved, monkeypatch):
    """A download that gives the random weights, whose hash is not that in the name."""

    def download(url, target, hash_prefix, progress):
        assert url.endswith(f"{hash_prefix}.pth")
        shutil.copy(saved, target)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)


@pytest.mark.usefixtures("working_network")
def test_a_download_goes_into_the_cache(cache, imagenet):
    assert load_imagenet_weights(B0).source == cache / B0.facts.weights_file
    assert [file.name for file in cache.iterdir()] == [B0.facts.weights_file]
    assert_has(EfficientNet(), imagenet, but=module.HEAD_TENSORS)


@pytest.mark.usefixtures("working_network")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch, imagenet):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    assert_has(EfficientNet(), imagenet, but=module.HEAD_TENSORS)


def test_a_cache_that_cannot_be_written_and_no_network_warn(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    with pytest.warns(PretrainedWeightsWarning, match="no route to host"):
        EfficientNet()


def test_the_cache_follows_torch_home(cache):
    assert imagenet_cache_file(B0) == cache / "efficientnet_b0_rwightman-7f5810bc.pth"


def test_no_weights_ask_for_nothing(attempts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EfficientNet(weights=None)
    assert attempts == []


# --- files --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_is_read(suffix, imagenet, tmp_path):
    path = tmp_path / f"own{suffix}"
    save = torch.save if suffix == ".pth" else safetensors.torch.save_file
    save(imagenet, path)
    for weights in (path, str(path)):
        model = EfficientNet(weights=weights)
        assert_has(model, imagenet, but=module.HEAD_TENSORS)
        assert model.classifier[1].out_features == 2


def test_a_file_without_classifier_and_counters_is_enough(imagenet, tmp_path):
    path = tmp_path / "features.pth"
    left_out = ("num_batches_tracked", *module.HEAD_TENSORS)
    torch.save({k: v for k, v in imagenet.items() if not k.endswith(left_out)}, path)
    assert_has(EfficientNet(weights=path), imagenet, but=module.HEAD_TENSORS)


def test_a_file_for_as_many_channels_is_taken_as_it_is(tmp_path):
    path = tmp_path / "six.pth"
    tensors = EfficientNet(in_channels=6, weights=None).state_dict()
    torch.save(tensors, path)
    assert_has(EfficientNet(in_channels=6, weights=path), tensors)


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(WeightsError, match=r"nothing\.pth: there is no such file"):
        EfficientNet(weights=tmp_path / "nothing.pth")
    with pytest.raises(WeightsError, match="no such file"):
        EfficientNet(weights=tmp_path)


@pytest.mark.parametrize("name", ["text.pth", "text.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x04garbage"])
def test_a_file_of_something_else_is_an_error_that_names_it(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights") as error:
        EfficientNet(weights=path)
    assert str(path) in str(error.value)


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("code of the file was run",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "holds a list, expected a state dict"),
        ({"state_dict": {}}, "entry 'state_dict' is a dict"),
        ({0: torch.zeros(1)}, "entry 0"),
        ({}, "missing"),
        (nn.Linear(2, 2).state_dict(), r"2 unknown \(weight, bias\)"),
        (Trap(), "cannot be read as weights"),
    ],
)
def test_a_file_of_other_objects_is_an_error_that_tells_what_was_found(content, message, tmp_path):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=message) as error:
        EfficientNet(weights=path)
    assert str(path) in str(error.value)


def test_weights_of_another_backbone_are_refused(saved):
    with pytest.raises(WeightsError, match="missing"):
        EfficientNet("b1", weights=saved)


def test_a_tensor_of_another_shape_is_named_with_both_shapes(imagenet, tmp_path):
    path = tmp_path / "bad.pth"
    torch.save({**imagenet, "features.0.1.bias": torch.zeros(31)}, path)
    with pytest.raises(WeightsError, match=r"features.0.1.bias is \(31,\), expected \(32,\)"):
        EfficientNet(weights=path)


def test_a_stem_for_another_number_of_channels_is_refused(tmp_path):
    path = tmp_path / "six.pth"
    torch.save(EfficientNet(in_channels=6, weights=None).state_dict(), path)
    with pytest.raises(WeightsError, match=STEM):
        EfficientNet(in_channels=2, weights=path)


# --- the stem -----------------------------------------------------------------------------


def test_one_channel_answers_as_a_grey_image(saved):
    x = torch.randn(2, 1, 33, 93)
    colour, grey = (EfficientNet(in_channels=n, weights=saved) for n in (3, 1))
    torch.testing.assert_close(stem(grey)(x), stem(colour)(x.expand(-1, 3, -1, -1)))


def test_six_channels_answer_as_the_three_that_they_repeat(saved):
    x = torch.randn(2, 3, 33, 93)
    three, six = (EfficientNet(in_channels=n, weights=saved) for n in (3, 6))
    torch.testing.assert_close(stem(six)(x.repeat(1, 2, 1, 1)), stem(three)(x))


@pytest.mark.parametrize("n", [2, 4, 5, 7])
def test_filters_are_repeated_cyclically_and_rescaled(n):
    weight = torch.randn(8, 3, 3, 3)
    adapted = adapt_stem(weight, n)
    assert adapted.shape == (8, n, 3, 3)
    for channel in range(n):
        torch.testing.assert_close(adapted[:, channel], weight[:, channel % 3] * 3 / n)


def test_three_channels_keep_their_filters():
    weight = torch.randn(8, 3, 3, 3)
    assert torch.equal(adapt_stem(weight, 3), weight)


def test_filters_of_other_inputs_are_not_adapted():
    with pytest.raises(ParameterError, match=r"got \(8, 4, 3, 3\)"):
        adapt_stem(torch.zeros(8, 4, 3, 3), 2)
