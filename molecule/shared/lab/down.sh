# shellcheck shell=bash
# The commands down and clean.

cmd_down() {
  local name=${1:-} folder started=$EPOCHREALTIME
  [[ -n $name ]] || die "name the lab to take down; see: $0 list"
  folder=$(lab_folder "$name")
  [[ $EUID == 0 ]] || die "taking a lab down needs root."
  lock 8 "$(lab_lock "$folder")" "it works on the lab $name"
  if [[ -d $folder ]]; then
    take_down "$folder"
    say "the lab $name is down after $(seconds_since "$started") s"
    echo changed
  else
    echo unchanged
  fi
  unlock 8 "$(lab_lock "$folder")"
}

# take_down LAB_FOLDER: fine with whatever a killed run has left.
take_down() {
  local folder=$1 number files hosts
  [[ -d $folder ]] || return 0
  rm -f "$folder/ready"
  hosts=("$folder"/glab*)
  each_in_parallel remove_host "${hosts[@]}"
  number=$(lab_number "$folder")
  [[ -z $number ]] || release_network "$number"
  if [[ -s $folder/name && -s $folder/checkout ]]; then
    files=$(<"$folder/checkout")/.lab/$(<"$folder/name")
    rm -rf "$files"
    rmdir --ignore-fail-on-non-empty "${files%/*}" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$folder"
  rmdir --ignore-fail-on-non-empty "$STATE"
}

cmd_clean() {
  local folder found=unchanged
  [[ $EUID == 0 ]] || die "taking labs down needs root."
  for folder in $(all_lab_folders); do
    lock 8 "$(lab_lock "$folder")" "it works on a lab"
    take_down "$folder"
    unlock 8 "$(lab_lock "$folder")"
    found=changed
  done
  ! grep -q "lowerdir=$CACHE/bases/" /proc/self/mountinfo ||
    die "a lab of another state folder stands on the bases in $CACHE: take it down first."
  if [[ -e $CACHE/bases ]]; then
    say "removing the bases in $CACHE"
    rm -rf --one-file-system "$CACHE/bases"
    rmdir --ignore-fail-on-non-empty "$CACHE"
    found=changed
  fi
  echo "$found"
}
