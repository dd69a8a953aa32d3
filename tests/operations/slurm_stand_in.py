"""What `sbatch` and `scancel` do here: jobs run at once on this machine; calls are written down.

With ``--parsable`` a job has ended when `sbatch` does, as one that others wait for; without, it
goes on beside, as the workers of dask-jobqueue do. Dependencies are taken to be met. An array has
three tasks, however many are asked for.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

FOLDER = Path(os.environ["SLURM_STAND_IN"])


def directives(script):
    """Options in the script's lines that begin with #SBATCH."""
    lines = re.findall(r"^#SBATCH +--?([a-z-]+)[= ](\S+)", script.read_text(), re.MULTILINE)
    return dict(lines)


def next_id():
    """A number that no job has had."""
    for number in itertools.count(101):
        try:
            (FOLDER / str(number)).mkdir()
        except FileExistsError:
            continue
        return number
    raise AssertionError


def sbatch(arguments):
    """Run a job script, or each task of its array."""
    script, number = Path(arguments[-1]), next_id()
    options = directives(script)
    (FOLDER / str(number) / "call.json").write_text(
        json.dumps({"script": script.name, "arguments": arguments[:-1], "options": options})
    )
    variables = {**os.environ, "SLURM_CPUS_PER_TASK": "1", "SLURM_JOB_ID": str(number)}
    output = (FOLDER / str(number) / "output").open("ab")
    command = ["bash", script.resolve()]
    if "--parsable" not in arguments:
        job = subprocess.Popen(
            command, env=variables, stdout=output, stderr=output, start_new_session=True
        )
        (FOLDER / str(number) / "pid").write_text(str(job.pid))
        sys.stdout.write(f"Submitted batch job {number}\n")
        return
    tasks = (1, 2, 3) if "array" in options else (None,)
    statuses = []
    for task in tasks:
        if task is not None:
            variables["SLURM_ARRAY_TASK_ID"] = str(task)
            variables["SLURM_ARRAY_TASK_COUNT"] = str(len(tasks))
        done = subprocess.run(command, env=variables, stdout=output, stderr=output, check=False)
        statuses.append(done.returncode)
    (FOLDER / str(number) / "statuses.json").write_text(json.dumps(statuses))
    sys.stdout.write(f"{number}\n")


def scancel(arguments):
    """End jobs."""
    for number in arguments:
        with suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int((FOLDER / number / "pid").read_text()), signal.SIGKILL)


if __name__ == "__main__":
    {"sbatch": sbatch, "scancel": scancel}[sys.argv[1]](sys.argv[2:])
