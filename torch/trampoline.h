// SPDX-License-Identifier: Apache-2.0
//
// What cgo calls: plx_NAME(...) for every line of the table, through the pointer that engine.c fills.
#ifndef PARALLAX_TRAMPOLINE_H
#define PARALLAX_TRAMPOLINE_H
#include "shim.h"

extern const plx_table *plx_ops;

// Opens the library at path and fills plx_ops. Returns NULL, or what went wrong (malloc'd).
char *plx_load(const char *path);
// Marks the calling OS thread as one that may use libtorch.
void plx_enter(void);
// Whether the calling OS thread is one of these.
int plx_inside(void);

#define PLX_CALL(result, name, params, args) static inline result plx_##name params { return plx_ops->name args; }
#define PLX_CALL_UNARY(name) static inline plx_value plx_##name(plx_tensor t) { return plx_ops->name(t); }
#define PLX_CALL_BINARY(name) static inline plx_value plx_##name(plx_tensor a, plx_tensor b) { return plx_ops->name(a, b); }
PLX_UNARY(PLX_CALL_UNARY)
PLX_BINARY(PLX_CALL_BINARY)
PLX_OPS(PLX_CALL)

#endif
