/* program.h - the built postmuster as a child of a test: started, watched, signalled by its own pid, reaped.
 */
#ifndef TESTS_APP_PROGRAM_H
#define TESTS_APP_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

struct program {
    pid_t pid;
    int code;                /* after program_wait(): exit code, or 128 + signal */
    char out[300], err[300]; /* files that hold what it said */
};

struct program_way {
    const char *dir;         /* where out and err go; must exist */
    const char *const *env;  /* NAME=VALUE over the environment, NULL-terminated; NULL: none */
    uint64_t file_bytes_max; /* RLIMIT_FSIZE; 0: none */
};

/* argv without the program's own name, NULL-terminated. */
bool program_start(struct program *p, const struct program_way *how, const char *const *argv);
bool program_wait(struct program *p, unsigned seconds); /* false: it had to be killed */
bool program_is_over(struct program *p);
void program_signal(const struct program *p, int signal);
/* Starts and waits (60 s); the exit code, or -1. */
int program_run(struct program *p, const struct program_way *how, const char *const *argv);
/* Another program, by its path, without a word; its exit code, or 128 + signal; -1: it did not end within 60 s. */
int program_other(const char *const *argv);
/* What it said; malloc'ed, "" if nothing. */
char *program_said(const struct program *p, bool errors);
/* Runs it with these words and checks its exit code; what it said on stdout, or on stderr (free it). */
char *program_say(const char *dir, int code, bool errors, const char *const *words);
/* The same, and checks that `what` is in it. */
void program_says(const char *dir, int code, bool errors, const char *what,
                  const char *const *words);
#define PROGRAM_SAYS(dir, code, errors, what, ...)                                                 \
    program_says(dir, code, errors, what, (const char *const[]){__VA_ARGS__, NULL})

/* Waits until it says that it listens "on 127.0.0.1:PORT"; 0: it does not. */
uint16_t program_port(const struct program *p);

void program_sleep_ms(unsigned ms);
/* Waits up to `seconds` until `path` exists. */
bool program_file_appears(const char *path, unsigned seconds);
/* The only folder below `dir` whose name does not begin with a dot and that is no link; static text, "" if none. */
const char *program_only_folder(const char *dir);
/* `count` ports in a row, from the returned one on, that nobody listens on at any of 127.0.0.11 to 127.0.0.14. */
uint16_t program_free_ports(unsigned count);

#endif
