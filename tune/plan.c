/* SPDX-License-Identifier: MIT */
/** Plans: reading with every field checked, printing, merging, binding. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cynf-build-id.h"
#include "tune/plan.h"

#define MAX_PLAN_BYTES (256 << 20)

const char *cynf_build_id(void) { return CYNF_BUILD_ID; }

const char *cynf_build_compiler(void)
{
#ifdef __clang__
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

/* ---- making ---- */

cJSON *cynf_plan_number(double v, int decimals)
{
    const double scale = pow(10, decimals);
    return cJSON_CreateNumber(round(v * scale) / scale);
}

void cynf_plan_put(cJSON *object, const char *key, cJSON *item)
{
    if (cJSON_HasObjectItem(object, key))
        cJSON_ReplaceItemInObjectCaseSensitive(object, key, item);
    else
        cJSON_AddItemToObject(object, key, item);
}

cJSON *cynf_plan_new(void)
{
    cJSON *plan = cJSON_CreateObject();
    if (plan) {
        cJSON_AddStringToObject(plan, "format", "cynfrence plan");
        cJSON_AddNumberToObject(plan, "version", CYNF_PLAN_VERSION);
        cJSON_AddObjectToObject(plan, "machines");
    }
    return plan;
}

cJSON *cynf_plan_here(cJSON *plan, const cynf_machine *m)
{
    char cpu[CYNF_SIGNATURE_CAP];
    cJSON *machines = cJSON_GetObjectItemCaseSensitive(plan, "machines");
    cynf_cpu_fingerprint(cpu, sizeof cpu);
    cJSON *here = cJSON_GetObjectItemCaseSensitive(machines, cpu);
    if (!here && (here = cJSON_AddObjectToObject(machines, cpu))) {
        cJSON_AddObjectToObject(here, "kernels");
        cJSON_AddObjectToObject(here, "models");
    }
    if (!here)
        return NULL;
    cynf_plan_put(here, "library", cJSON_CreateString(cynf_build_id()));
    cynf_plan_put(here, "compiler", cJSON_CreateString(cynf_build_compiler()));
    cynf_plan_put(here, "cores", cJSON_CreateNumber(m->cores));
    cJSON *caches = cJSON_CreateArray(), *gbps = cJSON_CreateArray(), *gflops = cJSON_CreateObject();
    for (int i = 0; i < 3; i++)
        cJSON_AddItemToArray(caches, cJSON_CreateNumber((double)m->cache_bytes[i]));
    for (int i = 0; i < 4; i++)
        cJSON_AddItemToArray(gbps, cynf_plan_number(m->gbps[i], 1));
    for (int isa = 0; isa < CYNF_ISA_COUNT; isa++)
        if (m->gflops[isa] > 0)
            cJSON_AddItemToObject(gflops, cynf_isa_name((cynf_isa)isa), cynf_plan_number(m->gflops[isa], 1));
    cynf_plan_put(here, "cache_bytes", caches);
    cynf_plan_put(here, "gbps", gbps);
    cynf_plan_put(here, "gflops", gflops);
    return here;
}

const char *cynf_plan_model_key(const cynf_graph *g, int32_t threads, char *out, size_t cap)
{
    snprintf(out, cap, "%016" PRIx64 " threads=%d batch=%d", cynf_graph_hash(g), threads, g->batch);
    return out;
}

/* ---- checking ---- */

/** What a member must be. */
typedef enum member_type { TEXT, FLAG, OBJECT, ARRAY, POSITIVE, NOT_NEGATIVE, INDEX } member_type;

static const char *const type_text[] = {"a string", "true or false", "an object", "an array", "a number above 0", "a number of at least 0", "a whole number of at least 0"};

typedef struct member {
    const char *name;
    member_type type;
    bool optional;
} member;

static const member root_members[] = {{"version", POSITIVE, false}, {"machines", OBJECT, false}, {0}};
static const member machine_members[] = {{"library", TEXT, false}, {"compiler", TEXT, false}, {"cores", POSITIVE, false}, {"cache_bytes", ARRAY, false},
    {"exact", FLAG, true}, {"gbps", ARRAY, false}, {"gflops", OBJECT, false}, {"kernels", OBJECT, false}, {"models", OBJECT, false}, {0}};
static const member kernel_members[] = {{"kernel", TEXT, false}, {"bound_us", NOT_NEGATIVE, false}, {"bound_by", TEXT, true},
    {"exact_cost", POSITIVE, true}, {"unrestricted", TEXT, true}, {"candidates", OBJECT, false}, {0}};
static const member candidate_members[] = {{"modelled_us", NOT_NEGATIVE, false}, {"median_us", POSITIVE, true}, {"min_us", POSITIVE, true},
    {"spread", NOT_NEGATIVE, true}, {"error", NOT_NEGATIVE, true}, {"share", NOT_NEGATIVE, true}, {"left_out", TEXT, true}, {0}};
static const member model_members[] = {{"name", TEXT, false}, {"tuned_us", NOT_NEGATIVE, false}, {"default_us", NOT_NEGATIVE, false}, {"spread", NOT_NEGATIVE, false},
    {"exact_cost", POSITIVE, true}, {"serial", FLAG, true}, {"nodes", ARRAY, false}, {0}};
static const member node_members[] = {{"node", INDEX, false}, {"layer", TEXT, false}, {"tensor", INDEX, true}, {"block", INDEX, true},
    {"fuse", INDEX, true}, {"bands", INDEX, true}, {"kernel", TEXT, true}, {0}};

static bool is_of(const cJSON *item, member_type type)
{
    switch (type) {
    case TEXT: return cJSON_IsString(item);
    case FLAG: return cJSON_IsBool(item);
    case OBJECT: return cJSON_IsObject(item);
    case ARRAY: return cJSON_IsArray(item);
    case POSITIVE: return cJSON_IsNumber(item) && item->valuedouble > 0 && isfinite(item->valuedouble);
    case NOT_NEGATIVE: return cJSON_IsNumber(item) && item->valuedouble >= 0 && isfinite(item->valuedouble);
    default: return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble == item->valueint;
    }
}

static bool wrong(char *why, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool wrong(char *why, size_t cap, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, cap, format, ap);
    va_end(ap);
    return false;
}

static bool check_members(const cJSON *o, const char *where, const member *m, char *why, size_t cap)
{
    if (!cJSON_IsObject(o))
        return wrong(why, cap, "%s: expected an object", where);
    for (; m->name; m++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, m->name);
        if (item ? is_of(item, m->type) : m->optional)
            continue;
        char *found = item ? cJSON_PrintUnformatted(item) : NULL;
        wrong(why, cap, "%s.%s: expected %s, found %.60s", where, m->name, type_text[m->type], found ? found : "nothing");
        free(found);
        return false;
    }
    return true;
}

/* The geometry and the threads that a signature stands for. */
static bool parse_signature(const char *signature, cynf_problem *p)
{
    char text[CYNF_SIGNATURE_CAP];
    const char *threads = strstr(signature, " threads=");
    if (!threads || strlen(signature) >= sizeof text || atoi(threads + 9) < 1 || threads[9 + strspn(threads + 9, "0123456789")])
        return false;
    snprintf(text, sizeof text, "%.*s", (int)(threads - signature), signature);
    return cynf_geometry_parse(text, p) && cynf_geometry_valid(p->op, &p->u, NULL);
}

static bool check_name(const char *name, const char *where, cynf_op op, char *why, size_t cap)
{
    const cynf_kernel *k = cynf_kernel_find(name);
    if (!k)
        return wrong(why, cap, "%s.kernel: this build has no kernel named \"%.120s\"", where, name);
    return op == CYNF_OP_COUNT || cynf_kernel_op(k) == op ? true : wrong(why, cap, "%s.kernel: \"%.120s\" computes another operation", where, name);
}

bool cynf_plan_kernel_valid(const cJSON *entry, const char *signature, bool ours, char *why, size_t cap)
{
    char where[512];
    cynf_problem p;
    snprintf(where, sizeof where, "kernels[\"%.400s\"]", signature);
    if (!parse_signature(signature, &p))
        return wrong(why, cap, "%s: the key is no problem that this build knows", where);
    if (!check_members(entry, where, kernel_members, why, cap))
        return false;
    const char *winner = cJSON_GetObjectItemCaseSensitive(entry, "kernel")->valuestring;
    const cJSON *candidates = cJSON_GetObjectItemCaseSensitive(entry, "candidates"), *c;
    if (ours && !check_name(winner, where, p.op, why, cap))
        return false;
    if (!cJSON_GetObjectItemCaseSensitive(candidates, winner))
        return wrong(why, cap, "%s.kernel: \"%.120s\" is not among the candidates", where, winner);
    cJSON_ArrayForEach(c, candidates)
    {
        snprintf(where, sizeof where, "kernels[\"%.300s\"].candidates[\"%.120s\"]", signature, c->string);
        if (!check_members(c, where, candidate_members, why, cap))
            return false;
    }
    return true;
}

static bool check_model(const cJSON *model, bool ours, char *why, size_t cap)
{
    char where[256];
    uint64_t hash;
    int32_t threads, batch;
    int end = -1;
    snprintf(where, sizeof where, "models[\"%.60s\"]", model->string);
    if (sscanf(model->string, "%" SCNx64 " threads=%" SCNd32 " batch=%" SCNd32 "%n", &hash, &threads, &batch, &end) != 3 || model->string[end])
        return wrong(why, cap, "%s: expected a key like \"0123456789abcdef threads=1 batch=1\"", where);
    if (!check_members(model, where, model_members, why, cap))
        return false;
    const cJSON *node, *name;
    int i = 0;
    cJSON_ArrayForEach(node, cJSON_GetObjectItemCaseSensitive(model, "nodes"))
    {
        snprintf(where, sizeof where, "models[\"%.60s\"].nodes[%d]", model->string, i++);
        if (!check_members(node, where, node_members, why, cap))
            return false;
        if (ours && (name = cJSON_GetObjectItemCaseSensitive(node, "kernel")) && !check_name(name->valuestring, where, CYNF_OP_COUNT, why, cap))
            return false;
    }
    return true;
}

static bool check_numbers(const cJSON *list, const char *where, int n, char *why, size_t cap)
{
    const cJSON *v;
    int count = 0;
    cJSON_ArrayForEach(v, list)
    {
        if (!is_of(v, NOT_NEGATIVE))
            return wrong(why, cap, "%s: expected numbers of at least 0", where);
        count++;
    }
    return n < 0 || n == count ? true : wrong(why, cap, "%s: expected %d numbers, found %d", where, n, count);
}

static bool check_plan(const cJSON *plan, char *why, size_t cap)
{
    char cpu[CYNF_SIGNATURE_CAP];
    cynf_cpu_fingerprint(cpu, sizeof cpu);
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(plan, "format");
    if (!cJSON_IsString(format) || strcmp(format->valuestring, "cynfrence plan"))
        return wrong(why, cap, "format: expected \"cynfrence plan\"; this is no plan");
    if (!check_members(plan, "plan", root_members, why, cap))
        return false;
    const int version = cJSON_GetObjectItemCaseSensitive(plan, "version")->valueint;
    if (version != CYNF_PLAN_VERSION)
        return wrong(why, cap, "version: found %d, this build reads %d", version, CYNF_PLAN_VERSION);
    const cJSON *machine, *item;
    cJSON_ArrayForEach(machine, cJSON_GetObjectItemCaseSensitive(plan, "machines"))
    {
        char where[256], inner[1024];
        const bool ours = !strcmp(machine->string, cpu);
        snprintf(where, sizeof where, "machines[\"%.150s\"]", machine->string);
        if (!check_members(machine, where, machine_members, why, cap))
            return false;
        bool good = check_numbers(cJSON_GetObjectItemCaseSensitive(machine, "cache_bytes"), "cache_bytes", 3, inner, sizeof inner) &&
            check_numbers(cJSON_GetObjectItemCaseSensitive(machine, "gbps"), "gbps", 4, inner, sizeof inner) &&
            check_numbers(cJSON_GetObjectItemCaseSensitive(machine, "gflops"), "gflops", -1, inner, sizeof inner);
        if (good)
            cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(machine, "kernels"))
                if (!(good = cynf_plan_kernel_valid(item, item->string, ours, inner, sizeof inner)))
                    break;
        if (good)
            cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(machine, "models"))
                if (!(good = check_model(item, ours, inner, sizeof inner)))
                    break;
        if (!good)
            return wrong(why, cap, "%s.%s", where, inner);
    }
    return true;
}

/* ---- reading and printing ---- */

static int line_of(const char *text, const char *at)
{
    int line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* Sorts the keys of every object in place. */
static bool sort_keys(cJSON *item)
{
    const int n = cJSON_GetArraySize(item);
    cJSON *child;
    cJSON_ArrayForEach(child, item)
        if (!sort_keys(child))
            return false;
    if (!cJSON_IsObject(item) || n < 2)
        return true;
    cJSON **list = malloc((size_t)n * sizeof(cJSON *));
    if (!list)
        return false;
    for (int i = 0; i < n; i++)
        list[i] = cJSON_DetachItemViaPointer(item, item->child);
    qsort(list, (size_t)n, sizeof *list, compare_keys);
    for (int i = 0; i < n; i++) {
        char *key = list[i]->string;
        list[i]->string = NULL; /* the call below copies it */
        cJSON_AddItemToObject(item, key, list[i]);
        cJSON_free(key);
    }
    free(list);
    return true;
}

/* A key that an object with sorted keys has twice, or NULL: which of the two counts would depend on who reads it. */
static const char *key_twice(const cJSON *item)
{
    const cJSON *child;
    const char *key = NULL;
    cJSON_ArrayForEach(child, item)
    {
        if (cJSON_IsObject(item) && child->next && !strcmp(child->string, child->next->string))
            return child->string;
        if ((key = key_twice(child)))
            break;
    }
    return key;
}

cynf_status cynf_plan_parse(cJSON **out, const char *text, const char *name, char *why, size_t cap)
{
    const char *end = NULL;
    char inner[1200];
    cJSON *plan = cJSON_ParseWithOpts(text, &end, true);
    if (!plan) {
        snprintf(why, cap, "%s: line %d: no complete JSON; the file is truncated or damaged", name, line_of(text, end ? end : text));
        return CYNF_EPLAN_FORMAT;
    }
    const bool sorted = sort_keys(plan);
    const char *twice = sorted ? key_twice(plan) : NULL;
    if (!sorted || (twice && !wrong(inner, sizeof inner, "the key \"%.200s\" stands twice in one object", twice)) || !check_plan(plan, inner, sizeof inner)) {
        snprintf(why, cap, "%s: %s", name, sorted ? inner : "out of memory");
        cJSON_Delete(plan);
        return sorted ? CYNF_EPLAN_FORMAT : CYNF_ENOMEM;
    }
    *out = plan;
    return CYNF_OK;
}

/* The whole file and a 0 behind it. */
static char *read_text(const char *path, char *why, size_t cap)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    if (!f) {
        snprintf(why, cap, "%s: %s", path, strerror(errno));
        return NULL;
    }
    size_t n = 0, room = 0, got;
    do {
        if (n + 1 >= room) {
            char *grown = room < MAX_PLAN_BYTES ? realloc(text, room = room ? 2 * room : 1 << 16) : NULL;
            if (!grown) {
                snprintf(why, cap, "%s: more than fits into memory, or than %d MiB", path, MAX_PLAN_BYTES >> 20);
                free(text);
                fclose(f);
                return NULL;
            }
            text = grown;
        }
        n += got = fread(text + n, 1, room - 1 - n, f);
    } while (got);
    text[n] = 0;
    if (ferror(f)) {
        snprintf(why, cap, "%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}

cynf_status cynf_plan_load(cJSON **out, const char *path, char *why, size_t cap)
{
    char *text = read_text(path, why, cap);
    if (!text)
        return CYNF_EIO;
    const cynf_status s = cynf_plan_parse(out, text, path, why, cap);
    free(text);
    return s;
}

char *cynf_plan_print(cJSON *plan)
{
    char *body = sort_keys(plan) ? cJSON_Print(plan) : NULL, *text = NULL;
    if (body && asprintf(&text, "%s\n", body) < 0)
        text = NULL;
    free(body);
    return text;
}

/* ---- binding ---- */

static void bind_model(const cJSON *model, FILE *f)
{
    char hash[32];
    int threads, batch;
    if (sscanf(model->string, "%31s threads=%d batch=%d", hash, &threads, &batch) != 3)
        return;
    fprintf(f, "model %s %d %d\n", hash, threads, batch);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(model, "serial")))
        fprintf(f, "serial\n");
    const cJSON *n;
    cJSON_ArrayForEach(n, cJSON_GetObjectItemCaseSensitive(model, "nodes"))
    {
        const int node = cJSON_GetObjectItemCaseSensitive(n, "node")->valueint;
        const cJSON *kernel = cJSON_GetObjectItemCaseSensitive(n, "kernel"), *fuse = cJSON_GetObjectItemCaseSensitive(n, "fuse");
        const cJSON *tensor = cJSON_GetObjectItemCaseSensitive(n, "tensor"), *block = cJSON_GetObjectItemCaseSensitive(n, "block");
        const cJSON *bands = cJSON_GetObjectItemCaseSensitive(n, "bands");
        if (kernel)
            fprintf(f, "node %d\t%s\n", node, kernel->valuestring);
        if (fuse)
            fprintf(f, "fuse %d %d\n", node, fuse->valueint != 0);
        if (bands)
            fprintf(f, "bands %d %d\n", node, bands->valueint);
        if (tensor && block)
            fprintf(f, "block %d %d\n", tensor->valueint, block->valueint);
    }
}

char *cynf_plan_bind(const cJSON *plan)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        return NULL;
    fprintf(f, "%s\n", CYNF_BINDING_FIRST_LINE);
    const cJSON *machine, *item;
    cJSON_ArrayForEach(machine, cJSON_GetObjectItemCaseSensitive(plan, "machines"))
    {
        fprintf(f, "cpu %s\n", machine->string);
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(machine, "kernels"))
            fprintf(f, "kernel %s\t%s\n", item->string, cJSON_GetObjectItemCaseSensitive(item, "kernel")->valuestring);
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(machine, "models"))
            bind_model(item, f);
    }
    return fclose(f) ? NULL : text;
}

static cynf_status bind_text(cynf_binding **out, const char *text, const char *path, char *note, size_t cap)
{
    char inner[1200];
    if (!strncmp(text, "cynf-binding", 12)) {
        const cynf_status s = cynf_binding_parse(out, text, strlen(text), inner, sizeof inner);
        if (s)
            snprintf(note, cap, "%s: %s", path, inner);
        return s;
    }
    cJSON *plan;
    cynf_status s = cynf_plan_parse(&plan, text, path, note, cap);
    if (s)
        return s;
    char *lines = cynf_plan_bind(plan);
    s = lines ? cynf_binding_parse(out, lines, strlen(lines), inner, sizeof inner) : CYNF_ENOMEM;
    if (s)
        snprintf(note, cap, "%s: %s", path, lines ? inner : "out of memory");
    char cpu[CYNF_SIGNATURE_CAP];
    const cJSON *here = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(plan, "machines"), cynf_cpu_fingerprint(cpu, sizeof cpu));
    const cJSON *library = cJSON_GetObjectItemCaseSensitive(here, "library");
    if (!s && strcmp(library->valuestring, cynf_build_id()))
        snprintf(note, cap, "%s: library: tuned with build %.32s, this is %s; its choices are used, but may no longer be the fastest: tune again", path,
            library->valuestring, cynf_build_id());
    free(lines);
    cJSON_Delete(plan);
    return s;
}

cynf_status cynf_plan_open(cynf_binding **out, const char *path, char *note, size_t cap)
{
    char inner[1500] = "";
    char *text = read_text(path, inner, sizeof inner);
    const cynf_status s = text ? bind_text(out, text, path, inner, sizeof inner) : CYNF_EIO;
    snprintf(note, cap, "%s%s", inner, s ? "; the plan is not used, the cost model chooses" : "");
    free(text);
    return s;
}

/* ---- merging ---- */

bool cynf_plan_merge(cJSON *into, const cJSON *from, char *why, size_t cap)
{
    cJSON *machines = cJSON_GetObjectItemCaseSensitive(into, "machines");
    const cJSON *machine, *item;
    cJSON_ArrayForEach(machine, cJSON_GetObjectItemCaseSensitive(from, "machines"))
    {
        cJSON *mine = cJSON_GetObjectItemCaseSensitive(machines, machine->string);
        if (!mine) {
            cJSON_AddItemToObject(machines, machine->string, cJSON_Duplicate(machine, true));
            continue;
        }
        const char *a = cJSON_GetObjectItemCaseSensitive(mine, "library")->valuestring;
        const char *b = cJSON_GetObjectItemCaseSensitive(machine, "library")->valuestring;
        if (strcmp(a, b))
            return wrong(why, cap, "machines[\"%.100s\"].library: %.32s and %.32s cannot be merged; tune again with one build", machine->string, a, b);
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(mine, "exact")) != cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(machine, "exact")))
            return wrong(why, cap, "machines[\"%.100s\"].exact: a plan of exact kernels and one of all kernels cannot be merged; keep them apart", machine->string);
        static const char *const sections[] = {"kernels", "models"};
        for (int i = 0; i < 2; i++)
            cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(machine, sections[i]))
                cynf_plan_put(cJSON_GetObjectItemCaseSensitive(mine, sections[i]), item->string, cJSON_Duplicate(item, true));
    }
    return true;
}
