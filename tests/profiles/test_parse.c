/* test_parse.c - the tree of a profile's text, and what is refused before any key is looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/parse.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct arena *arena;
static struct err err;

static struct node *parse(const char *text)
{
    arena_destroy(arena);
    arena = arena_create(64u << 20);
    err = (struct err){0};
    return parse_text(arena, "p.yaml", text, strlen(text), &err);
}

static void refuses(const char *text, const char *where, const char *part)
{
    CHECK(parse(text) == NULL);
    CHECK_HAS(err.text, where);
    CHECK_HAS(err.text, part);
    CHECK_U64((uint64_t)err.code, EX_BAD_PROFILE);
}

static void done(void)
{
    arena_destroy(arena);
    arena = NULL;
}

static void every_value_knows_where_it_stands(void)
{
    const struct node *root = parse("run:\n  name: x\n  list: [a, 'b c']\n");
    const struct node *list = node_find(node_find(root, "run"), "list");

    CHECK(list != NULL);
    if (!list) {
        done();
        return;
    }
    CHECK_U64(list->count, 2);
    CHECK_STR(list->last->text, "b c");
    CHECK_U64(list->last->line, 3);
    CHECK_U64(list->last->column, 13);
    CHECK(!list->last->plain);
    CHECK(list->first->plain);
    CHECK_U64(node_find(node_find(root, "run"), "name")->key_column, 3);
    done();
}

static void yaml_s_own_ways_to_repeat_oneself_are_refused(void)
{
    refuses("a: &x 1\n", "p.yaml:1:4: ", "anchors");
    refuses("a: 1\nb: *x\n", "p.yaml:2:4: ", "aliases");
    refuses("a: !!int 1\n", "p.yaml:1:4: ", "tags");
    refuses("a: !x {b: 1}\n", "p.yaml:1:4: ", "tags");
    refuses("%YAML 1.1\n---\na: 1\n", "p.yaml:1:1: ", "directives");
    refuses("a: 1\n---\nb: 1\n", "p.yaml:2:1: ", "second document");
    refuses("[a, b]: 1\n", "p.yaml:1:1: ", "a key has to be a word");
    done();
}

static void a_tab_is_named_as_one_with_its_place(void)
{
    refuses("run:\n\tname: x\n", "p.yaml:2:1: ", "a tab: indent with blanks");
    done();
}

static void broken_yaml_is_told_with_its_place(void)
{
    refuses("a: [1, 2\nb: 3\n", "p.yaml:2:2: ", "expected");
    refuses("a: \"x\n", "p.yaml:2:1: ", "end of stream");
    refuses("a: \xff\n", "p.yaml: byte ", "UTF-8");
    refuses("", "p.yaml: ", "empty");
    refuses("a: \"b\\0c\"\n", "p.yaml:1:4: ", "NUL");
    done();
}

static void a_key_may_stand_once(void)
{
    refuses("a: 1\nb: 2\na: 3\n",
            "p.yaml:3:1: ", "duplicate key \"a\"; it stands in line 1 already");
    done();
}

static void depth_size_and_number_are_bounded(void)
{
    static char big[PARSE_BYTES_MAX + 2];
    char deep[64];
    size_t n = 0;

    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    refuses(deep, "p.yaml:1:9: ", "nested more than 8 levels");
    memset(big, '#', sizeof big - 1);
    refuses(big, "p.yaml: ", "larger than 1048576 bytes");
    for (n = 1; n + 2 < 2 * ((size_t)PARSE_NODES_MAX + 10); n += 2)
        memcpy(big + n, "a,", 2);
    big[0] = '[';
    big[n] = ']';
    big[n + 1] = '\0';
    refuses(big, "p.yaml:1:", "more than 50000 values");
    done();
}

static void a_file_too_large_is_refused_as_one(void)
{
    char *big = malloc(PARSE_BYTES_MAX + 100);
    struct err e = {0};
    struct arena *a = arena_create(4u << 20);

    memset(big, ' ', PARSE_BYTES_MAX + 99);
    big[PARSE_BYTES_MAX + 99] = '\0';
    CHECK(parse_file(a, scratch_file(scratch_dir("parse"), "big.yaml", big), &e) == NULL);
    CHECK_HAS(e.text, "larger than");
    CHECK(parse_file(a, "scratch/parse/none.yaml", &e) == NULL);
    CHECK_HAS(e.text, "none.yaml: No such file");
    arena_destroy(a);
    free(big);
}

static struct node value_of(const char *text)
{
    return (struct node){.kind = NODE_TEXT, .plain = true, .text = text, .file = "--set"};
}

static void a_dotted_path_changes_adds_and_removes(void)
{
    struct node *root = parse("load: {a: {rate: 1/s}, b: {rate: 2/s}}\n");
    struct node ten = value_of("10/s"), null = value_of("null");

    CHECK(node_set(arena, root, "load.a.rate", &ten, &err));
    CHECK(node_set(arena, root, "load.c.rate", &ten, &err));
    CHECK(node_set(arena, root, "load.b", &null, &err));
    CHECK(node_set(arena, root, "load.nobody", &null, &err));
    const struct node *load = node_find(root, "load");
    CHECK_U64(load->count, 2);
    CHECK_STR(node_find(load->first, "rate")->text, "10/s");
    CHECK_STR(load->last->key, "c");
    CHECK_STR(node_find(load->last, "rate")->text, "10/s");
    CHECK(!node_set(arena, root, "load..rate", &ten, &err));
    CHECK(!node_set(arena, root, "load.a.rate.x", &ten, &err));
    CHECK_HAS(err.text, "no keys below");
    done();
}

static void a_map_is_merged_into_a_map(void)
{
    struct node *root =
        parse("moves: {users: {to: s2, count: 3}}\nset: {to: s3, every: 5s, count: null}\n");

    CHECK(node_set(arena, root, "moves.users", node_find(root, "set"), &err));
    const struct node *users = node_find(node_find(root, "moves"), "users");
    CHECK_STR(node_find(users, "to")->text, "s3");
    CHECK_STR(node_find(users, "every")->text, "5s");
    CHECK(node_find(users, "count") == NULL);
    done();
}

static const struct test tests[] = {
    TEST(every_value_knows_where_it_stands),
    TEST(yaml_s_own_ways_to_repeat_oneself_are_refused),
    TEST(a_tab_is_named_as_one_with_its_place),
    TEST(broken_yaml_is_told_with_its_place),
    TEST(a_key_may_stand_once),
    TEST(depth_size_and_number_are_bounded),
    TEST(a_file_too_large_is_refused_as_one),
    TEST(a_dotted_path_changes_adds_and_removes),
    TEST(a_map_is_merged_into_a_map),
    TEST_END,
};

const struct suite parse_suite = {"parse", tests};
