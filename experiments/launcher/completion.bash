# Completion of lml for bash, and for zsh through bashcompinit. It asks the program that is built; it never builds one.
if [ -n "${ZSH_VERSION:-}" ]; then
  autoload -U +X compinit && compinit -u
  autoload -U +X bashcompinit && bashcompinit
fi

_lml_program() {
  local build=${LML_BUILD:-build/release}
  case $build in /*) ;; *) build=$_lml_root/$build ;; esac
  [ ! -x "$build/experiments/lml" ] || "$build/experiments/lml" "$@" 2>/dev/null </dev/null
}

_lml_help() {  # [COMMAND...]: that command's help
  case ${1:-} in
    doctor) printf '  --json\n' ;;
    test | completion) printf '  -h,--help\n' ;;
    *) _lml_program "$@" --help ;;
  esac
}

_lml_names() {  # FOLDER: names of its .toml files
  local file
  for file in $(cd "$_lml_root/$1" && printf '%s\n' *.toml); do printf '%s\n' "${file%.toml}"; done
}

_lml_commands() {
  printf '%s\n' check doctor completion test
  _lml_help | sed -n '/^Subcommands:/,/^$/ s/^  \([a-z-]*\) .*/\1/p'
}

_lml_targets() { _lml_program targets | sed -n '2,/^$/ s/ .*//p'; }

_lml_offer() {  # BEGINNING WORD...: those that begin so
  local beginning=$1 word
  shift
  for word; do
    case $word in "$beginning"*) COMPREPLY+=("$word") ;; esac
  done
}

_lml() {
  local current=$2 command='' second='' word first=yes said words='' line=${COMP_LINE:-}
  [ -z "${ZSH_VERSION:-}" ] || setopt localoptions shwordsplit
  COMPREPLY=()
  line=${line:0:${COMP_POINT:-${#line}}}
  # Of all words but the last: the command, and of `bench` what it measures.
  for word in $line; do
    if [ "$first" = yes ]; then first=no
    elif [ "$word" = "$current" ] && [ "${line% }" = "$line" ]; then break
    elif [ -z "$command" ]; then case $word in -*) ;; *) command=$word ;; esac
    elif [ -z "$second" ]; then case $word in -*) ;; *) second=$word ;; esac; fi
  done
  word=${line##* }
  case $word in
    target=*)
      words=$(_lml_targets)
      # bash takes "=" for a break between words, zsh does not.
      case $current in
        target=*) words=$(printf 'target=%s\n' $words) ;;
        =) current='' ;;
      esac
      _lml_offer "$current" $words
      return
      ;;
    *=*) return ;;
  esac
  said=${line% *}
  case ${said##* } in
    --target) words=$(_lml_targets) ;;
    --claim) words=$(_lml_names paper_checks/claims) ;;
    --device) words='cpu cuda' ;;
    --precision) words='float64 float32 bfloat16' ;;
    --set)
      words=target=
      compopt -o nospace 2>/dev/null
      ;;
    --out | --results | --findings | --record | --seed | --threads | --batch) return ;;
    *)
      case $current in
        -*) words="$(_lml_help ${command:+"$command"} $([ "$command" = bench ] && printf '%s' "$second") |
          sed -n 's/^  \(-h,\)\{0,1\}\(--[a-z-]*\).*/\2/p')" ;;
        *)
          case $command in
            '') words=$(_lml_commands) ;;
            check) words=$(_lml_names paper_checks/claims) ;;
            run) words="all $(_lml_names experiments)" ;;
            completion) words='bash zsh fish' ;;
            bench) [ -n "$second" ] || words='score dynamics samplers networks' ;;
          esac
          ;;
      esac
      ;;
  esac
  _lml_offer "$current" $words
}

complete -o default -F _lml lml
