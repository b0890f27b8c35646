/* report.h - a finished run in the forms that people and machines read: one table, a row a form.
 *
 * Every form is a pure function of the run's folder (manifest, journal, kept reports), so that the same bytes come out whenever
 * it is asked for. It is written piece by piece, as a list may be longer than memory. One thread.
 */
#ifndef RESULTS_REPORT_H
#define RESULTS_REPORT_H

#include "results/lines.h"

struct report_out {                               /* where it goes */
    bool (*put)(void *owner, struct slice piece); /* false ends it: nobody takes more */
    void *owner;
};

struct report_source {
    const struct run_record *run;
    const char *run_dir;
    const struct line_sink *words; /* token and x400 of it are asked, with its owner */
    bool color;                    /* of text on a terminal */
};

struct report_form {
    const char *name; /* of `report -f NAME` */
    const char *file; /* what a run calls it in its folder; NULL: it is not written there */
    const char *help;
    bool already_there; /* the run itself writes that file, with its verdict */
    bool (*write)(const struct report_source *s, const struct report_out *out, struct err *e);
};

extern const struct report_form *const report_forms[]; /* NULL-terminated */

/* Complains about an unknown name with the nearest one: EX_BAD_USAGE. */
const struct report_form *report_form_named(const char *name, struct err *e);
bool report_put(const struct report_out *out, struct buf *text); /* gives it on and empties it */

/* Into path, which is there only when it is whole: EX_IO. */
bool report_write_file(const struct report_source *s, const struct report_form *form,
                       const char *path, struct err *e);
/* All forms that have a file, into the run's folder. false with e: some could not be written, the others are there. */
bool report_write_files(const struct report_source *s, struct err *e);

#endif
