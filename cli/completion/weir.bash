# bash completion for weir. Install: source <(weir completion bash)

# Puts the words before the cursor into `words`. Readline also splits at the characters of COMP_WORDBREAKS (= and : among them);
# what no blank parts is one word again here.
_weir_words() {
  local rest=${COMP_LINE:0:COMP_POINT} trimmed word i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    trimmed=${rest#"${rest%%[![:blank:]]*}"}
    word=${COMP_WORDS[i]}
    # The last word ends at the cursor, whatever stands behind it.
    [[ $i -eq $COMP_CWORD ]] && word=$trimmed
    if [[ $i -eq 0 || $trimmed != "$rest" ]]; then
      words+=("${word//[\"\'\\]/}")
    else
      words[${#words[@]}-1]+=${word//[\"\'\\]/}
    fi
    rest=${trimmed#"$word"}
  done
}

_weir() {
  local words line current lead paths=
  _weir_words
  current=${words[${#words[@]}-1]}
  # Readline replaces only what follows the last = or : of the word.
  [[ $current == *[=:]* ]] && lead=${current%"${current##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) paths=${line#:} ;;
      *)
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#"$lead"}")
        ;;
    esac
  done < <("${1/#\~\//$HOME/}" __complete "${words[@]:1}" 2>/dev/null)
  current=${current#"$lead"}
  case $paths in
    file) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current") ;;
    folder) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$current") ;;
  esac
  # Slashes behind folders, and quotes where a path needs them.
  [[ $paths == file || $paths == folder ]] && compopt -o filenames 2>/dev/null
  return 0
}

complete -F _weir weir
