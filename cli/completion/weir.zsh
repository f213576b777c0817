#compdef weir
# zsh completion for weir. Install: source <(weir completion zsh), or save as _weir in a folder of $fpath

_weir() {
  local line paths name
  local -a lines items before
  (( CURRENT > 2 )) && before=("${(@Q)words[2,CURRENT-1]}")
  lines=("${(@f)$("${words[1]/#\~\//$HOME/}" __complete "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}")
  for line in "${lines[@]}"; do
    case $line in
      '') ;;
      :*) paths=${line#:} ;;
      *)
        name=${line%%$'\t'*}
        # A colon would end the word: _describe takes word:help.
        items+=("${name//:/\\:}:${line#*$'\t'}")
        ;;
    esac
  done
  (( ${#items} )) && _describe -V weir items
  [[ $PREFIX == --*=* ]] && compset -P '*='
  case $paths in
    file) _files ;;
    folder) _files -/ ;;
  esac
}

# Run by the completion system when the file was autoloaded from $fpath, else registered with it.
if [[ $funcstack[1] == _weir ]]; then
  _weir "$@"
else
  compdef _weir weir
fi
