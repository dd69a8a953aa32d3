"""Graphs and XML that point at other files, or grow without end, are refused."""

import pyexpat
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from quake.datasets.catalogue import read_catalogue
from quake.errors import LabelError, ModelError, QuakeError
from quake.model_file.safetensors_file import load_card
from quake.stations.orientation import read_orientations

SECRET = "a-secret-of-the-user"
BOMB = (
    '<!ENTITY b "'
    + "b" * 100
    + '">'
    + "".join(f'<!ENTITY b{n} "{("&b" + (str(n - 1) if n else "") + ";") * 10}">' for n in range(9))
)


# --- graphs -------------------------------------------------------------------------------


def graph_with_tensor_in(location):
    """An ONNX graph one of whose tensors lies in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": "16"}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", *map(list, zip(ends)), [tensor]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model.SerializeToString()


@pytest.mark.parametrize("kind", ["above", "absolute", "link"])
def test_a_graph_takes_no_tensor_from_a_file_outside_of_its_folder(tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_bytes(np.arange(4, dtype="<f4").tobytes())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    location = {"above": "../secret", "absolute": str(secret), "link": "link"}[kind]
    path = folder / "m.onnx"
    path.write_bytes(graph_with_tensor_in(location))
    onnx.load(path, load_external_data=False)  # it is a graph but for that
    with pytest.raises(ModelError, match="xternal data") as error:
        load_card(path)
    assert str(error.value).startswith(f"{path}: ONNX Runtime cannot load it")


def test_a_graph_with_an_operator_of_somebody_elses_is_refused(tmp_path):
    """Such operators are machine code in libraries, none of which is ever loaded."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    node = helper.make_node("Run", ["x"], ["y"], domain="com.somebody")
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.somebody", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="ONNX Runtime cannot load it"):
        load_card(path)


# --- XML ----------------------------------------------------------------------------------


def doctype(name, entities):
    return f"<!DOCTYPE {name} [{entities}]>" if entities else ""


def quakeml(entities, text):
    return f"""<?xml version="1.0"?>
{doctype("q:quakeml", entities)}
<q:quakeml xmlns="http://quakeml.org/xmlns/bed/1.2" xmlns:q="http://quakeml.org/xmlns/quakeml/1.2">
  <eventParameters publicID="smi:local/a">
    <event publicID="smi:local/e">
      <description><text>{text}</text></description>
      <type>earthquake</type>
      <origin publicID="smi:local/o">
        <time><value>2020-01-01T00:00:00Z</value></time>
        <latitude><value>1</value></latitude><longitude><value>2</value></longitude>
        <region>{text}</region>
      </origin>
    </event>
  </eventParameters>
</q:quakeml>
"""


def station_xml(entities, text):
    return f"""<?xml version="1.0"?>
{doctype("FDSNStationXML", entities)}
<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1">
  <Source>{text}</Source><Created>2020-01-01T00:00:00</Created>
  <Network code="XX"><Description>{text}</Description></Network>
</FDSNStationXML>
"""


def external(path):
    return f'<!ENTITY x SYSTEM "{path.as_uri()}">'


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


def read(reader, path):
    """What a reader makes of a document, or of its refusal."""
    try:
        return repr(reader(path))
    except QuakeError as error:
        return str(error)


@pytest.mark.parametrize(
    ("document", "reader"), [(quakeml, read_catalogue), (station_xml, read_orientations)]
)
def test_no_document_takes_in_another_file(tmp_path, secret, document, reader):
    path = tmp_path / "a.xml"
    path.write_text(document(external(secret), "&x;"))
    assert SECRET not in read(reader, path)


@pytest.mark.parametrize(
    ("document", "reader"), [(quakeml, read_catalogue), (station_xml, read_orientations)]
)
def test_a_document_that_grows_without_end_is_refused(tmp_path, document, reader):
    path = tmp_path / "a.xml"
    path.write_text(document(BOMB, "&b8;"))
    assert path.stat().st_size < 4000
    with pytest.raises(QuakeError) as error:
        reader(path)
    assert str(error.value).startswith(str(path))


def test_the_documents_are_read_but_for_that(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(quakeml("", "a text"))
    (event,) = read_catalogue(path).events
    assert event.event_id == "smi:local/e"
    path.write_text(quakeml('<!ENTITY x "inside">', "&x;").replace("</q:quakeml>", ""))
    with pytest.raises(LabelError, match="no QuakeML"):
        read_catalogue(path)


def test_the_list_of_a_seedlink_server_cannot_grow_without_end():
    """`quake.live.seedlink` reads it with expat, which stops it from version 2.4.1 on."""
    assert pyexpat.version_info >= (2, 4, 1)
    with pytest.raises(ElementTree.ParseError, match="amplification"):
        ElementTree.fromstring(f"<!DOCTYPE a [{BOMB}]><a>&b8;</a>")


def test_the_secret_would_be_found(secret):
    assert SECRET in Path(secret.as_uri().removeprefix("file://")).read_text()
