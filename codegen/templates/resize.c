
/* The compiled model of these sizes, which shares kernels and weights with the one of the largest; with one more reference. lock is held. */
static cynf_status acquire_size(compiled **out, compiled *base, const int32_t *size)
{
    const size_t bytes = @UPPER@_OPEN * sizeof *size;
    for (compiled *c = all; c; c = c->next)
        if ((c == base || c->base == base) && !memcmp(c->size, size, bytes)) {
            c->references++;
            *out = c;
            return CYNF_OK;
        }
    compiled *c = calloc(1, sizeof *c);
    if (!c)
        return CYNF_ENOMEM;
    memcpy(c->size, size, bytes);
    char why[512];
    cynf_status s = cynf_sizes_program(&c->program, &c->graph, base->sizes, size, base->program, &base->build, why, sizeof why);
    if (s == CYNF_OK)
        s = cynf_walk_of_program(&c->walk, c->program);
    if (s != CYNF_OK) {
        discard(c);
        return s;
    }
    c->base = base;
    base->references++;
    c->references = 1;
    c->next = all;
    all = c;
    *out = c;
    return CYNF_OK;
}

cynf_status @ID@_resize(@ID@_t *m, const int32_t *const shapes[])
{
    if (!m || !shapes)
        return CYNF_EINVAL;
    pthread_mutex_lock(&lock);
    compiled *c = find(cynf_instance_walk(m)), *base = c->base ? c->base : c, *other;
    const cynf_graph *g = base->graph;
    int32_t size[@UPPER@_OPEN];
    cynf_status s = CYNF_OK;
    for (int32_t i = 0; i < g->n_in; i++) {
        const cynf_shape *largest = &g->t[g->in[i].t].shape;
        for (int32_t d = 0; d < largest->rank; d++)
            if (!(cynf_sizes_open_axes(base->sizes, i) >> d & 1) && shapes[i][d] != largest->d[d])
                s = CYNF_EINVAL;
    }
    for (int32_t i = 0; i < @UPPER@_OPEN; i++)
        size[i] = shapes[cynf_sizes_dim(base->sizes, i)[0]][cynf_sizes_dim(base->sizes, i)[1]];
    if (s == CYNF_OK)
        s = acquire_size(&other, base, size);
    if (s == CYNF_OK) {
        s = cynf_instance_set_walk(m, other->walk);
        release(s == CYNF_OK ? c : other);
    }
    pthread_mutex_unlock(&lock);
    return s;
}

void @ID@_output_shape(const @ID@_t *m, int i, int32_t shape[8])
{
    pthread_mutex_lock(&lock);
    const cynf_graph *g = find(cynf_instance_walk(m))->graph;
    memcpy(shape, g->t[g->out[i].t].shape.d, 8 * sizeof *shape);
    pthread_mutex_unlock(&lock);
}
