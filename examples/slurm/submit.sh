#!/bin/bash
# Classify an archive on a Slurm cluster: headers, parts, events. Logs are written where it is run.
# ARCHIVE=/srv/seedlink/archive STORE=/srv/quake/store bash submit.sh
set -euo pipefail
export ARCHIVE=${ARCHIVE:?the SDS archive} STORE=${STORE:?the folder of the results}
here=$(dirname "$0")

# afterany: a damaged file ends a job with status 1, and what a job has lost the last one does.
scan=$(sbatch --parsable --export=ALL "$here/scan.sh")
array=$(sbatch --parsable --export=ALL --dependency="afterany:${scan%%;*}" "$here/array.sh")
sbatch --parsable --export=ALL --dependency="afterany:${array%%;*}" "$here/events.sh"
