"""Fetch the StationXML that comes along with waveforms, as one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from quake.inputs.scheme import SchemeError, Wanted
from quake.inputs.schemes import scheme_of
from quake.untrusted import UnsafeXMLError, refuse_document_type


def fetch_stations(uris: Iterable[str], wanted: Wanted, folder: Path) -> Path | None:
    """Ask for the stations of URIs, where there is a service for that.

    Parameters
    ----------
    uris : as the user named them
    wanted : Wanted
    folder : Path
        Where the file is written.

    Returns
    -------
    Path, or None if nobody has any

    Raises
    ------
    SchemeError
        If a server does not answer, or with something else than StationXML.
    """
    whole: ElementTree.Element | None = None
    for number, uri in enumerate(uris):
        path = folder / f"stations-{number}.xml"
        if not scheme_of(uri).describe(uri, wanted, path):
            continue
        root = _root(uri, path)
        if whole is None:
            whole = root
        else:
            whole.extend(child for child in root if child.tag.rpartition("}")[2] == "Network")
    if whole is None:
        return None
    path = folder / "stations.xml"
    ElementTree.ElementTree(whole).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _root(uri: str, path: Path) -> ElementTree.Element:
    try:
        refuse_document_type(path)
        root = ElementTree.parse(path).getroot()
    except (UnsafeXMLError, ElementTree.ParseError) as error:
        raise SchemeError(
            f"{uri}: the station service answers something else than StationXML ({error}); give "
            "--inventory, or try again later"
        ) from error
    if root.tag.rpartition("}")[2] != "FDSNStationXML":
        raise SchemeError(
            f"{uri}: the station service answers {root.tag[:80]!r}, where FDSNStationXML was "
            "expected; give --inventory, or try again later"
        )
    return root
