# Completion of lml for fish: what completion.bash offers, asked of bash.
function __lml_offer
    set -l line (commandline --cut-at-cursor --current-process | string collect)
    set -l word (commandline --cut-at-cursor --current-token | string collect)
    bash -c 'source <("$1" completion bash); COMP_LINE=$2 COMP_POINT=${#2}
        _lml lml "$3" ""; printf "%s\n" "${COMPREPLY[@]}"' lml-completion "$_lml_root/lml" "$line" "$word" 2>/dev/null |
        string match --regex '.+'
end

complete --command lml --condition 'set -g __lml_words (__lml_offer)' --no-files --arguments '$__lml_words'
