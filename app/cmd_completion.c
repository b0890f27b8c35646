/* cmd_completion.c - `postmuster completion SHELL`: a script for the shell to read at its start. */
#include <stdio.h>
#include <string.h>

#include "app/cmd.h"
#include "app/completion.h"

int cmd_completion(const struct cmd *self, int argc, char **argv)
{
    static const struct {
        const char *shell;
        bool (*print)(struct buf *out);
    } rows[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};

    for (size_t i = 0; argc == 2 && i < sizeof rows / sizeof rows[0]; i++) {
        struct buf text;

        if (strcmp(argv[1], rows[i].shell) != 0)
            continue;
        buf_init(&text, 1u << 20);
        bool ok = rows[i].print(&text) && fwrite(text.p, 1, text.n, stdout) == text.n;

        buf_fini(&text);
        return ok ? EX_PASS : EX_IO;
    }
    return cmd_usage(self);
}
