"""What becomes of each fenced block that is not simply run: who runs it, or why nobody does.

An entry is about all blocks and commands of its page, of all pages where it names none, in which
its text occurs. Blocks of shell commands and of Python that no entry is about are run by
``test_snippets.py`` as they stand.
"""

from typing import NamedTuple


class RunBy(NamedTuple):
    """Blocks that another test runs, or compares with what is true; it names the page."""

    page: str
    text: str
    test: str


class NotRun(NamedTuple):
    """Blocks, or commands in them, that cannot be run by a test; why."""

    page: str
    text: str
    reason: str


class Shown(NamedTuple):
    """Blocks of text that are no output of the commands before them; what they are."""

    page: str
    text: str
    what: str


class Adapted(NamedTuple):
    """Commands that are run with other words: replaced, and added at their end."""

    page: str
    text: str
    replaced: dict[str, str]
    added: str = ""


OPERATIONS = "tests/operations/test_{}_page.py"

RUN_BY = (
    RunBy("README.md", "find_model(backbone=", "tests/test_documents.py"),
    RunBy("README.md", "import torch.nn as nn", "tests/test_documents.py"),
    RunBy("README.md", "-- duckdb", "tests/test_documents.py"),
    RunBy("README.md", "find /srv/archive", "tests/test_documents.py"),
    RunBy("docs/archives.md", "", OPERATIONS.format("archives")),
    RunBy("docs/clusters.md", "", OPERATIONS.format("cluster")),
    RunBy("docs/commands.md", "", "tests/docs/test_commands_page.py"),
    RunBy("docs/completion.md", "", "tests/examples/test_completion_page.py"),
    RunBy("docs/cron.md", "", OPERATIONS.format("cron")),
    RunBy("docs/data.md", "read_seisbench", "tests/datasets/test_data_document.py"),
    RunBy("docs/data.md", "read_archive", "tests/datasets/test_data_document.py"),
    RunBy("docs/examples.md", "read_store", "tests/examples/test_examples_page.py"),
    RunBy("docs/examples.md", "BK.MHC 2008-02-05", "tests/examples/test_examples_page.py"),
    RunBy("docs/tutorial.md", "quake ", "tests/examples/test_tutorial_page.py"),
    RunBy("docs/tutorial.md", "python examples/", "tests/examples/test_tutorial_page.py"),
    RunBy("docs/tutorial.md", "quake: error: one class", "tests/examples/test_tutorial_page.py"),
    RunBy("docs/review.md", "quake ", "tests/report/test_review_page.py"),
    RunBy("docs/doctor.md", "torchvision::nms", "tests/docs/test_troubleshooting_page.py"),
    RunBy("docs/doctor.md", "pip install", "tests/docs/test_troubleshooting_page.py"),
    RunBy("docs/label_tables.md", "path,start,end", "tests/datasets/test_data_document.py"),
    RunBy("docs/output.md", "quake: 9 inputs", "tests/docs/test_output_schema_page.py"),
    RunBy("docs/watch.md", "--exec", "tests/examples/test_alert_examples.py"),
    RunBy("docs/events.md", "nordic_from_quakeml.py", "tests/events/test_event_quakeml.py"),
)

NOT_RUN = (
    NotRun("", "pip install", "changes the installation, from a package index"),
    NotRun("README.md", "make demo", "installs from a package index"),
    NotRun("README.md", "make test", "is this test suite"),
    NotRun(
        "README.md",
        "--scheduler tcp://head:8786",
        "needs a Dask cluster; tests/operations/test_cluster_page.py has one",
    ),
    NotRun("README.md", "seedlink://", "needs a network; tests/live/ has a server of its own"),
    NotRun("README.md", "fdsn://", "needs a network; tests/store/test_store_fdsn.py has a server"),
    NotRun("README.md", "s3://", "needs a network; tests/store/test_store_bucket.py has a server"),
    NotRun("docs/backbones.md", "compare_backbones.py", "hours of training"),
    NotRun(
        "docs/events.md", "quake events store/", "needs a store; tests/store/test_store_events.py"
    ),
    NotRun("docs/export.md", "docker run", "needs Docker and the Triton server, as the page says"),
    NotRun("docs/export.md", "trtexec", "needs TensorRT and a GPU, as the page says"),
    NotRun("docs/fuzzing.md", "campaign.py", "needs atheris, and minutes"),
    NotRun("docs/fuzzing.md", "pytest", "is a part of this test suite"),
    NotRun("docs/mutation.md", "mutmut", "takes hours"),
    NotRun("docs/scaling.md", "benchmarks/archive.py", "hours; tests/benchmarks/ runs it small"),
    NotRun("docs/training.md", "stack_teachers.py", "needs the answers of published networks"),
    NotRun("docs/training.md", "bundle_model.py", "replaces the bundled model"),
    NotRun("docs/watch.md", "groups:", "rules of a Prometheus server"),
    NotRun("docs/watch.md", "seedlink://", "needs a network; tests/live/ has a server of its own"),
)

SHOWN = (
    Shown("docs/data.md", "by_class/\n├──", "a tree of folders"),
    Shown("docs/examples.md", "50 of 64 other", "losses, which differ by processor"),
    Shown("docs/export.md", "config.pbtxt", "a tree of files"),
    Shown("docs/export.md", "max_batch_size", "a configuration of the Triton server"),
    Shown("docs/export.md", "tritonclient", "a client of the Triton server, not run as it says"),
    Shown("docs/model_format.md", "network  ", "a table of keys"),
    Shown("docs/review.md", "first/ ", "a tree of folders"),
    Shown("docs/watch.md", "quake_station_latency_seconds{", "metrics of one moment"),
    Shown("docs/tutorial.md", "", "figures of an hour of training on the records it names"),
)

# Minutes of training, evaluation and export, and a check of the whole installation.
SLOW = (
    *("quake train ", "quake evaluate ", "evaluate(", "quake export ", "quake doctor"),
    *("--full", "HybridViT("),
)

_ONE_EPOCH = (
    "--epochs 1 --backbone hybrid-vit-tiny --depth 1 --weights none --cache none --device cpu"
)

ADAPTED = (
    Adapted("README.md", "quake watch --sds", {}, "--stop-after 1"),
    Adapted("README.md", "--workers 4", {"--workers 4": "--workers 2"}),
    Adapted("docs/scaling.md", "--workers 16", {"--workers 16": "--workers 1"}),
    Adapted("docs/watch.md", "--print |", {"--print |": "--print --stop-after 1 |"}),
    Adapted("docs/watch.md", "--metrics-file", {"/var/lib/node_exporter/": ""}, "--stop-after 1"),
    Adapted("docs/watch.md", "quake watch --sds", {}, "--stop-after 1"),
    Adapted("", "quake train ", {}, _ONE_EPOCH),
)

# What pages take for granted.
PREPARED = {
    "docs/events.md": "quake predict station.mseed --events --format quakeml > events.quakeml",
    "docs/inspect.md": "quake predict station.mseed --output store/ --events --quiet",
}
