#!/bin/bash
#SBATCH --job-name=quake-events
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=08:00:00
# After the array: whatever of it was lost, and then the events of all stations together.
set -euo pipefail

exec quake predict --sds "${ARCHIVE:?}" --output "${STORE:?}/" \
    --events --workers "${SLURM_CPUS_PER_TASK:-1}"
