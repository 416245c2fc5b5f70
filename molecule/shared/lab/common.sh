# shellcheck shell=bash
# Messages, parallel jobs and locks, for all parts of the lab.

say() { printf 'lab: %s\n' "$*" >&2; }

die() { say "$*"; exit 1; }

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# each_in_parallel FUNCTION ARGUMENT...: a job for each argument; fails when one of them has failed.
each_in_parallel() {
  local call=$1 argument job jobs=() failed=0
  shift
  for argument; do
    "$call" "$argument" &
    jobs+=("$!")
  done
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  return "$failed"
}

# lock FD FILE WHAT: the file may have been removed by the run that held it, so look whether the locked one is still in place.
lock() {
  local fd=$1 file=$2 what=$3
  until [[ /proc/self/fd/$fd -ef $file ]]; do
    mkdir -p "${file%/*}"
    eval "exec $fd>>\"\$file\""
    if ! flock --wait 3 "$fd"; then
      say "waiting for another run ($what)"
      flock --wait 1800 "$fd" || die "another run ($what) has held $file for 30 minutes: end it and try again."
    fi
  done
}

unlock() {
  local fd=$1 file=$2
  rm -f "$file"
  eval "exec $fd>&-"
}

is_locked() { [[ -e $1 ]] && ! flock --nonblock "$1" true; }

existing_parent() {
  local path=$1
  until [[ -d $path ]]; do path=$(dirname "$path"); done
  echo "$path"
}

pid1_is_systemd() { [[ -d /run/systemd/system ]]; }
