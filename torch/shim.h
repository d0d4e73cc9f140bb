// SPDX-License-Identifier: Apache-2.0
//
// The one door between Go and libtorch: a versioned table of C functions. The Go side opens the shared library at run
// time (dlopen) and asks it for the table, so Go code builds without libtorch.
//
// A tensor is a handle, never a pointer: the slot number in the low 32 bits, the slot's generation above. Using a
// handle whose tensor was freed gives an error, not undefined behaviour. 0 is "no tensor".
//
// Every call returns its error (malloc'd text, freed by the caller; NULL when all is well).
#ifndef PARALLAX_SHIM_H
#define PARALLAX_SHIM_H
#include <stdint.h>

// Raise it whenever a line of PLX_OPS changes: a library built from another table is then refused.
#define PLX_VERSION 17

typedef int64_t plx_tensor;
typedef struct { int64_t value; char *error; } plx_value;   // a tensor, an integer or a truth value
typedef struct { double value; char *error; } plx_number;

enum plx_dtype { PLX_F64, PLX_F32, PLX_F16, PLX_BF16, PLX_I64, PLX_I32, PLX_I16, PLX_I8, PLX_U8, PLX_BOOL };

// Element-wise functions of one tensor.
#define PLX_UNARY(X) \
	X(neg) X(abs) X(exp) X(log) X(sqrt) X(square) X(relu) X(gelu) X(erf) X(cos) X(sin) X(isfinite) X(logical_not)

// Element-wise functions of two tensors, with broadcasting.
#define PLX_BINARY(X) \
	X(add) X(sub) X(mul) X(div) X(maximum) X(minimum) X(eq) X(lt) X(le) X(gt) X(ge)

// X(result, name, parameters, arguments)
#define PLX_OPS(X) \
	/* engine */ \
	X(plx_value, start, (const char *device, int local), (device, local)) \
	X(plx_value, free_tensors, (const plx_tensor *t, int64_t n), (t, n)) \
	X(plx_value, live_tensors, (void), ()) \
	X(plx_value, scope_begin, (void), ()) \
	X(plx_value, scope_made, (plx_tensor *out, int64_t room), (out, room)) \
	X(plx_value, scope_end, (void), ()) \
	X(plx_value, scope_keep, (plx_tensor t), (t)) \
	X(plx_value, scope_own, (plx_tensor t), (t)) \
	X(plx_value, again, (plx_tensor t), (t)) \
	/* threads that may use libtorch beside the first one; settings and handles are passed on as numbers */ \
	X(plx_value, settings, (void), ()) \
	X(plx_value, settings_free, (int64_t settings), (settings)) \
	X(plx_value, lane_start, (int n), (n)) \
	X(plx_value, lane_number, (void), ()) \
	X(plx_value, lane_begin, (int64_t settings), (settings)) \
	X(plx_value, lane_end, (void), ()) \
	X(plx_value, lane_take, (int64_t made), (made)) \
	X(plx_value, set_threads, (int n), (n)) \
	X(plx_value, set_grad_mode, (int on), (on)) \
	X(plx_value, set_autocast, (int on), (on)) \
	X(plx_value, grad_mode, (void), ()) \
	X(plx_value, autocast, (void), ()) \
	X(plx_value, describe, (char *text, int64_t size), (text, size)) \
	/* a record of the operators that run */ \
	X(plx_value, profile_start, (int64_t most), (most)) \
	X(plx_value, profile_stop, (int64_t *sizes), (sizes)) \
	X(plx_value, profile_read, (int64_t *calls, char *names), (calls, names)) \
	/* making and reading tensors */ \
	X(plx_value, from_data, (const void *data, int dtype, const int64_t *shape, int dims), (data, dtype, shape, dims)) \
	X(plx_value, full, (double v, int dtype, const int64_t *shape, int dims), (v, dtype, shape, dims)) \
	X(plx_value, arange, (int64_t n), (n)) \
	X(plx_value, eye, (int64_t n, int dtype), (n, dtype)) \
	X(plx_value, dims, (plx_tensor t), (t)) \
	X(plx_value, shape, (plx_tensor t, int64_t *out), (t, out)) \
	X(plx_value, dtype, (plx_tensor t), (t)) \
	X(plx_number, item, (plx_tensor t), (t)) \
	X(plx_value, read, (plx_tensor t, int dtype, void *out, int64_t bytes), (t, dtype, out, bytes)) \
	X(plx_value, to_dtype, (plx_tensor t, int dtype), (t, dtype)) \
	X(plx_value, channels_last, (plx_tensor t), (t)) \
	X(plx_value, clone, (plx_tensor t), (t)) \
	/* arithmetic with a number, choices */ \
	X(plx_value, add_scalar, (plx_tensor t, double s), (t, s)) \
	X(plx_value, mul_scalar, (plx_tensor t, double s), (t, s)) \
	X(plx_value, pow_scalar, (plx_tensor t, double e), (t, e)) \
	X(plx_value, clamp, (plx_tensor t, double lo, double hi), (t, lo, hi)) \
	X(plx_value, where, (plx_tensor c, plx_tensor a, plx_tensor b), (c, a, b)) \
	X(plx_value, masked_fill, (plx_tensor t, plx_tensor mask, double v), (t, mask, v)) \
	/* reductions; dims may be empty for all */ \
	X(plx_value, sum, (plx_tensor t, const int64_t *d, int n, int keep), (t, d, n, keep)) \
	X(plx_value, mean, (plx_tensor t, const int64_t *d, int n, int keep), (t, d, n, keep)) \
	X(plx_value, var, (plx_tensor t, const int64_t *d, int n, int64_t correction, int keep), (t, d, n, correction, keep)) \
	X(plx_value, norm, (plx_tensor t, const int64_t *d, int n, int keep), (t, d, n, keep)) \
	X(plx_value, amax, (plx_tensor t, const int64_t *d, int n, int keep), (t, d, n, keep)) \
	X(plx_value, argmax, (plx_tensor t, int64_t d), (t, d)) \
	X(plx_value, topk, (plx_tensor t, int64_t k, int64_t d, plx_tensor *index), (t, k, d, index)) \
	X(plx_value, logsumexp, (plx_tensor t, const int64_t *d, int n, int keep), (t, d, n, keep)) \
	X(plx_value, softmax, (plx_tensor t, int64_t d), (t, d)) \
	X(plx_value, log_softmax, (plx_tensor t, int64_t d), (t, d)) \
	/* matrices */ \
	X(plx_value, matmul, (plx_tensor a, plx_tensor b), (a, b)) \
	X(plx_value, diagonal, (plx_tensor t), (t)) \
	X(plx_value, svdvals, (plx_tensor t), (t)) \
	X(plx_value, eigvalsh, (plx_tensor t), (t)) \
	X(plx_value, eigh, (plx_tensor t, plx_tensor *vectors), (t, vectors)) \
	X(plx_value, cholesky, (plx_tensor t, plx_tensor *info), (t, info)) \
	X(plx_value, solve_triangular, (plx_tensor a, plx_tensor b, int upper), (a, b, upper)) \
	/* shape */ \
	X(plx_value, reshape, (plx_tensor t, const int64_t *shape, int dims), (t, shape, dims)) \
	X(plx_value, transpose, (plx_tensor t, int64_t a, int64_t b), (t, a, b)) \
	X(plx_value, unsqueeze, (plx_tensor t, int64_t d), (t, d)) \
	X(plx_value, expand, (plx_tensor t, const int64_t *shape, int dims), (t, shape, dims)) \
	X(plx_value, cat, (const plx_tensor *t, int64_t n, int64_t d), (t, n, d)) \
	X(plx_value, narrow, (plx_tensor t, int64_t d, int64_t from, int64_t n), (t, d, from, n)) \
	X(plx_value, index_select, (plx_tensor t, int64_t d, plx_tensor index), (t, d, index)) \
	X(plx_value, gather, (plx_tensor t, int64_t d, plx_tensor index), (t, d, index)) \
	X(plx_value, scatter_add, (plx_tensor t, int64_t d, plx_tensor index, plx_tensor src), (t, d, index, src)) \
	/* layers; absent weights and biases are 0 */ \
	X(plx_value, linear, (plx_tensor x, plx_tensor w, plx_tensor b), (x, w, b)) \
	X(plx_value, conv2d, (plx_tensor x, plx_tensor w, plx_tensor b, int64_t stride, int64_t pad, int64_t groups), (x, w, b, stride, pad, groups)) \
	X(plx_value, convolution, (plx_tensor x, plx_tensor w, int64_t stride, int64_t pad), (x, w, stride, pad)) \
	X(plx_value, row_products, (plx_tensor a, plx_tensor b), (a, b)) \
	X(plx_value, batch_norm, (plx_tensor x, plx_tensor w, plx_tensor b, plx_tensor mean, plx_tensor var, int train, double momentum, double eps), (x, w, b, mean, var, train, momentum, eps)) \
	X(plx_value, batch_norm_act, (plx_tensor x, plx_tensor w, plx_tensor b, plx_tensor residual, int relu, double eps, int64_t group, plx_tensor *mean, plx_tensor *variance), (x, w, b, residual, relu, eps, group, mean, variance)) \
	X(plx_value, norm_act, (plx_tensor x, plx_tensor w, plx_tensor b, plx_tensor mean, plx_tensor variance, plx_tensor residual, int relu, double eps), (x, w, b, mean, variance, residual, relu, eps)) \
	X(plx_value, max_pool2d, (plx_tensor x, int64_t kernel, int64_t stride, int64_t pad), (x, kernel, stride, pad)) \
	X(plx_value, layer_norm, (plx_tensor x, plx_tensor w, plx_tensor b, double eps), (x, w, b, eps)) \
	X(plx_value, group_norm, (plx_tensor x, int64_t groups, plx_tensor w, plx_tensor b, double eps), (x, groups, w, b, eps)) \
	X(plx_value, attention, (plx_tensor q, plx_tensor k, plx_tensor v), (q, k, v)) \
	/* TorchScript: weights under dotted names; file is an extra file of the archive */ \
	X(plx_value, script_save, (const char *path, const char *source, const char **names, const plx_tensor *t, const int *buffers, int64_t n, const char *file, const char *content), (path, source, names, t, buffers, n, file, content)) \
	X(plx_value, script_run, (const char *path, plx_tensor x), (path, x)) \
	/* autograd */ \
	X(plx_value, set_requires_grad, (plx_tensor t, int on), (t, on)) \
	X(plx_value, requires_grad, (plx_tensor t), (t)) \
	X(plx_value, detach, (plx_tensor t), (t)) \
	X(plx_value, backward, (plx_tensor t), (t)) \
	X(plx_value, backward_from, (const plx_tensor *t, const plx_tensor *gradients, int64_t n), (t, gradients, n)) \
	X(plx_value, sums_begin, (const plx_tensor *of, int64_t n, int64_t pieces), (of, n, pieces)) \
	X(plx_value, sums_of, (int64_t sums, int64_t piece, plx_tensor t, plx_tensor gradient, plx_tensor in), (sums, piece, t, gradient, in)) \
	X(plx_value, sums_end, (int64_t sums), (sums)) \
	X(plx_value, grad, (plx_tensor t), (t)) \
	X(plx_value, set_grad, (plx_tensor t, plx_tensor g), (t, g)) \
	/* in place, outside autograd */ \
	X(plx_value, copy_into, (plx_tensor dst, plx_tensor src), (dst, src)) \
	X(plx_value, add_into, (plx_tensor dst, plx_tensor src, double alpha), (dst, src, alpha)) \
	X(plx_value, scale_into, (plx_tensor dst, double s), (dst, s)) \
	X(plx_value, index_copy_into, (plx_tensor dst, plx_tensor index, plx_tensor src), (dst, index, src)) \
	X(plx_value, lerp_into, (const plx_tensor *dst, const plx_tensor *src, int64_t n, double weight), (dst, src, n, weight)) \
	X(plx_value, grad_norms, (const plx_tensor *t, int64_t n), (t, n)) \
	X(plx_value, sgd, (const plx_tensor *p, const plx_tensor *m, int64_t n, double rate, double momentum, double decay, int nesterov, int first), (p, m, n, rate, momentum, decay, nesterov, first)) \
	X(plx_value, adam, (const plx_tensor *p, const plx_tensor *m, const plx_tensor *v, int64_t n, int64_t step, double rate, double beta1, double beta2, double eps, double decay, int decoupled), (p, m, v, n, step, rate, beta1, beta2, eps, decay, decoupled)) \
	/* the same in one pass, without an operation for each tensor; eta other than 0: LARS */ \
	X(plx_value, lerp_all, (const plx_tensor *dst, const plx_tensor *src, int64_t n, double weight), (dst, src, n, weight)) \
	X(plx_number, clip_norm, (const plx_tensor *p, int64_t n, double limit), (p, n, limit)) \
	X(plx_value, sgd_all, (const plx_tensor *p, const plx_tensor *m, int64_t n, double rate, double momentum, double decay, int nesterov, int first, double eta, double eps, int clip), (p, m, n, rate, momentum, decay, nesterov, first, eta, eps, clip)) \
	X(plx_value, adam_all, (const plx_tensor *p, const plx_tensor *m, const plx_tensor *v, int64_t n, int64_t step, double rate, double beta1, double beta2, double eps, double decay, int decoupled), (p, m, v, n, step, rate, beta1, beta2, eps, decay, decoupled)) \
	/* processes that train together; times in milliseconds. Any thread may use a store */ \
	X(plx_value, store_open, (const char *host, int64_t port, int server, int64_t listener, const char *file, int64_t processes, int64_t wait), (host, port, server, listener, file, processes, wait)) \
	X(plx_value, store_port, (int64_t store), (store)) \
	X(plx_value, store_set, (int64_t store, const char *key, const char *value), (store, key, value)) \
	X(plx_value, store_get, (int64_t store, const char *key, int64_t wait, char *out, int64_t room), (store, key, wait, out, room)) \
	X(plx_value, store_has, (int64_t store, const char *key), (store, key)) \
	X(plx_value, store_add, (int64_t store, const char *key, int64_t n), (store, key, n)) \
	X(plx_value, store_delete, (int64_t store, const char *key), (store, key)) \
	X(plx_value, store_close, (int64_t store), (store)) \
	X(plx_value, group_open, (int64_t store, const char *name, int rank, int processes, const char *host, int64_t wait, int nccl), (store, name, rank, processes, host, wait, nccl)) \
	X(plx_value, group_close, (int64_t group), (group)) \
	X(plx_value, gather_rows, (int64_t group, plx_tensor t), (group, t)) \
	X(plx_value, all_sum, (int64_t group, const plx_tensor *t, int64_t n), (group, t, n)) \
	X(plx_value, broadcast, (int64_t group, const plx_tensor *t, int64_t n, int from), (group, t, n, from)) \
	X(plx_value, traffic, (int64_t *out), (out)) \
	X(plx_value, buckets_begin, (int64_t group, const plx_tensor *t, int64_t n, int64_t size), (group, t, n, size)) \
	X(plx_value, buckets_end, (void), ())

#define PLX_FIELD(result, name, params, args) result (*name) params;
#define PLX_FIELD_UNARY(name) plx_value (*name)(plx_tensor);
#define PLX_FIELD_BINARY(name) plx_value (*name)(plx_tensor, plx_tensor);
typedef struct {
	PLX_UNARY(PLX_FIELD_UNARY)
	PLX_BINARY(PLX_FIELD_BINARY)
	PLX_OPS(PLX_FIELD)
} plx_table;

// The one exported symbol. Returns NULL when the library was built from another version of the table.
#define PLX_OPEN "plx_open"
typedef const plx_table *(*plx_open_fn)(int version);

#endif
