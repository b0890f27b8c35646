/* render.c - a page from page data that a file holds: render DATA.json > report.html. Exit 1 with a line on stderr. */
#include <stdio.h>

#include "results/report_html.h"

static bool print_piece(void *owner, struct slice piece)
{
    return fwrite(piece.p, 1, piece.n, owner) == piece.n;
}

int main(int argc, char **argv)
{
    const struct report_out out = {.put = print_piece, .owner = stdout};
    json_error_t why = {0};
    struct err e = {0};
    json_t *data = argc == 2 ? json_load_file(argv[1], 0, &why) : NULL;

    if (!data)
        return fprintf(stderr, "render: %s\n", argc == 2 ? why.text : "one file, please"), 1;
    bool ok = report_html_print(data, &out, &e);

    json_decref(data);
    if (!ok)
        (void)fprintf(stderr, "render: %s\n", e.text);
    return ok ? 0 : 1;
}
