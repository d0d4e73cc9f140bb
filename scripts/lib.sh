# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Functions for scripts/methods and scripts/guard, which source it with data (the images) and runs (their folder) set.

# every_method [METHOD...] prints those, or all methods that can start on their own.
every_method() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
	else
		bin/parallax methods | awk 'NR > 1 && $1 != "scan" {print $1}' # scan needs the command cluster
	fi
}

# some_labels prints a label file for 40 training images of each class.
some_labels() {
	if [ -d "$data" ]; then (cd "$data" && find train -type f); else tar -tf "$data"; fi |
		sed 's,^\./,,' | grep '^train/.*[^/]$' | sort | awk -F/ 'BEGIN {print "path,label"} n[$2]++ < 40 {print $0 "," $2}'
}

# pretrain NAME METHOD [FLAG...] trains on one thread in the folder NAME of the runs, or resumes the run there. Labels
# are only for measuring, except for PAWS, which gets some.
pretrain() {
	local out="$runs/$1" more=()
	if [ -e "$out/config.yaml" ]; then
		bin/parallax pretrain --resume "$out"
		return
	fi
	if [ "$2" = paws ] && [[ $data != synthetic* ]]; then
		some_labels >"$runs/labels.csv"
		more=(--labels "$runs/labels.csv")
	fi
	bin/parallax pretrain --data "$data" --method "$2" --threads 1 --out "$out" "${more[@]}" "${@:3}"
}
export -f pretrain some_labels
