# `./lml doctor`: what is here, what is missing, what to do about it. Sourced by the launcher; builds and installs nothing,
# and needs bash and coreutils alone.

notes=()  # status, name, what there is to say
note() { notes+=("$1" "$2" "$3"); }

json_text() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  printf '"%s"' "$text"
}

nearest() {  # what is there: the folder, or the nearest above it
  local folder=$1
  while [[ ! -e $folder && $folder == */* ]]; do folder=${folder%/*}; done
  printf '%s' "${folder:-/}"
}

at_least() {  # VERSION MAJOR MINOR
  local major minor
  IFS=. read -r major minor _ <<<"$1"
  ((${major:-0} > $2 || (${major:-0} == $2 && ${minor:-0} >= $3)))
}

look_at_tools() {
  local compiler=${CXX:-c++} version lacking=() package
  if [[ -n $lost_compiler ]]; then
    note missing compiler "no $lost_compiler, which CXX names: name another, or leave it away"
    unfit+=("a compiler: CXX=$lost_compiler is not here")
  elif ! command -v "${compiler%% *}" >/dev/null; then
    note missing compiler "no ${compiler%% *}: package g++, or name one with CXX"
  else
    version=$($compiler -dumpfullversion -dumpversion 2>/dev/null) || version=
    if ! printf '#if __cplusplus < 202002L || !__has_include(<span>)\n#error\n#endif\n' |
      $compiler -std=c++20 -E -x c++ - >/dev/null 2>&1; then
      note missing compiler "${compiler%% *} ${version:-} does not know C++20: name another with CXX"
      unfit+=("a compiler for C++20")
    else
      note ok compiler "${compiler%% *} $version"
    fi
  fi
  if ! command -v cmake >/dev/null; then note missing cmake "package cmake, 3.25 or newer"; else
    read -r _ _ version _ < <(cmake --version 2>/dev/null) || version=
    if at_least "$version" 3 25; then note ok cmake "$version"; else
      note missing cmake "$version is too old: 3.25 or newer"
      unfit+=("cmake 3.25 or newer")
    fi
  fi
  if command -v ninja >/dev/null; then note ok ninja "$(ninja --version 2>/dev/null)"; else
    note missing ninja "package ninja-build"
  fi
  for package in "${missing[@]}"; do
    [[ $package == lib*-dev || $package == *json3-dev || $package == zlib1g-dev ]] && lacking+=("$package")
  done
  [[ -z $lost_compiler ]] || compiler=c++
  if ! command -v "${compiler%% *}" >/dev/null; then note missing headers "not looked for without a compiler"
  elif ((${#lacking[@]} == 0)); then note ok headers "all ${#headers[@]}: Eigen, Boost, MPFI, JSON, ..."
  else note missing headers "${#lacking[@]} of ${#headers[@]}: ${lacking[*]}"; fi
}

look_at_build() {
  local parent free_kb free memory=0 key value state=ok
  parent=$(nearest "$build")
  if [[ ! -d $parent || ! -w $parent ]]; then
    note missing "build folder" "cannot write to $parent: name another with LML_BUILD"
    unfit+=("a build folder: LML_BUILD=/path/to/folder")
  elif [[ $current == yes ]]; then note ok program "built in ${build#"$root"/}"
  elif [[ ! -x $program ]]; then note ok program "not built yet: the first call builds it (5 to 10 minutes on 2 cores)"
  else note ok program "older than its sources or from elsewhere: the next call builds"; fi
  free_kb=$(df -Pk "$parent" 2>/dev/null | { read -r _; read -r _ _ _ value _; printf '%s' "${value:-0}"; }) || free_kb=0
  free=$((free_kb / 1024))
  if [[ $current == yes ]] || ((free >= 1024)); then note ok "disk space" "$((free / 1024)) GB in $parent"; else
    note missing "disk space" "$free MB in $parent: the build wants 1 GB; or set LML_BUILD"
    unfit+=("1 GB of disk, or LML_BUILD on another disk")
  fi
  while read -r key value _; do
    if [[ $key == MemAvailable: ]]; then memory=$((value / 1024)); break; fi
  done 2>/dev/null </proc/meminfo || true
  [[ $current == yes ]] || ((memory == 0 || memory >= 1024 * $(nproc))) || state=optional
  value="$((memory / 1024)) GB free, $(nproc) cores"
  [[ $state == ok ]] || value+=": a build takes 1 GB a core; it may be slow"
  note $state memory "$value"
}

look_at_extras() {
  local folder here=() away=() line name=''
  if [[ " ${wanted[*]} " == *" $data_package "* ]]; then
    note optional Fashion-MNIST "package $data_package; else claims not_run"
  else note ok Fashion-MNIST "$([[ -r $data_file ]] && printf '%s' "${data_file%/*}" || printf 'in LML_DATA')"; fi
  if ! command -v python3 >/dev/null; then
    note optional python3 "package python3: the report and figures need it"
    note optional matplotlib "package python3-matplotlib: figures need it"
  else
    note ok python3 "$(python3 --version 2>&1)"
    if python_finds matplotlib; then note ok matplotlib "here, for figures"
    else note optional matplotlib "package python3-matplotlib: figures need it"; fi
  fi
  if [[ ${LML_TORCH:-} == off ]]; then note optional LibTorch "LML_TORCH=off: networks are left away"
  elif [[ -x $torch_program ]]; then note ok LibTorch "built: networks run"
  elif libtorch_fetched; then note ok LibTorch "here; its part is built at first need"
  elif [[ " ${later[*]} " != *' python3-venv '* ]]; then note optional LibTorch "for networks: 1.3 GB, fetched at first need"
  else note optional LibTorch "for networks: package python3-venv, then 1.3 GB at first need"; fi
  if command -v mpirun >/dev/null && command -v mpicxx >/dev/null; then note ok MPI "$(command -v mpirun)"
  else note optional MPI "for several machines: packages libopenmpi-dev openmpi-bin"; fi
  if [[ -e /dev/nvidia0 ]]; then
    while IFS=: read -r line name; do [[ $line == Model* ]] && break; done \
      2>/dev/null < <(cat /proc/driver/nvidia/gpus/*/information 2>/dev/null) || true
    read -r name <<<"${name:-NVIDIA}"
    note ok GPU "$name, for networks (--device cuda)"
  else note optional GPU "none; only networks could use one"; fi
  if [[ -z ${LML_DATA:-} ]]; then note optional LML_DATA "not set: the folder of pretrained models and CIFAR-10"
  elif [[ ! -d $LML_DATA ]]; then note optional LML_DATA "no folder $LML_DATA"
  else
    for folder in cifar10 anime64 celeba40 features; do
      if [[ -d $LML_DATA/$folder || ($folder == cifar10 && -d $LML_DATA/cifar-10-batches-bin) ]]; then here+=("$folder")
      else away+=("$folder"); fi
    done
    if ((${#away[@]} == 0)); then note ok LML_DATA "${here[*]}"
    else note optional LML_DATA "without ${away[*]}${here[*]:+; has ${here[*]}}"; fi
  fi
}

what_for() {  # PACKAGE: what cannot be had without it; nothing where that is ./lml check
  case $1 in
    "$data_package") printf 'claims on Fashion-MNIST' ;;
    python3) printf 'the report' ;;
    python3-matplotlib) printf 'figures' ;;
    python3-venv) printf 'networks' ;;
  esac
}

# One command that installs what is given, in lines that can be pasted.
installation() {  # PACKAGE...
  local line=$'apt-get update && apt-get install -y --no-install-recommends' package width=81
  for package in "$@"; do
    if ((width + ${#package} > 70)); then line+=$' \\\n   ' width=3; fi
    line+=" $package" width=$((width + ${#package} + 1))
  done
  if ((EUID == 0)); then printf '%s' "$line"
  elif command -v sudo >/dev/null; then printf "sudo sh -c '%s'" "$line"
  else printf "su - -c '%s'" "$line"; fi
}

doctor() {
  local json=no argument current=no ready=yes fix='' unfit=() i first=yes bold='' plain='' packages package to_fetch=''
  for argument; do
    case $argument in
      --json) json=yes ;;
      -h | --help)
        printf '%s\n' "what is here, what is missing, what to do about it" "Usage: ./lml doctor [--json]" "" \
          "Looks only: installs and builds nothing. Exit status 0 if ./lml check can run" \
          "now, 3 if something is missing; the last lines are the command that brings it." "" \
          "Examples:" "  ./lml doctor" "  ./lml doctor --json"
        return 0
        ;;
      *) printf 'lml: doctor does not know %s; see ./lml doctor --help\n' "$argument" >&2; return 2 ;;
    esac
  done
  look_for_packages
  ! is_current "$program" "$stamp" || current=yes
  look_at_tools
  look_at_build
  look_at_extras
  packages=("${missing[@]}" "${wanted[@]}" "${later[@]}")
  if [[ $current == no ]] && ((${#missing[@]} + ${#unfit[@]} > 0)); then ready=no; fi
  if ((${#packages[@]} > 0)) && command -v apt-get >/dev/null; then fix=$(installation "${packages[@]}")
  elif ((${#missing[@]} > 0)); then unfit+=("by their Debian names: ${missing[*]}"); fi
  if [[ ${LML_TORCH:-} != off && ! -x $torch_program ]] && ! libtorch_fetched; then
    to_fetch="LibTorch ($([[ -e /dev/nvidia0 ]] && printf 4.6 || printf 1.3) GB, PyPI)"
  fi
  if ((${#missing[@]} > 0)); then note optional network "needed once, for the packages below${to_fetch:+ and $to_fetch}"
  elif [[ -n $to_fetch ]]; then note optional network "needed once, for $to_fetch; else claims on networks are not_run"
  elif [[ $ready == yes ]]; then note ok network "not needed for ./lml check"; fi
  if [[ $json == yes ]]; then
    printf '{"command":"doctor","ready":%s,"parts":[' "$([[ $ready == yes ]] && printf true || printf false)"
    for ((i = 0; i < ${#notes[@]}; i += 3)); do
      [[ $first == yes ]] || printf ','
      first=no
      printf '\n {"part":%s,"status":"%s","note":%s}' \
        "$(json_text "${notes[i + 1]}")" "${notes[i]}" "$(json_text "${notes[i + 2]}")"
    done
    printf '],\n"install":%s}\n' "$(json_text "$fix")"
  else
    [[ ! -t 1 || -n ${NO_COLOR:-} || ${TERM:-dumb} == dumb ]] || bold=$'\033[1m' plain=$'\033[0m'
    for ((i = 0; i < ${#notes[@]}; i += 3)); do
      argument=${notes[i + 2]}
      # What does not fit goes on below.
      printf '%s%-9s%s %-13s ' "$([[ ${notes[i]} == missing ]] && printf '%s' "$bold")" "${notes[i]}" "$plain" "${notes[i + 1]}"
      while ((${#argument} > 56)); do
        local piece=${argument:0:57}
        if [[ $piece == *' '* ]]; then piece=${piece% *}; else piece=$argument; fi
        printf '%s\n' "$piece"
        argument=${argument:${#piece}}
        argument=${argument# }
        [[ -z $argument ]] || printf '%24s' ''
      done
      printf '%s\n' "$argument"
    done
    printf '\n'
    if [[ $ready == yes ]]; then printf './lml check can run now.\n'
    elif ((${#unfit[@]} > 0)); then printf './lml check cannot run yet. It needs %s\n' "${unfit[@]}"; fi
    if [[ -n $fix ]]; then
      if ((${#missing[@]} == 0)); then printf 'This brings what is optional, for all commands:\n'
      elif ((EUID == 0)); then printf 'Next: ./lml check. It installs what is missing itself; by hand, for all:\n'
      else printf 'This brings what is missing, for all commands; then ./lml check:\n'; fi
      printf '\n%s\n' "$fix"
      first=yes
      for package in "${packages[@]}"; do
        [[ -n $(what_for "$package") ]] || continue
        if [[ $first == yes ]]; then
          printf '\n'
          ((${#missing[@]} == 0)) || printf 'Of these, optional:\n'
        fi
        first=no
        printf '  %-22s for %s\n' "$package" "$(what_for "$package")"
      done
    fi
  fi
  [[ $ready == yes ]] || return 3
}
