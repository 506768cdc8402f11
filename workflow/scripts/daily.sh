#!/bin/sh
# The 06:00 job: the last-marked session on live vendors, and whatever earlier mornings left open. From any folder, under
# cron's bare environment. `daily.sh --help` says what it takes; darkpool/morning/ decides everything.
set -eu
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
export PATH

script=$0
while [ -L "$script" ]; do
    link=$(readlink "$script")
    case $link in
        /*) script=$link ;;
        *) script=$(dirname "$script")/$link ;;
    esac
done
project=$(CDPATH='' cd -- "$(dirname -- "$script")/../.." && pwd -P)

python=$project/.venv/bin/python
if [ ! -x "$python" ]; then
    echo "error: $python is not there; run \`make demo\` once in $project: it sets up what the morning needs" >&2
    exit 1
fi
# -P: a module that happens to lie in the working folder is not ours
PYTHONPATH=$project/workflow/scripts exec "$python" -P -m darkpool morning "$@"
