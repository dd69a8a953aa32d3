"""Findings: what headers say that a user should know, file by file or all at once."""

import time

from quake.inputs.findings import Findings
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import Remark
from quake.waveforms.segments import Span
from quake.windows.station_days import DAY_NS

ID = ChannelSetId("XX", "STA", "", "HH")
DAY = 18_000


def span(path, code="Z", day=DAY, key=ID):
    return Span(key, code, day * DAY_NS, (day + 1) * DAY_NS, 100.0, path)


def test_the_first_files_of_a_channel_set_are_named_and_the_others_counted():
    findings = Findings()
    for path in ("/d", "/b", "/a", "/c"):
        findings.add_file(path, [span(path), span(path, "N")])
    assert findings.files_of(ID) == (["/a", "/b"], 2)
    assert findings.files_of(ChannelSetId("XX", "NONE", "", "HH")) == ([], 0)


def test_channels_are_matched_by_their_codes_where_they_can_be_used():
    findings = Findings()
    findings.add_file("/a", [span("/a", "Z"), span("/a", "X")])
    assert findings.has_match("HHZ")
    assert findings.has_match("XX.STA..HH?")
    assert not findings.has_match("HHX")
    assert not findings.has_match("BH?")


def test_clocks_that_were_never_set_and_days_to_come_are_noted():
    findings = Findings()
    today = time.time_ns() // DAY_NS
    for path, day in (("/unix", 0), ("/gps", 3657), ("/now", today - 1), ("/late", today + 3)):
        findings.add_file(path, [span(path, day=day)])
    assert findings.early == {"/unix": 0, "/gps": 3657 * DAY_NS}
    assert list(findings.late) == ["/late"]


def test_names_that_tell_something_else_are_noted():
    findings = Findings()
    path = "/a/YY.STA..HHZ.D.2020.001"
    findings.add_file(path, [span(path)])
    assert findings.misnamed == {path: (DAY * DAY_NS, (DAY + 1) * DAY_NS)}
    assert findings.miscoded == {path: "XX.STA..HHZ"}


def test_remarks_are_gathered():
    remarks = [
        Remark("no_station", "", 1),
        Remark("calibration", "", 3),
        Remark("text", "XX.STA..LOG", 2),
        Remark("empty", "XX.STA..HHE", 1),
        Remark("control", "", 5),
        Remark("drift", "XX.STA..HHZ", 0.25),
    ]
    findings = Findings.of({}, {"/a": remarks, "/b": remarks})
    assert findings.nameless == ["/a", "/b"]
    assert findings.calibrations == {"/a": 3, "/b": 3}
    assert findings.text_channels == {"XX.STA..LOG"}
    assert findings.empty_channels == {"XX.STA..HHE"}
    assert findings.n_control_headers == 10
    assert findings.drifts_s == {"XX.STA..HHZ": 0.5}


def test_all_at_once_is_file_by_file():
    spans = [span("/b"), span("/a"), span("/a", "N")]
    one_by_one = Findings()
    one_by_one.add_file("/a", spans[1:])
    one_by_one.add_file("/b", spans[:1])
    at_once = Findings.of({ID: spans}, {})
    assert at_once.channel_sets == one_by_one.channel_sets == {ID: {"Z", "N"}}
    assert at_once.files_of(ID) == one_by_one.files_of(ID) == (["/a", "/b"], 0)
