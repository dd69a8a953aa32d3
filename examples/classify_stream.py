"""Classify an ObsPy stream in memory: print the start, label and probability of each window."""

from pathlib import Path

import obspy

from quake import Classifier
from quake.model_file.registry import find_model


def main() -> None:
    stream = obspy.read(str(Path(__file__).parent / "BK.MHC.mseed"), format="MSEED")
    classifier = Classifier(find_model(backbone="b0"))
    for record in classifier.predict(stream):
        if record.label is None:
            print(record.start, record.status, *record.flags)
        else:
            print(record.start, record.label, f"{record.probabilities[record.label]:.3f}")


if __name__ == "__main__":
    main()
