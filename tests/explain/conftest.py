"""Networks small enough to be known by hand, and the bundled model on a real record."""

import pytest
from tiny_networks import RECORD, TinyNetwork

from quake.model_file.registry import find_model


@pytest.fixture
def tiny():
    """Make a network in evaluation mode."""
    return lambda layers, weights: TinyNetwork(layers, weights).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def bundled():
    return find_model(backbone="b0")


@pytest.fixture(scope="session")
def classifier(bundled):
    from quake.inference.classifier import Classifier

    return Classifier(bundled, "cpu", "torch", threads=1)


@pytest.fixture(scope="session")
def windows(classifier):
    """The windows of the bundled record, as the network takes them."""
    return list(classifier.predict(RECORD).windows())


@pytest.fixture(scope="session")
def explainer(bundled):
    from quake.explain import Explainer

    return Explainer(bundled)


@pytest.fixture
def quake(capsys):
    """Run the program in this process: status, standard output, standard error."""
    from quake_cli.app import main

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err, err
        return ended.value.code, out, err

    return run
