# shellcheck shell=bash
# The command up.

cmd_up() {
  (($# >= 2)) || die "name a lab and its hosts, for example: $0 up deploy glance1=bookworm"
  local name=$1 files=$CHECKOUT/.lab/$1 folder number host_folder started=$EPOCHREALTIME
  shift
  folder=$(lab_folder "$name")
  check_specs "$@"
  check_machine
  require_tools
  require_bases "$@"
  lock 8 "$(lab_lock "$folder")" "it works on the lab $name"
  if lab_stands "$folder" "$name" "$@"; then
    say "the lab $name stands already: $(hosts_in_words "$folder")"
    unlock 8 "$(lab_lock "$folder")"
    echo unchanged
    return
  fi
  take_down "$folder"

  mkdir -p "$folder"
  echo "$CHECKOUT" >"$folder/checkout"
  echo "$name" >"$folder/name"
  allocate_network "$folder"
  number=$(lab_number "$folder")

  lay_out_hosts "$folder" "$number" "$@"
  rm -rf "$files"
  mkdir -p "$files"
  ssh-keygen -q -t ed25519 -N '' -C "lab $name" -f "$files/id_ed25519"
  cp "$files/id_ed25519.pub" "$folder/authorized_keys"
  each_in_parallel make_host "$folder"/glab*
  write_controller_files "$folder" "$files"
  for host_folder in "$folder"/glab*; do start_host "$host_folder"; done
  each_in_parallel wait_for_host "$folder"/glab*
  canonical_specs "$@" >"$folder/ready"
  unlock 8 "$(lab_lock "$folder")"
  say "the lab $name is up after $(seconds_since "$started") s: $(hosts_in_words "$folder")"
  say "log in with: ssh -F .lab/$name/ssh_config $(<"$folder/glab$number-11/host")"
  echo changed
}

# check_specs HOST=SUITE...
check_specs() {
  local spec seen=' '
  (($# <= 200)) || die "a lab has at most 200 hosts."
  for spec; do
    [[ $spec =~ ^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)=(.+)$ ]] || die "'$spec' is not HOST=SUITE with a plain lower-case host name."
    [[ $seen != *" ${BASH_REMATCH[1]} "* ]] || die "the host ${BASH_REMATCH[1]} is named twice."
    seen+="${BASH_REMATCH[1]} "
    suite_name "${spec#*=}" >/dev/null
  done
}

# The order of the hosts does not matter to who asks whether a lab stands, nor does 12 for bookworm.
canonical_specs() {
  local spec
  for spec; do echo "${spec%%=*}=$(suite_name "${spec#*=}")"; done | sort
}

# A lab that was finished, has just these hosts, and whose hosts answer, is kept.
lab_stands() {
  local folder=$1 name=$2
  shift 2
  [[ -e $folder/ready && $(<"$folder/ready") == "$(canonical_specs "$@")" ]] || return 1
  [[ -e $CHECKOUT/.lab/$name/inventory.yml && -n $(lab_number "$folder") ]] || return 1
  each_in_parallel answers_ssh "$folder"/glab*
}
