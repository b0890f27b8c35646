/* The journal: what was written comes back, and what was torn takes only itself away. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "base/rng.h"
#include "results/journal.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define RUN 0xfeed5eed1234ull

struct sums { /* of what a fold was given */
    uint64_t count, slots;
    uint32_t blocks;
};

static void sum_up(void *owner, const struct event *events, uint32_t count)
{
    struct sums *s = owner;

    s->blocks++;
    s->count += count;
    for (uint32_t i = 0; i < count; i++)
        s->slots += events[i].slot;
}

static void sink_block(struct journal_sink *s, const struct event *events, uint32_t count)
{
    sum_up(s->owner, events, count);
}

static bool add_n(struct journal *j, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++)
        if (!journal_add(j, &(struct event){.kind = EV_SENT, .slot = i, .t_ns = i}))
            return false;
    return true;
}

static bool write_file(const char *dir, uint32_t thread, uint64_t n, uint64_t flush_every)
{
    struct err e = {0};
    struct journal *j = journal_create(dir, thread, RUN, NULL, &e);
    bool ok = j != NULL;

    for (uint64_t i = 0; ok && i < n; i++) {
        ok = add_n(j, i, 1);
        if (flush_every && i % flush_every == flush_every - 1)
            ok = ok && journal_flush(j);
    }
    return journal_close(j, &e) && ok;
}

static bool read_back(const char *dir, struct sums *s, uint32_t *torn, struct err *e)
{
    *s = (struct sums){0};
    return journal_read(dir, RUN, sum_up, s, torn, e);
}

static void what_was_written_comes_back_block_by_block(void)
{
    const char *dir = scratch_dir("journal-back");
    struct sums s;
    uint32_t torn = 9;
    struct err e = {0};

    CHECK(write_file(dir, 0, 5000, 0));
    CHECK(write_file(dir, 1, 100, 7));
    CHECK(read_back(dir, &s, &torn, &e));
    CHECK_U64(s.count, 5100);
    CHECK_U64(s.slots, 5000ull * 4999 / 2 + 100ull * 99 / 2);
    CHECK_U64(s.blocks, 3 + 15); /* 2047 + 2047 + 906; 14 of 7 and one of 2 */
    CHECK_U64(torn, 0);
}

/* What is read at a time is some blocks: their edges fall everywhere in it. */
static void blocks_of_all_sizes_come_back(void)
{
    const char *dir = scratch_dir("journal-sizes");
    struct err e = {0};
    struct journal *j = journal_create(dir, 0, RUN, NULL, &e);
    struct rng r = rng_at(4, 5, 6);
    struct sums s;
    uint64_t n = 0;
    uint32_t torn = 9, blocks = 0;

    while (n < 400000) {
        uint64_t more = 1 + rng_below(&r, blocks % 3 ? 40 : JOURNAL_BLOCK_EVENTS - 1);

        CHECK(add_n(j, n, more) && journal_flush(j));
        n += more;
        blocks++;
    }
    CHECK(journal_close(j, &e));
    CHECK(read_back(dir, &s, &torn, &e));
    CHECK_U64(s.count, n);
    CHECK_U64(s.slots, n * (n - 1) / 2);
    CHECK_U64(s.blocks, blocks);
    CHECK_U64(torn, 0);
}

static void the_ledger_is_told_only_what_the_disk_has(void)
{
    const char *dir = scratch_dir("journal-sink");
    struct sums s = {0};
    struct journal_sink sink = {.block = sink_block, .owner = &s};
    struct err e = {0};
    struct journal *j = journal_create(dir, 3, RUN, &sink, &e);

    CHECK(add_n(j, 0, JOURNAL_BLOCK_EVENTS - 1));
    CHECK_U64(s.count, 0);
    CHECK(add_n(j, 0, 1));
    CHECK_U64(s.count, JOURNAL_BLOCK_EVENTS);
    CHECK(add_n(j, 0, 5));
    CHECK(journal_flush(j));
    CHECK(journal_flush(j)); /* nothing open: no empty block */
    CHECK_U64(s.blocks, 2);
    CHECK(add_n(j, 0, 5));
    CHECK(journal_close(j, &e));
    CHECK_U64(s.blocks, 3);
}

static void the_file_format_has_these_bytes(void)
{
    const char *dir = scratch_dir("journal-format");
    struct err e = {0};
    struct journal *j = journal_create(dir, 7, 0x0102030405060708, NULL, &e);
    char path[300];
    size_t n = 0;

    CHECK(journal_add(j, &(struct event){.kind = EV_PHASE, .code = PHASE_LOAD, .t_ns = 1}));
    CHECK(journal_close(j, &e));
    (void)snprintf(path, sizeof path, "%s/0007.mpj", dir);
    char *bytes = scratch_read(path, &n);

    if (!CHECK(bytes != NULL))
        return;
    CHECK_U64(n, 64 + 16 + 32);
    CHECK_MEM(bytes, 8, "PMJRNL01", 8);
    CHECK_MEM(bytes + 8, 16, "\1\0\0\0\7\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01", 16);
    CHECK_MEM(bytes + 64, 12, "\0\0\0\0\0\0\0\0\1\0\0\0", 12);
    CHECK_MEM(bytes + 80, 8, "\1\0\0\0\0\0\0\0", 8);
    free(bytes);
}

static void a_torn_tail_loses_its_block_and_nothing_before_it(void)
{
    const char *dir = scratch_dir("journal-torn");
    char path[300];
    struct sums s;
    uint32_t torn;
    struct err e = {0};
    struct stat st;

    CHECK(write_file(dir, 0, 300, 100));
    (void)snprintf(path, sizeof path, "%s/0000.mpj", dir);
    CHECK(stat(path, &st) == 0);
    for (off_t size = st.st_size - 1; size >= 0; size -= 97) {
        CHECK(truncate(path, size) == 0);
        CHECK(read_back(dir, &s, &torn, &e));
        uint64_t whole = size < 64 ? 0 : (uint64_t)(size - 64) / (16 + 3200);
        bool at_edge = size >= 64 && (uint64_t)(size - 64) % (16 + 3200) == 0;

        CHECK_U64(s.count, 100 * whole);
        CHECK_U64(torn, !at_edge);
    }
}

static void one_flipped_bit_ends_the_file_at_its_block(void)
{
    const char *dir = scratch_dir("journal-bit");
    char path[300];
    struct sums s;
    uint32_t torn;
    struct err e = {0};
    struct rng r = rng_at(1, 2, 3);

    CHECK(write_file(dir, 0, 300, 100));
    (void)snprintf(path, sizeof path, "%s/0000.mpj", dir);
    for (int i = 0; i < 50; i++) {
        off_t at = (off_t)(64 + rng_below(&r, 3ul * 3216));
        unsigned char byte;
        int fd = open(path, O_RDWR);

        CHECK(pread(fd, &byte, 1, at) == 1);
        byte = (unsigned char)(byte ^ 1u << rng_below(&r, 8));
        CHECK(pwrite(fd, &byte, 1, at) == 1);
        CHECK(read_back(dir, &s, &torn, &e));
        CHECK_U64(s.count, 100 * ((uint64_t)(at - 64) / 3216));
        CHECK_U64(torn, 1);
        (void)unlink(path);
        (void)close(fd);
        CHECK(write_file(dir, 0, 300, 100));
    }
}

static void damage_to_a_head_and_another_runs_file_are_errors(void)
{
    const char *dir = scratch_dir("journal-head");
    char path[300];
    struct sums s = {0};
    uint32_t torn;
    struct err e = {0};

    CHECK(write_file(dir, 0, 10, 0));
    CHECK(!journal_read(dir, RUN + 1, sum_up, &s, &torn, &e));
    CHECK_U64(e.code, EX_BAD_PROFILE);
    CHECK_HAS(e.text, "belongs to run");
    (void)snprintf(path, sizeof path, "%s/0000.mpj", dir);
    int fd = open(path, O_RDWR);

    CHECK(pwrite(fd, "x", 1, 20) == 1);
    CHECK(!read_back(dir, &s, &torn, &e));
    CHECK_HAS(e.text, "head is damaged");
    CHECK(pwrite(fd, "x", 1, 0) == 1);
    CHECK(!read_back(dir, &s, &torn, &e));
    CHECK_HAS(e.text, "is no journal");
    (void)close(fd);
    CHECK(!read_back("no/such/folder", &s, &torn, &e));
    CHECK_U64(e.code, EX_BAD_PROFILE);
}

static void an_event_that_only_a_newer_version_knows_is_refused_and_not_taken_for_damage(void)
{
    const char *dir = scratch_dir("journal-newer");
    struct sums s = {0};
    uint32_t torn = 0;
    struct err e = {0};
    struct journal *j = journal_create(dir, 0, RUN, NULL, &e);

    CHECK(j && add_n(j, 1, 1) && journal_flush(j));
    CHECK(j && journal_add(j, &(struct event){.kind = EVENT_KIND_COUNT}));
    CHECK(journal_close(j, &e));
    CHECK(!read_back(dir, &s, &torn, &e));
    CHECK_U64(e.code, EX_BAD_PROFILE);
    CHECK_HAS(e.text, "a newer version wrote it");
    CHECK_U64(s.count, 1);
}

static void an_existing_journal_is_not_written_over(void)
{
    const char *dir = scratch_dir("journal-twice");
    struct err e = {0};

    CHECK(write_file(dir, 0, 10, 0));
    CHECK(journal_create(dir, 0, RUN, NULL, &e) == NULL);
    CHECK_U64(e.code, EX_IO);
    CHECK(journal_create("no/such/folder", 0, RUN, NULL, &e) == NULL);
    CHECK(journal_close(NULL, &e));
}

/* A file size limit behaves as a full disk does: a part is taken, then write() fails. */
static void a_full_disk_is_an_error_and_leaves_a_valid_journal(void)
{
    const char *dir = scratch_dir("journal-full");
    struct rlimit old, small;
    struct sums s, told = {0};
    struct journal_sink sink = {.block = sink_block, .owner = &told};
    uint32_t torn;
    struct err e = {0};
    struct journal *j = journal_create(dir, 0, RUN, &sink, &e);

    (void)signal(SIGXFSZ, SIG_IGN);
    (void)getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    (void)setrlimit(RLIMIT_FSIZE, &small);
    CHECK(add_n(j, 0, JOURNAL_BLOCK_EVENTS));
    CHECK(journal_error(j) == NULL);
    CHECK(!add_n(j, 0, JOURNAL_BLOCK_EVENTS));
    CHECK(journal_error(j) != NULL);
    CHECK(!add_n(j, 0, 1));
    CHECK(!journal_flush(j));
    CHECK(!journal_close(j, &e));
    (void)setrlimit(RLIMIT_FSIZE, &old);
    CHECK_U64(e.code, EX_IO);
    CHECK_HAS(e.text, "0000.mpj");
    CHECK_U64(told.count, JOURNAL_BLOCK_EVENTS);
    CHECK(read_back(dir, &s, &torn, &e));
    CHECK_U64(s.count, JOURNAL_BLOCK_EVENTS);
    CHECK_U64(torn, 0);
}

/* A writer killed at any moment: what its sink was told of is on disk. */
static void killed_at_any_moment_the_disk_has_all_that_the_ledger_was_told(void)
{
    for (unsigned round = 0; round < 20; round++) {
        const char *dir = scratch_dir("journal-kill");
        int told[2];
        struct sums s;
        uint32_t torn, count = 0;
        uint64_t known = 0;
        struct err e = {0};

        CHECK(pipe(told) == 0);
        pid_t child = fork();

        if (child == 0) {
            struct journal *j = journal_create(dir, 0, RUN, NULL, NULL);

            for (uint64_t i = 0;; i += 37) {
                uint32_t n = 37;

                if (!add_n(j, i, n) || !journal_flush(j) || write(told[1], &n, sizeof n) < 0)
                    _exit(1);
            }
        }
        (void)close(told[1]);
        for (unsigned i = 0; i < 20 + 31 * round && read(told[0], &count, sizeof count) > 0; i++)
            known += count;
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        while (read(told[0], &count, sizeof count) == sizeof count)
            known += count;
        (void)close(told[0]);
        CHECK(read_back(dir, &s, &torn, &e));
        CHECK(s.count >= known);
        CHECK(torn <= 1);
    }
}

static void a_block_in_the_place_of_another_ends_the_file(void)
{
    const char *dir = scratch_dir("journal-order");
    unsigned char blocks[2][16 + 3200];
    char path[300];
    struct sums s;
    uint32_t torn;
    struct err e = {0};

    CHECK(write_file(dir, 0, 300, 100));
    (void)snprintf(path, sizeof path, "%s/0000.mpj", dir);
    int fd = open(path, O_RDWR);

    CHECK(pread(fd, blocks, sizeof blocks, 64 + 3216) == (ssize_t)sizeof blocks);
    CHECK(pwrite(fd, blocks[1], 3216, 64 + 3216) == 3216);
    CHECK(pwrite(fd, blocks[0], 3216, 64 + 3216 + 3216) == 3216);
    (void)close(fd);
    CHECK(read_back(dir, &s, &torn, &e));
    CHECK_U64(s.count, 100);
    CHECK_U64(torn, 1);
}

static void a_blocks_checksum_is_over_its_number_its_count_and_its_records(void)
{
    const char *dir = scratch_dir("journal-sum");
    unsigned char block[16 + 3200];
    char path[300];
    uint32_t stored;

    CHECK(write_file(dir, 0, 300, 100));
    (void)snprintf(path, sizeof path, "%s/0000.mpj", dir);
    int fd = open(path, O_RDONLY);

    CHECK(pread(fd, block, sizeof block, 64 + 3216) == (ssize_t)sizeof block);
    (void)close(fd);
    memcpy(&stored, block + 12, sizeof stored);
    CHECK_U64(stored, hash_crc32c(hash_crc32c(0, block, 12), block + 16, 3200));
}

static bool cut_file(const char *dir, uint32_t thread, long bytes)
{
    char path[600];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%04u.mpj", dir, thread);
    return stat(path, &st) == 0 && truncate(path, bytes < 0 ? st.st_size + bytes : bytes) == 0;
}

/* Of three files one is torn in its last block, one in its head. */
static void what_is_torn_is_cut_off_once_and_for_all(void)
{
    const char *dir = scratch_dir("journal-mend");
    struct sums s = {0};
    uint32_t torn = 9;
    struct err e = {0};

    CHECK(write_file(dir, 0, 10, 5) && write_file(dir, 1, 10, 5) && write_file(dir, 2, 10, 5));
    CHECK(cut_file(dir, 1, -1) && cut_file(dir, 2, 20));
    CHECK(journal_mend(dir, RUN, sum_up, &s, &torn, &e));
    CHECK_U64(torn, 2);
    CHECK_U64(s.count, 15);
    CHECK(read_back(dir, &s, &torn, &e));
    CHECK_U64(torn, 0);
    CHECK_U64(s.count, 15);
}

/* A pipe can be read and not be cut: it says EINVAL, which only what cannot be synchronised may. */
static void a_torn_end_that_cannot_be_cut_off_is_an_error(void)
{
    const char *dir = scratch_dir("journal-uncut");
    char path[300], from[64 + 16] = "";
    struct sums s = {0};
    uint32_t torn = 9;
    struct err e = {0};

    CHECK(write_file(dir, 0, 0, 0));
    (void)snprintf(path, sizeof path, "%s/0000.mpj", dir);
    int fd = open(path, O_RDONLY);

    CHECK(read(fd, from, 64) == 64); /* a head, and behind it a block of no events */
    CHECK(close(fd) == 0 && unlink(path) == 0 && mkfifo(path, 0600) == 0);
    fd = open(path, O_RDWR);
    CHECK(write(fd, from, sizeof from) == (ssize_t)sizeof from);
    CHECK(!journal_mend(dir, RUN, sum_up, &s, &torn, &e));
    CHECK_U64(e.code, EX_IO);
    CHECK_HAS(e.text, "cannot be mended");
    CHECK(close(fd) == 0 && unlink(path) == 0);
}

static void a_journal_goes_on_behind_its_last_whole_block(void)
{
    const char *dir = scratch_dir("journal-on");
    struct sums s, told = {0};
    struct journal_sink sink = {.block = sink_block, .owner = &told};
    uint32_t torn = 9;
    struct err e = {0};

    CHECK(write_file(dir, 0, 10, 5) && cut_file(dir, 0, -1));
    struct journal *j = journal_reopen(dir, 0, RUN, &sink, &e);

    CHECK(j && add_n(j, 100, 3) && journal_close(j, &e));
    CHECK_U64(told.count, 3);
    j = journal_reopen(dir, 0, RUN, NULL, &e);
    CHECK(j && add_n(j, 200, 1) && journal_close(j, &e));
    CHECK(read_back(dir, &s, &torn, &e));
    CHECK_U64(torn, 0);
    CHECK_U64(s.count, 5 + 3 + 1);
    CHECK_U64(s.slots, 0 + 1 + 2 + 3 + 4 + 100 + 101 + 102 + 200);
}

static void a_journal_that_is_not_there_is_made_and_another_runs_is_refused(void)
{
    const char *dir = scratch_dir("journal-other");
    struct err e = {0};
    struct journal *j = journal_reopen(dir, 0, RUN, NULL, &e);

    CHECK(j && add_n(j, 1, 1) && journal_close(j, &e));
    CHECK(!journal_reopen(dir, 0, RUN + 1, NULL, &e));
    CHECK_I64(e.code, EX_BAD_PROFILE);
    CHECK_HAS(e.text, "belongs to run");
}

static const struct test tests[] = {
    TEST(what_was_written_comes_back_block_by_block),
    TEST(blocks_of_all_sizes_come_back),
    TEST(the_ledger_is_told_only_what_the_disk_has),
    TEST(the_file_format_has_these_bytes),
    TEST(a_torn_tail_loses_its_block_and_nothing_before_it),
    TEST(one_flipped_bit_ends_the_file_at_its_block),
    TEST(damage_to_a_head_and_another_runs_file_are_errors),
    TEST(an_event_that_only_a_newer_version_knows_is_refused_and_not_taken_for_damage),
    TEST(an_existing_journal_is_not_written_over),
    TEST(a_full_disk_is_an_error_and_leaves_a_valid_journal),
    TEST(killed_at_any_moment_the_disk_has_all_that_the_ledger_was_told),
    TEST(a_block_in_the_place_of_another_ends_the_file),
    TEST(a_blocks_checksum_is_over_its_number_its_count_and_its_records),
    TEST(what_is_torn_is_cut_off_once_and_for_all),
    TEST(a_torn_end_that_cannot_be_cut_off_is_an_error),
    TEST(a_journal_goes_on_behind_its_last_whole_block),
    TEST(a_journal_that_is_not_there_is_made_and_another_runs_is_refused),
    TEST_END,
};

const struct suite journal_suite = {"journal", tests};
