/* @SYMBOL@: @DATA@ as read-only data, a cache line aligned. Made by cynf-gen, DO NOT EDIT. */
    .section .rodata
    .balign 64
    .globl @SYMBOL@
    .hidden @SYMBOL@
    .type @SYMBOL@, %object
@SYMBOL@:
    .incbin "@DATA@"
    .size @SYMBOL@, . - @SYMBOL@
    .globl @SYMBOL@_end
    .hidden @SYMBOL@_end
@SYMBOL@_end:
    .section .note.GNU-stack, "", %progbits
