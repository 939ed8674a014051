#!/usr/bin/env bash
# Keeps one open issue for each job that fails and closes it once the job succeeds.
# Reads one job a line: name, conclusion, address, separated by tabs. Needs gh and GH_TOKEN.
set -euo pipefail

LABEL=pipeline

open_issue() {
  gh issue list --label "$LABEL" --state open --limit 500 --json number,title --jq '.[] | [.number, .title] | @tsv' |
    awk -F '\t' -v title="$1" '$2 == title { number = $1 } END { print number }'
}

report() {
  local title="Pipeline fails: $1" conclusion=$2 address=$3 number
  number=$(open_issue "$title")
  case "$conclusion:$number" in
    failure: | timed_out: | startup_failure:)
      gh label create "$LABEL" --force --description "A scheduled run does not succeed"
      gh issue create --label "$LABEL" --title "$title" \
        --body "See $address. The last release keeps answering. This issue closes itself after the next success." ;;
    success:?*)
      gh issue close "$number" --comment "Recovered: $address" ;;
  esac
}

while IFS=$'\t' read -r job conclusion address; do
  report "$job" "$conclusion" "$address" < /dev/null
done
