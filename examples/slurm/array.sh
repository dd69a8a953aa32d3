#!/bin/bash
#SBATCH --job-name=quake
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --output=quake-%A_%a.log
#SBATCH --open-mode=append
# One of as many parts of the station-days as the array has tasks. It must be the whole array,
# numbered from 1: `sbatch --array=7` would make the seventh of one part, which is refused.
set -euo pipefail

# exec: the signal before the time limit goes to quake itself, which ends what it has begun.
exec quake predict --sds "${ARCHIVE:?}" --output "${STORE:?}/" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --events --workers "${SLURM_CPUS_PER_TASK:-1}"
