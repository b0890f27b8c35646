/* completion.c - the three scripts: each a head of its own, then rows made from the table. */
#include "app/completion.h"

#include <string.h>

#include "app/cmd_words.h"

/* Text between single quotes: what is quoted in there, and how, differs from shell to shell. */
static bool add_quoted(struct buf *out, const char *text, const char *specials, const char *quote)
{
    bool ok = true;

    for (const char *p = text; ok && *p; p++)
        ok = *p == '\'' ? buf_add_text(out, quote)
                        : (!strchr(specials, *p) || buf_add_text(out, "\\")) && buf_add(out, p, 1);
    return ok;
}

/* Keys of profiles, once for all options that take one. */
static bool add_keys(struct buf *out, const char *before, const char *behind)
{
    return buf_add_text(out, before) && cmd_fill_words(out, slice_of("section.key=value"), " ") &&
           buf_add_text(out, behind);
}

/* ---------------------------------------------------------------------------------------------------------------- bash */

static const char bash_head[] =
    "# bash completion of postmuster, made by `postmuster completion bash`.\n"
    "# Functions set `what`: flag, any, file, dir, profile, run, key or words WORDS.\n";

static const char bash_foot[] =
    "_postmuster_add() { # the candidates that `what` is about, for the word $1\n"
    "    local runs=$2 program=$3 d\n"
    "    case $what in\n"
    "    words\\ *) mapfile -t COMPREPLY < <(compgen -W \"${what#* }\" -- \"$1\") ;;\n"
    "    key)\n"
    "        case $1 in *=*) return ;; esac\n"
    "        compopt -o nospace 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$_postmuster_keys\" -- \"$1\")\n"
    "        ;;\n"
    "    dir | file | run | profile)\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(\n"
    "            case $what in\n"
    "            dir) compgen -d -- \"$1\" ;;\n"
    "            file) compgen -f -- \"$1\" ;;\n"
    "            profile)\n"
    "                compgen -W \"$(\"$program\" profiles 2>/dev/null | cut -d ' ' -f 1)\" -- "
    "\"$1\"\n"
    "                compgen -f -X '!*.yaml' -- \"$1\"\n"
    "                compgen -d -- \"$1\"\n"
    "                ;;\n"
    "            run)\n"
    "                for d in \"$runs\"/*/manifest.json; do\n"
    "                    d=${d%/manifest.json} d=${d##*/}\n"
    "                    [ \"$d\" = '*' ] || [ \"${d#\"$1\"}\" = \"$d\" ] && [ -n \"$1\" ] || echo "
    "\"$d\"\n"
    "                done\n"
    "                compgen -d -- \"$1\"\n"
    "                ;;\n"
    "            esac\n"
    "        )\n"
    "        ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_postmuster() {\n"
    "    local words=() w what runs=results/runs command operands=0 i cur\n"
    "    COMPREPLY=()\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do # readline cuts at = and :, which belong to a "
    "word here\n"
    "        w=${COMP_WORDS[i]}\n"
    "        if ((${#words[@]} > 2)) && [[ $w == [=:]* || ${words[-1]} == *[=:] ]]; then\n"
    "            words[-1]+=$w\n"
    "        else\n"
    "            words+=(\"$w\")\n"
    "        fi\n"
    "    done\n"
    "    cur=${words[-1]} command=${words[1]}\n"
    "    if ((${#words[@]} == 2)); then\n"
    "        _postmuster_what help @1\n"
    "        _postmuster_add \"$cur\"\n"
    "        return\n"
    "    fi\n"
    "    for ((i = 2; i < ${#words[@]} - 1; i++)); do\n"
    "        w=${words[i]}\n"
    "        case $w in\n"
    "        --runs=*) runs=${w#*=} ;;\n"
    "        -*=*) ;;\n"
    "        -*)\n"
    "            _postmuster_what \"$command\" \"$w\"\n"
    "            [ \"$what\" = flag ] && continue\n"
    "            if ((++i == ${#words[@]} - 1)); then\n"
    "                _postmuster_add \"$cur\" \"$runs\" \"$1\"\n"
    "                return\n"
    "            fi\n"
    "            [ \"$w\" != --runs ] || runs=${words[i]}\n"
    "            ;;\n"
    "        *) operands=$((operands + 1)) ;;\n"
    "        esac\n"
    "    done\n"
    "    case $cur in\n"
    "    --*=*)\n"
    "        _postmuster_what \"$command\" \"${cur%%=*}\"\n"
    "        cur=${cur#*=}\n"
    "        ;;\n"
    "    -*)\n"
    "        _postmuster_options \"$command\"\n"
    "        ;;\n"
    "    *) _postmuster_what \"$command\" \"@$((operands + 1))\" ;;\n"
    "    esac\n"
    "    _postmuster_add \"$cur\" \"$runs\" \"$1\"\n"
    "}\n"
    "\n"
    "complete -F _postmuster postmuster\n";

static bool bash_fill(struct buf *out, struct slice word)
{
    static const char *const names[] = {
        [FILL_ANY] = "any",     [FILL_PROFILE] = "profile", [FILL_RUN] = "run",
        [FILL_FILE] = "file",   [FILL_DIR] = "dir",         [FILL_KEY] = "key",
        [FILL_WORDS] = "words "};
    enum cmd_fill fill = cmd_fill_of(word);

    return buf_add_format(out, ") what='%s", names[fill]) &&
           (fill != FILL_WORDS || cmd_fill_words(out, word, " ")) && buf_add_text(out, "' ;;\n");
}

static bool bash_command(struct buf *out, const struct cmd *c)
{
    struct slice word;
    bool ok = true;

    for (const struct cmd_word *w = c->options; ok && !cmd_word_is_last(w); w++) {
        if (!w->name)
            continue;
        ok =
            buf_add_text(out, "    ") &&
            (!w->letter || buf_add_format(out, "%s:-%c | ", c->name, w->letter)) &&
            buf_add_format(out, "%s:--%s", c->name, w->name) &&
            (w->value ? bash_fill(out, slice_of(w->value)) : buf_add_text(out, ") what=flag ;;\n"));
    }
    for (unsigned i = 0; ok && cmd_operand(c, i, &word); i++) {
        bool repeats = cmd_operand_repeats(c, i);

        ok = (repeats ? buf_add_format(out, "    %s:@*", c->name)
                      : buf_add_format(out, "    %s:@%u", c->name, i + 1)) &&
             bash_fill(out, word);
        if (repeats)
            break;
    }
    return ok;
}

static bool bash_options(struct buf *out, const struct cmd *c)
{
    bool ok = buf_add_format(out, "    %s) what='words --help", c->name);

    for (const struct cmd_word *w = c->options; ok && !cmd_word_is_last(w); w++)
        ok = !w->name || ((!w->letter || buf_add_format(out, " -%c", w->letter)) &&
                          buf_add_format(out, " --%s", w->name));
    return ok && buf_add_text(out, "' ;;\n");
}

bool completion_bash(struct buf *out)
{
    bool ok = buf_add_text(out, bash_head) && add_keys(out, "_postmuster_keys='", "'\n\n") &&
              buf_add_text(out, "_postmuster_what() { # COMMAND OPTION | COMMAND @PLACE\n"
                                "    case $1:$2 in\n");

    for (const struct cmd *c = cmd_table; ok && c->name; c++)
        ok = bash_command(out, c);
    ok = ok && buf_add_text(out, "    *:-h | *:--help) what=flag ;;\n    *) what=any ;;\n"
                                 "    esac\n}\n\n_postmuster_options() { # COMMAND\n"
                                 "    case $1 in\n");
    for (const struct cmd *c = cmd_table; ok && c->name; c++)
        ok = bash_options(out, c);
    return ok && buf_add_text(out, "    *) what=any ;;\n    esac\n}\n\n") &&
           buf_add_text(out, bash_foot);
}

/* ----------------------------------------------------------------------------------------------------------------- zsh */

static const char zsh_head[] =
    "# zsh completion of postmuster, made by `postmuster completion zsh`.\n"
    "_postmuster_profiles() {\n"
    "    local -a names\n"
    "    names=(${${(f)\"$(_call_program profiles $service profiles 2>/dev/null)\"}%% *})\n"
    "    _alternative 'shipped:shipped profile:compadd -a names' 'files:profile:_files -g "
    "\"*.yaml\"'\n"
    "}\n"
    "\n"
    "_postmuster_runs() {\n"
    "    local -a names\n"
    "    names=(${~${opt_args[--runs]:-results/runs}}/*/manifest.json(N:h:t))\n"
    "    _alternative 'runs:run:compadd -a names' 'folders:run folder:_files -/'\n"
    "}\n"
    "\n"
    "_postmuster() {\n"
    "    local context state state_descr line\n"
    "    typeset -A opt_args\n"
    "    _arguments -C '(- 1 *)'{-h,--help}'[how it is called]' '1:command:->command' "
    "'*::argument:->rest' && return\n"
    "    if [[ $state == command ]]; then\n"
    "        local -a commands\n"
    "        commands=(\n";

static const char zsh_foot[] = "    esac\n"
                               "}\n"
                               "\n"
                               "if [[ $funcstack[1] == _postmuster ]]; then\n"
                               "    _postmuster \"$@\"\n"
                               "else\n"
                               "    compdef _postmuster postmuster\n"
                               "fi\n";

#define ZSH_QUOTE "'\\''"

static bool zsh_fill(struct buf *out, struct slice word)
{
    static const char *const rows[] = {
        [FILL_ANY] = " ",         [FILL_PROFILE] = "_postmuster_profiles",
        [FILL_FILE] = "_files",   [FILL_RUN] = "_postmuster_runs",
        [FILL_DIR] = "_files -/", [FILL_KEY] = "_postmuster_keys",
        [FILL_WORDS] = "(",
    };
    enum cmd_fill fill = cmd_fill_of(word);
    char label[80];

    (void)memcpy(label, word.p, word.n < sizeof label ? word.n : sizeof label - 1);
    label[word.n < sizeof label ? word.n : sizeof label - 1] = '\0';
    bool ok = buf_add_text(out, ":") && add_quoted(out, label, ":[]\\", ZSH_QUOTE) &&
              buf_add_format(out, ":%s", rows[fill]);

    return ok && (fill != FILL_WORDS || (cmd_fill_words(out, word, " ") && buf_add_text(out, ")")));
}

/* '*--set=[help]:label:action', or both names of an option that has a letter, each closing the other out. */
static bool zsh_option(struct buf *out, const struct cmd_word *w)
{
    bool ok = buf_add_text(out, " \\\n            ");

    if (w->letter)
        ok = ok && buf_add_format(out, "'(-%c --%s)'{-%c%s,--%s%s}'", w->letter, w->name, w->letter,
                                  w->value ? "+" : "", w->name, w->value ? "=" : "");
    else
        ok = ok && buf_add_format(out, "'%s--%s%s", w->times == CMD_MANY ? "*" : "", w->name,
                                  w->value ? "=" : "");
    return ok && buf_add_text(out, "[") && add_quoted(out, w->help, "[]\\", ZSH_QUOTE) &&
           buf_add_text(out, "]") && (!w->value || zsh_fill(out, slice_of(w->value))) &&
           buf_add_text(out, "'");
}

static bool zsh_command(struct buf *out, const struct cmd *c)
{
    struct slice word;
    bool ok = buf_add_format(
        out, "    %s)\n        _arguments '(- *)'{-h,--help}'[how it is called]'", c->name);

    for (const struct cmd_word *w = c->options; ok && !cmd_word_is_last(w); w++)
        ok = !w->name || zsh_option(out, w);
    for (unsigned i = 0; ok && cmd_operand(c, i, &word); i++) {
        bool repeats = cmd_operand_repeats(c, i);

        ok = (repeats ? buf_add_text(out, " \\\n            '*")
                      : buf_add_format(out, " \\\n            '%u", i + 1)) &&
             zsh_fill(out, word) && buf_add_text(out, "'");
        if (repeats)
            break;
    }
    return ok && buf_add_text(out, "\n        ;;\n");
}

bool completion_zsh(struct buf *out)
{
    bool ok = add_keys(out, "#compdef postmuster\n_postmuster_keys() {\n    compadd -S '' -- ",
                       "\n}\n\n") &&
              buf_add_text(out, zsh_head);

    for (const struct cmd *c = cmd_table; ok && c->name; c++)
        ok = buf_add_format(out, "            '%s:", c->name) &&
             add_quoted(out, c->help, "\\", ZSH_QUOTE) && buf_add_text(out, "'\n");
    ok = ok && buf_add_text(out, "        )\n        _describe command commands\n        return\n"
                                 "    fi\n    case $words[1] in\n");
    for (const struct cmd *c = cmd_table; ok && c->name; c++)
        ok = zsh_command(out, c);
    return ok && buf_add_text(out, zsh_foot);
}

/* ---------------------------------------------------------------------------------------------------------------- fish */

static const char fish_head[] =
    "# fish completion of postmuster, made by `postmuster completion fish`.\n"
    "function __postmuster_is\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -ge 2; and test \"$words[2]\" = $argv[1]\n"
    "end\n"
    "\n"
    "function __postmuster_profiles\n"
    "    set -l words (commandline -opc)\n"
    "    $words[1] profiles 2>/dev/null | string replace -r ' +' \\t\n"
    "    set -l at (commandline -ct)\n"
    "    for file in $at*.yaml\n"
    "        echo $file\n"
    "    end\n"
    "    __fish_complete_directories $at\n"
    "end\n"
    "\n"
    "function __postmuster_runs\n"
    "    set -l words (commandline -opc)\n"
    "    set -l at (string match -rg -- '--runs[ =](\\S+)' \"$words\")\n"
    "    test -n \"$at[1]\"; or set at results/runs\n"
    "    for manifest in $at[1]/*/manifest.json\n"
    "        string split / $manifest | tail -n 2 | head -n 1\n"
    "    end\n"
    "    __fish_complete_directories (commandline -ct)\n"
    "end\n"
    "\n"
    "complete -c postmuster -f\n"
    "complete -c postmuster -s h -l help -d 'how it is called'\n";

#define FISH_QUOTE "\\'"

static bool fish_fill(struct buf *out, struct slice word)
{
    static const char *const rows[] = {
        [FILL_ANY] = "",
        [FILL_PROFILE] = "(__postmuster_profiles)",
        [FILL_RUN] = "(__postmuster_runs)",
        [FILL_FILE] = "(__fish_complete_path (commandline -ct))",
        [FILL_DIR] = "(__fish_complete_directories (commandline -ct))",
        [FILL_KEY] = "$__postmuster_keys",
        [FILL_WORDS] = "",
    };
    enum cmd_fill fill = cmd_fill_of(word);

    if (fill == FILL_ANY)
        return true;
    return buf_add_format(out, " -a '%s", rows[fill]) &&
           (fill != FILL_WORDS || cmd_fill_words(out, word, " ")) && buf_add_text(out, "'");
}

static bool fish_option(struct buf *out, const struct cmd *c, const struct cmd_word *w)
{
    bool ok = buf_add_format(out, "complete -c postmuster -n '__postmuster_is %s' -l %s", c->name,
                             w->name);

    if (ok && w->letter)
        ok = buf_add_format(out, " -s %c", w->letter);
    if (ok && w->value)
        ok = buf_add_text(out, " -x") && fish_fill(out, slice_of(w->value));
    return ok && buf_add_text(out, " -d '") && add_quoted(out, w->help, "\\", FISH_QUOTE) &&
           buf_add_text(out, "'\n");
}

static bool fish_command(struct buf *out, const struct cmd *c)
{
    struct slice word;
    bool ok =
        buf_add_format(
            out, "complete -c postmuster -n 'test (count (commandline -opc)) -eq 1' -a %s -d '",
            c->name) &&
        add_quoted(out, c->help, "\\", FISH_QUOTE) && buf_add_text(out, "'\n");

    for (const struct cmd_word *w = c->options; ok && !cmd_word_is_last(w); w++)
        ok = !w->name || fish_option(out, c, w);
    if (ok && cmd_operand(c, 0, &word) && cmd_fill_of(word) != FILL_ANY)
        ok = buf_add_format(out, "complete -c postmuster -n '__postmuster_is %s'", c->name) &&
             fish_fill(out, word) && buf_add_text(out, "\n");
    return ok;
}

bool completion_fish(struct buf *out)
{
    bool ok = buf_add_text(out, fish_head) && add_keys(out, "set -g __postmuster_keys ", "\n\n");

    for (const struct cmd *c = cmd_table; ok && c->name; c++)
        ok = fish_command(out, c);
    return ok;
}
