#!/usr/bin/env zsh
# complete.zsh SCRIPT LINE - what zsh offers behind LINE, a line each. Only its line editor completes, so it gets a terminal; what is
# handed to compadd goes to a file, and the shell in there ends after its first completion.
emulate -R zsh
zmodload zsh/zpty
found=$1.found
: >$found
cat >$1.rc <<END
PROMPT=
autoload -Uz compinit
compinit -D -u
source $1
bindkey '^M' undefined-key
bindkey '^J' undefined-key
bindkey '^I' complete-word
comppostfuncs=(exit)
zstyle ':completion:*' insert-tab false
zstyle ':completion:*' list-separator ''
compadd() {
    if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "\$@"
        return
    fi
    local -a hits
    builtin compadd -A hits "\$@"
    (( \${#hits} == 0 )) || print -rl -- \$hits >>$found
    builtin compadd "\$@"
}
print its turn
END
zpty asked zsh -f -i
zpty -w asked "source $1.rc"
zpty -r asked heard $'*its turn\r*'
zpty -w -n asked "$2"$'\t'
while zpty -r asked heard 2>/dev/null; do :; done
zpty -d asked
cat $found
