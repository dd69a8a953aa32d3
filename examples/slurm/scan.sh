#!/bin/bash
#SBATCH --job-name=quake-scan
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=02:00:00
# Read the headers of the whole archive into the store once, so that the parts need not.
set -euo pipefail

exec quake predict --sds "${ARCHIVE:?}" --output "${STORE:?}/" \
    --scan-only --workers "${SLURM_CPUS_PER_TASK:-1}"
