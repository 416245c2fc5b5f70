# shellcheck shell=bash
# Labs on this machine: their names, folders and locks, and the command list.

# A lab is known by its name and its checkout, a network by its number, and everything the kernel keeps by these names:
# glab7 (bridge and nft table of network 7), glab7-11 (namespace, veth, cgroup, unit and machine of its host .11).
lab_folder() {
  [[ $1 =~ ^[a-z0-9][a-z0-9_-]{0,40}$ ]] || die "'$1' is no name for a lab: use lower-case letters, digits, - and _."
  local checkout_hash
  checkout_hash=$(sha256sum <<<"$CHECKOUT")
  echo "$STATE/$1-${checkout_hash:0:8}"
}

# Only what this script has made: the state folder may be one that holds other things as well.
all_lab_folders() {
  local folder
  for folder in "$STATE"/*-????????; do
    [[ ! -e $folder/checkout && -n $(ls -A "$folder") ]] || echo "$folder"
  done
}

lab_lock() { echo "/run/lock/glanceops-lab-${1##*/}.lock"; }

hosts_in_words() {
  local host_folder words=
  for host_folder in "$1"/glab*; do
    words+=", $(<"$host_folder/host") $(<"$host_folder/address") ($(<"$host_folder/suite"))"
  done
  echo "${words#, }"
}

host_state() {
  if [[ -z $(host_processes "${1##*/}") ]]; then echo stopped
  elif [[ -e ${1%/*}/ready ]]; then echo running
  else echo unfinished
  fi
}

cmd_list() {
  local folder host_folder
  for folder in $(all_lab_folders); do
    for host_folder in "$folder"/glab*; do
      [[ -s $host_folder/address ]] || continue
      printf '%-12s %-20s %-15s %-10s %-10s %s\n' "$(<"$folder/name")" "$(<"$host_folder/host")" \
        "$(<"$host_folder/address")" "$(<"$host_folder/suite")" "$(host_state "$host_folder")" "$(<"$folder/checkout")"
    done
  done
}
