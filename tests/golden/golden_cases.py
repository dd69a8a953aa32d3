"""Real records whose windows are stored: cases in, windows as the program prints them out.

``python tests/golden/golden_cases.py`` writes windows.jsonl, BK.MHC.jsonl, and
quake/bundled/expected.json of `quake doctor`, anew: after another model has been bundled, or after
what happens to a record has been changed on purpose. It needs shared/data beside the checkout.
Look at ``git diff`` before you keep what it wrote.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from quake.doctor.expected import MODEL, bundled_folder, write_expected
from quake.inference.classifier import Classifier
from quake.waveforms.sources import BoundedSource, FileSource
from quake.waveforms.times import parse_time

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("windows.jsonl")
GOLDEN_EXAMPLE = Path(__file__).with_name("BK.MHC.jsonl")
SHARED = ROOT.parent / "shared" / "data"
FIELD = ROOT.parent / "shared" / "cases"
MODEL_FILE = bundled_folder() / MODEL


@dataclass(frozen=True)
class Case:
    """A record, or a part of it: files below a folder, and the times of the part."""

    name: str
    pattern: str
    start: str = "1900-01-01"
    end: str = "2100-01-01"
    folder: Path = SHARED

    @property
    def files(self):
        return sorted(path for path in self.folder.glob(self.pattern) if path.is_file())


EXAMPLE = Case("example", "BK.MHC.mseed", folder=ROOT / "examples")

SHARED_CASES = [
    Case("earthquake", "phasenet/1995112013003562__NC.PHF.mseed"),
    Case("filled gap", "phasenet/2004021011380730__PG.LM.mseed"),
    Case("one component", "phasenet/2004100704494553__NC.PST.mseed"),
    Case("surface event, 40 Hz", "pnw_surface/esec210__CH.FUSIO.mseed"),
    Case("explosion, 20 Hz", "dprk/2017.09.03.03.30.01__IC.MDJ.mseed"),
    Case("filled, 25 Hz", "nnsn/USS19850410327__NS.HYA.mseed"),
    Case("clipped", "pnw_zonly/uw61665741__UW.HDW.mseed"),
    Case("earthquake, 200 Hz", "obspy/rjob__.RJOB.mseed"),
    Case("earthquake, 250 Hz", "eqcorrscan/2013-09-18-2120-13.DFDPC-027-00__DF.WV03.mseed"),
    Case("15 s, 500 Hz", "coal/2019-01-24T01-58-00__1.9.mseed"),
    Case(
        "too short, 500 Hz",
        "coal/2019-01-24T01-58-00__1.9.mseed",
        "2019-01-24T01:58:00Z",
        "2019-01-24T01:58:10Z",
    ),
    Case(
        "archive, small earthquake",
        "sds/2020/ML/ML02/**/*",
        "2020-05-02T20:41:00Z",
        "2020-05-02T20:44:00Z",
    ),
    Case(
        "archive, components Z 1 2",
        "sds/2019/PB/B916/**/*",
        "2019-07-07T08:02:00Z",
        "2019-07-07T08:05:00Z",
    ),
    Case(
        "short record of an earthquake",
        "phasenet/1995112013003562__NC.PHF.mseed",
        "1995-11-20T13:00:30Z",
        "1995-11-20T13:00:55Z",
    ),
    Case(
        "short record of noise",
        "phasenet/1995112013003562__NC.PHF.mseed",
        "1995-11-20T13:00:06Z",
        "1995-11-20T13:00:30Z",
    ),
    Case("zeros among large values", "gmcwb2021/20210418T141139__TW.HSN.mseed"),
    Case("gap in noise", "gap-is-earthquake/gap-6s.mseed", folder=FIELD),
    Case("straight line in noise", "interpolated-gap/linear-6s.mseed", folder=FIELD),
    Case(
        "archive, urban noise",
        "sds/2017/UT/STN12/**/*",
        "2017-05-04T07:30:00Z",
        "2017-05-04T07:33:00Z",
    ),
]


def windows_of(case, classifier):
    """All windows of a case, as dictionaries."""
    source = BoundedSource(FileSource(case.files), parse_time(case.start), parse_time(case.end))
    return [record.to_dict() for record in classifier.predict_source(source)]


def golden_of(case):
    """Those that are stored."""
    lines = map(json.loads, GOLDEN.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line.pop("case") == case.name]


def write():
    """Write all of them anew, as ONNX Runtime gives them."""
    classifier = Classifier(MODEL_FILE, device="cpu", engine="onnx")
    with GOLDEN.open("w", encoding="utf-8") as file:
        for case in [EXAMPLE, *SHARED_CASES]:
            for window in windows_of(case, classifier):
                file.write(json.dumps({"case": case.name, **window}) + "\n")
    with GOLDEN_EXAMPLE.open("w", encoding="utf-8") as file:
        for window in windows_of(EXAMPLE, classifier):
            file.write(json.dumps(window) + "\n")
    write_expected(bundled_folder())


if __name__ == "__main__":
    write()
