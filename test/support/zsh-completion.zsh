# Drives an interactive zsh on a pseudo-terminal. Usage: zsh -f zsh-completion.zsh SETUP LINE...
# SETUP is run in it first. A LINE ends with the key to press behind it: TAB completes, Ctrl-B inserts every match.
# For each LINE the words that the command then got are printed: <get><-o><json>.
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PS1=; stty -echo; autoload -Uz compinit; compinit -u -D; $1
zle -C all complete-word _generic; bindkey '^B' all
zstyle ':completion:all:*' completer _all_matches _complete; zstyle ':completion:all:*' insert yes
weir() { if [[ \$1 == __complete ]]; then command weir \"\$@\"; else print -r -- \"GOT:<\${(j:><:)@}>:END\"; fi }
print RE''ADY"
zpty -r inner out '*READY*'
shift
for line in "$@"; do
  zpty -w -n inner "$line"$'\n'
  zpty -r inner out '*GOT:*:END*'
  print -r -- "${${out##*GOT:}%%:END*}"
done
zpty -d inner
