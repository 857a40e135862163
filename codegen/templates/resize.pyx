    cdef resize(self, tuple shapes):
        """Sizes of the inputs, without the batch: up to IN_SHAPES where the model leaves them open."""
        cdef int32_t sizes[N_IN][8]
        cdef const int32_t *rows[N_IN]
        cdef int32_t shape[8]
        cdef int i, k
        cdef cynf_status s
        if shapes == self.in_shapes or [len(t) for t in shapes] != [len(t) for t in IN_SHAPES]:
            return
        for i in range(N_IN):
            rows[i] = sizes[i]
            sizes[i][0] = BATCH
            for k, d in enumerate(shapes[i]):
                sizes[i][1 + k] = min(d, 0x7fffffff)
        s = @ID@_resize(self.model, rows)
        if s:
            raise (MemoryError if s == -2 else ValueError)(f'@ID@ cannot have inputs of shapes {shapes}: the largest are {IN_SHAPES}, and its layers may need others still')
        self.in_shapes = shapes
        outputs = []
        for i in range(N_OUT):
            @ID@_output_shape(self.model, i, shape)
            outputs.append(tuple([shape[1 + k] for k in range(len(OUT_SHAPES[i]))]))
        self.out_shapes = tuple(outputs)

