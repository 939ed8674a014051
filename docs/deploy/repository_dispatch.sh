#!/usr/bin/env bash
# Starts the pipeline on GitHub from outside, for example when a source has new data.
# Needs curl, REPOSITORY=owner/name, and GITHUB_TOKEN with the right `contents: write` on it.
set -euo pipefail

curl --fail --silent --show-error --request POST \
  --header "Accept: application/vnd.github+json" \
  --header "Authorization: Bearer ${GITHUB_TOKEN:?}" \
  --data '{"event_type": "almanac-run"}' \
  "${GITHUB_API_URL:-https://api.github.com}/repos/${REPOSITORY:?}/dispatches"
