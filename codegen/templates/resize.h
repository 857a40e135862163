/**
 * Another size of the open dimensions: a shape for each input, batch first; what is not open is as declared above. From then on run and run_batch take and give
 * arrays of these shapes.
 *
 *     @ID@_resize(m, (const int32_t *const[]){(const int32_t[]){1, ...}, ...});     // one shape for each input
 *
 * After create the sizes are the largest, and the instance's memory is that of the largest throughout. Planning a size allocates a few kilobytes a layer, none for
 * weights but where a layer of that size has them packed in another way; they are shared by all instances of this size and freed with the last. A state is kept.
 * CYNF_EINVAL: a size is over the maximum, or one that the model's layers cannot have. CYNF_ENOMEM: memory is out, or the plan of this size does not fit into that of the
 * largest. After either the instance goes on with the sizes that it had.
 */
cynf_status @ID@_resize(@ID@_t *m, const int32_t *const shapes[]);
/** Shape of output i, batch first, at the present sizes; zeros behind its dimensions. */
void @ID@_output_shape(const @ID@_t *m, int i, int32_t shape[8]);
