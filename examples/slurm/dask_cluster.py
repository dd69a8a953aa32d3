"""Classify an archive with Dask workers that Slurm starts: options in, `quake predict` runs.

python dask_cluster.py --queue compute --jobs 8 -- --sds /srv/seedlink/archive --output store/

What comes after `--` goes to `quake predict`. `--show` prints the job script and stops.
Run it on a machine that may submit jobs and that they can reach, for as long as the work takes.
"""

import argparse
import subprocess
import sys

from dask_jobqueue import SLURMCluster


def make_cluster(queue, hours, processes, memory_gb):
    """Jobs of so many single-threaded workers each; none is started yet."""
    return SLURMCluster(
        queue=queue,
        cores=processes,
        processes=processes,
        memory=f"{memory_gb * processes} GB",
        walltime=f"{hours:02}:00:00",
        job_name="quake-worker",
        job_script_prologue=["export OMP_NUM_THREADS=1"],
        # Workers end by themselves before Slurm ends them, and not all at once.
        worker_extra_args=["--lifetime", f"{hours * 60 - 10}m", "--lifetime-stagger", "4m"],
    )


def parse(arguments):
    """Options of this script, and those of `quake predict`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queue", default="compute", help="partition of Slurm")
    parser.add_argument("--jobs", type=int, default=4, help="at most so many jobs")
    parser.add_argument("--hours", type=int, default=8, help="time limit of a job")
    parser.add_argument("--processes", type=int, default=4, help="workers a job, a core each")
    parser.add_argument("--memory-gb", type=int, default=2, help="of a worker")
    parser.add_argument("--show", action="store_true", help="print the job script and stop")
    parser.add_argument("predict", nargs="*", help="options of quake predict, after --")
    return parser.parse_args(arguments)


def main():
    """Start jobs, run `quake predict` on them, and end with its status."""
    options = parse(sys.argv[1:])
    with make_cluster(
        options.queue, options.hours, options.processes, options.memory_gb
    ) as cluster:
        if options.show:
            print(cluster.job_script(), end="")
            return 0
        # Adaptive: a job that has reached its time limit is followed by another.
        cluster.adapt(minimum_jobs=1, maximum_jobs=options.jobs)
        program = [sys.executable, "-m", "quake_cli", "predict"]
        return subprocess.call(
            [*program, "--scheduler", cluster.scheduler_address, *options.predict]
        )


if __name__ == "__main__":
    sys.exit(main())
