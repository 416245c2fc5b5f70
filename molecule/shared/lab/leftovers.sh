# shellcheck shell=bash
# The command leftovers.

cmd_leftovers() {
  local things
  [[ $EUID == 0 ]] || die "looking for leftovers needs root."
  case ${1:-} in
    '') things=$(all_lab_things) ;;
    --orphans) things=$(all_lab_things | grep -vE "$(rightful_things)") || true ;;
    *) die "leftovers takes no argument but --orphans." ;;
  esac
  [[ -z $things ]] || { sort -u <<<"$things"; return 1; }
}

all_lab_things() {
  local pid unit
  for pid in $(host_processes 'glab[0-9]+-[0-9]+'); do
    # it may have ended meanwhile
    if unit=$(grep -som1 -E 'glab[0-9]+-[0-9]+' "/proc/$pid/cgroup"); then echo "process $pid of $unit"; fi
  done
  find /sys/fs/cgroup -maxdepth 3 -type d -name 'glab[0-9]*-*' -printf 'cgroup %p\n' 2>/dev/null || true
  awk '$5 ~ /\/glab[0-9]+-[0-9]+(\/|$)/ { print "mount " $5 }' /proc/self/mountinfo
  if command -v ip >/dev/null; then
    ip netns list | awk '/^glab[0-9]/ { print "network namespace " $1 }'
    ip -oneline link show | awk -F '[ @:]+' '$2 ~ /^glab[0-9]/ { print "link " $2 }'
    ip route show root "$NET.0.0/16" | awk -v last="$LAST_RESORT" '/ dev glab[0-9]/ || $0 ~ last { print "route " $0 }'
  fi
  if command -v nft >/dev/null; then
    nft list tables | awk '$3 ~ /^glab[0-9]/ { print "nft table " $3 }'
  fi
  find "$RESERVED" -mindepth 1 -printf 'file %p %l\n' 2>/dev/null || true
  find /run/systemd/nspawn -mindepth 1 -name 'glab[0-9]*' -printf 'folder %p\n' 2>/dev/null || true
  find "$STATE" -mindepth 1 -maxdepth 1 -name '*-????????' -printf 'folder %p\n' 2>/dev/null || true
  find "$CACHE/bases" -mindepth 1 -maxdepth 1 -name '*.tmp' -printf 'folder %p\n' 2>/dev/null || true
  find "$CHECKOUT/.lab" -mindepth 1 -maxdepth 1 -printf 'folder %p\n' 2>/dev/null || true
}

# An extended regular expression for the lines of all_lab_things that belong to finished labs, or to what other runs are
# making right now.
rightful_things() {
  local link number folder lock words=()
  for link in "$RESERVED"/[0-9]*; do
    number=${link##*/}
    folder=$(readlink "$link")
    if [[ -e $folder/ready ]] || is_locked "$(lab_lock "$folder")"; then
      words+=("\\bglab$number\\b" "\\b$NET\\.$number\\." "^file $link " "^file $RESERVED/was\\.")
      words+=("^folder $folder$" "^folder $(<"$folder/checkout")/.lab/$(<"$folder/name")$")
    fi
  done
  for lock in "$CACHE"/bases/*.lock; do
    ! is_locked "$lock" || words+=("^folder ${lock%.lock}-[0-9a-f]+\\.tmp$")
  done
  local IFS='|'
  echo "${words[*]:-^$}"
}
