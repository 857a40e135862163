/**
 * Another size of the open dimensions: a shape for each input, batch first; what is not open is as declared above. From then on run and run_batch take
 * and give arrays of these shapes. The sizes go from 1 to the maximum, which is that after create; the memory is that of the maximum throughout, but planning
 * allocates a little (nothing of the weights' size), which is shared by all instances of the same size and freed with the last of them. A state is kept.
 * CYNF_EINVAL: a size is over the maximum, or one that the model's layers cannot have; CYNF_ENOMEM. After a failure the instance goes on with the size it had.
 */
cynf_status @ID@_resize(@ID@_t *m, const int32_t *const shapes[]);
/** Shape of output i, batch first, at the present sizes; zeros behind its dimensions. */
void @ID@_output_shape(const @ID@_t *m, int i, int32_t shape[8]);
