/* SPDX-License-Identifier: MIT */
#include "keras/yaml_config.h"

#include <stdbool.h>
#include <stdio.h>

#if CYNF_HAVE_YAML
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_NODES = 2000000, MAX_NESTED = 200 };

/* A plain scalar by the rules of YAML 1.1, as far as Keras writes them; what is quoted is text. */
static cJSON *scalar(const yaml_node_t *n)
{
    const char *s = (const char *)n->data.scalar.value;
    if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return cJSON_CreateString(s);
    if (!*s || !strcmp(s, "~") || !strcmp(s, "null"))
        return cJSON_CreateNull();
    if (!strcmp(s, "true") || !strcmp(s, "false"))
        return cJSON_CreateBool(*s == 't');
    char *end;
    const double v = strtod(s, &end);
    return strspn(s, "+-.0123456789eE") == strlen(s) && end > s && !*end ? cJSON_CreateNumber(v) : cJSON_CreateString(s);
}

static cJSON *convert(yaml_document_t *d, int index, int depth, int *nodes)
{
    yaml_node_t *n = yaml_document_get_node(d, index);
    if (!n || depth > MAX_NESTED || ++*nodes > MAX_NODES)
        return NULL;
    if (n->type == YAML_SCALAR_NODE)
        return scalar(n);
    const bool list = n->type == YAML_SEQUENCE_NODE;
    cJSON *y = list ? cJSON_CreateArray() : cJSON_CreateObject();
    bool ok = y && (list || n->type == YAML_MAPPING_NODE);
    if (ok && list)
        for (yaml_node_item_t *i = n->data.sequence.items.start; ok && i < n->data.sequence.items.top; i++) {
            cJSON *v = convert(d, *i, depth + 1, nodes);
            ok = v && cJSON_AddItemToArray(y, v);
        }
    else if (ok)
        for (yaml_node_pair_t *p = n->data.mapping.pairs.start; ok && p < n->data.mapping.pairs.top; p++) {
            const yaml_node_t *k = yaml_document_get_node(d, p->key);
            cJSON *v = k && k->type == YAML_SCALAR_NODE ? convert(d, p->value, depth + 1, nodes) : NULL;
            ok = v && cJSON_AddItemToObject(y, (const char *)k->data.scalar.value, v);
        }
    if (!ok) {
        cJSON_Delete(y);
        return NULL;
    }
    return y;
}

cJSON *cynf_yaml_parse(const char *text, char *message, size_t cap)
{
    yaml_parser_t p;
    yaml_document_t d;
    cJSON *y = NULL;
    int nodes = 0;
    snprintf(message, cap, "out of memory");
    if (!yaml_parser_initialize(&p))
        return NULL;
    yaml_parser_set_input_string(&p, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&p, &d)) {
        y = convert(&d, 1, 0, &nodes);
        if (!y)
            snprintf(message, cap, "the YAML architecture is empty, nested too deeply, or too large");
        yaml_document_delete(&d);
    } else {
        snprintf(message, cap, "neither JSON nor YAML: line %zu: %s", p.problem_mark.line + 1, p.problem ? p.problem : "it cannot be parsed");
    }
    yaml_parser_delete(&p);
    return y;
}
#else
cJSON *cynf_yaml_parse(const char *text, char *message, size_t cap)
{
    (void)text;
    snprintf(message, cap, "not a JSON architecture, and this build has no libyaml to read YAML with");
    return NULL;
}
#endif
