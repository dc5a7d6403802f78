#!/bin/bash
# A job in shards, without a broker: a Slurm array makes the parts, a last step joins them.
#     services/deploy/hpc/shards.sh INPUT OUTPUT SHARDS [options of emstream predict]
# For the sites' own options set SBATCH_ACCOUNT, SBATCH_PARTITION and so on, which sbatch reads.
#     EMSTREAM_SIF      image made from emstream.def; empty: `emstream` on the PATH
#     SHARD_OPTIONS     options of sbatch for a part; default: one GPU and eight cores for four hours
#     MERGE_OPTIONS     options of sbatch for joining; default: eight cores for four hours
# Submit it again with the same words to go on after a time limit: what is done is not made again.
set -euo pipefail

if [ "$#" -lt 3 ]; then
    echo "usage: $0 INPUT OUTPUT SHARDS [options of emstream predict]" >&2
    exit 2
fi
input=$(realpath -e -- "$1")
output=$(realpath -m -- "$2")
shards=$3
shift 3
case $shards in
    '' | *[!0-9]* | 0*) echo "SHARDS must be a number from 1, got '$shards'" >&2 && exit 2 ;;
esac
mkdir -p -- "$output/logs"

read -ra shard_options <<<"${SHARD_OPTIONS:---gres=gpu:1 --cpus-per-task=8 --mem=32G --time=4:00:00}"
read -ra merge_options <<<"${MERGE_OPTIONS:---cpus-per-task=8 --mem=32G --time=4:00:00}"
run=(emstream)
if [ -n "${EMSTREAM_SIF:-}" ]; then
    run=(apptainer run --nv --bind "$input" --bind "$output" "$(realpath -e -- "$EMSTREAM_SIF")")
fi

# Quotes a command for the job's script; the shard's number is known only there.
part="$(printf '%q ' "${run[@]}" predict "$input" -o "$output/parts" "$@")--shard \$SLURM_ARRAY_TASK_ID/$shards"
join="$(printf '%q ' "${run[@]}" merge "$output/parts" -o "$output")"

array=$(sbatch --parsable --job-name=emstream-shard --array="1-$shards" --requeue \
    --output="$output/logs/shard-%a.log" "${shard_options[@]}" --wrap="exec $part")
sbatch --job-name=emstream-merge --dependency="afterok:${array%%;*}" --kill-on-invalid-dep=yes \
    --output="$output/logs/merge.log" "${merge_options[@]}" --wrap="exec $join"
echo "results will be in $output; once mask.h5 is there, $output/parts can be deleted"
