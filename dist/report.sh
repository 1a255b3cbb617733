#!/bin/sh
# Prints what the detached script has recorded, its verdict last. Changes nothing.
# linux.ts puts the marker before this text.
set -u
export LC_ALL=C
: "${marker:?}"

dir=/run/azure-vm-to-vhd/$marker

# Run Command gives the last 4096 bytes only: what was printed first is lost first.
if [ ! -f "$dir/progress" ]; then
  printf '@%s end lost\n' "$marker"
else
  if [ -f "$dir/log" ]; then
    tail -n 8 "$dir/log" | tr -c '\n\040-\176' ' ' | cut -c1-120 | sed "s/^/@$marker log /"
  fi
  tail -n 30 "$dir/progress" | tail -c 2600
  grep -q "^@$marker end " "$dir/progress" || printf '@%s end running\n' "$marker"
fi
