// SPDX-License-Identifier: Apache-2.0
//
// Making, reading and reshaping tensors; arithmetic, reductions, matrices.
#include "handle.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/diagonal.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/le.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scatter_add.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/var.h>
#include <ATen/ops/where.h>

namespace plx {
namespace ops {

#define PLX_DEFINE_UNARY(name) plx_value name(plx_tensor t) { return tensor([&] { return at::name(get(t)); }); }
PLX_UNARY(PLX_DEFINE_UNARY)
#define PLX_DEFINE_BINARY(name) plx_value name(plx_tensor a, plx_tensor b) { return tensor([&] { return at::name(get(a), get(b)); }); }
PLX_BINARY(PLX_DEFINE_BINARY)

plx_value from_data(const void *data, int dtype, const int64_t *shape, int n) {
	return tensor([&] {
		auto view = at::from_blob(const_cast<void *>(data), ints(shape, n), at::TensorOptions().dtype(scalar_type(dtype)));
		if (!device().is_cuda()) return view.to(view.options().device(device()), false, true);
		// From pinned pages the copy goes on while the caller does. libtorch keeps them until it is done.
		at::Tensor pinned = at::empty(view.sizes(), view.options().pinned_memory(true)).copy_(view);
		return pinned.to(device(), view.scalar_type(), true);
	});
}
plx_value full(double v, int dtype, const int64_t *shape, int n) {
	return tensor([&] { return at::full(ints(shape, n), v, at::TensorOptions().dtype(scalar_type(dtype)).device(device())); });
}
plx_value arange(int64_t n) {
	return tensor([&] { return at::arange(n, at::TensorOptions().dtype(at::kLong).device(device())); });
}
plx_value eye(int64_t n, int dtype) {
	return tensor([&] { return at::eye(n, at::TensorOptions().dtype(scalar_type(dtype)).device(device())); });
}
plx_value dims(plx_tensor t) { return value([&] { return get(t).dim(); }); }
plx_value shape(plx_tensor t, int64_t *out) {
	return done([&] { auto s = get(t).sizes(); std::copy(s.begin(), s.end(), out); });
}
plx_value dtype(plx_tensor t) { return value([&] { return dtype_of(get(t).scalar_type()); }); }
plx_number item(plx_tensor t) { return guard<plx_number>([&] { return get(t).item().to<double>(); }); }
plx_value read(plx_tensor t, int dtype, void *out, int64_t bytes) {
	return done([&] {
		auto host = get(t).detach().to(at::kCPU, scalar_type(dtype)).contiguous();
		if (static_cast<int64_t>(host.nbytes()) != bytes) throw std::runtime_error("the buffer has another size than the tensor");
		if (bytes > 0) std::memcpy(out, host.const_data_ptr(), bytes);
	});
}
plx_value to_dtype(plx_tensor t, int dtype) { return tensor([&] { return get(t).to(scalar_type(dtype)); }); }
plx_value channels_last(plx_tensor t) { return tensor([&] { return get(t).contiguous(at::MemoryFormat::ChannelsLast); }); }
plx_value clone(plx_tensor t) { return tensor([&] { return get(t).clone(); }); }

plx_value add_scalar(plx_tensor t, double s) { return tensor([&] { return at::add(get(t), s); }); }
plx_value mul_scalar(plx_tensor t, double s) { return tensor([&] { return at::mul(get(t), s); }); }
plx_value pow_scalar(plx_tensor t, double e) { return tensor([&] { return at::pow(get(t), e); }); }
plx_value clamp(plx_tensor t, double lo, double hi) { return tensor([&] { return at::clamp(get(t), lo, hi); }); }
plx_value where(plx_tensor c, plx_tensor a, plx_tensor b) { return tensor([&] { return at::where(get(c), get(a), get(b)); }); }
plx_value masked_fill(plx_tensor t, plx_tensor mask, double v) { return tensor([&] { return at::masked_fill(get(t), get(mask), v); }); }

plx_value sum(plx_tensor t, const int64_t *d, int n, int keep) { return tensor([&] { return n == 0 ? at::sum(get(t)) : at::sum(get(t), ints(d, n), keep != 0); }); }
plx_value mean(plx_tensor t, const int64_t *d, int n, int keep) { return tensor([&] { return n == 0 ? at::mean(get(t)) : at::mean(get(t), ints(d, n), keep != 0); }); }
plx_value var(plx_tensor t, const int64_t *d, int n, int64_t correction, int keep) {
	return tensor([&] {
		at::OptionalIntArrayRef over = n == 0 ? at::OptionalIntArrayRef() : at::OptionalIntArrayRef(ints(d, n));
		return at::var(get(t), over, c10::make_optional(at::Scalar(correction)), keep != 0);
	});
}
plx_value norm(plx_tensor t, const int64_t *d, int n, int keep) {
	return tensor([&] {
		at::OptionalIntArrayRef over = n == 0 ? at::OptionalIntArrayRef() : at::OptionalIntArrayRef(ints(d, n));
		return at::linalg_vector_norm(get(t), 2, over, keep != 0);
	});
}
plx_value amax(plx_tensor t, const int64_t *d, int n, int keep) { return tensor([&] { return at::amax(get(t), ints(d, n), keep != 0); }); }
plx_value argmax(plx_tensor t, int64_t d) { return tensor([&] { return at::argmax(get(t), d); }); }
plx_value topk(plx_tensor t, int64_t k, int64_t d, plx_tensor *index) {
	return tensor([&] {
		auto [values, where] = at::topk(get(t), k, d);
		*index = put(where);
		return values;
	});
}
plx_value logsumexp(plx_tensor t, const int64_t *d, int n, int keep) { return tensor([&] { return at::logsumexp(get(t), ints(d, n), keep != 0); }); }
plx_value softmax(plx_tensor t, int64_t d) { return tensor([&] { return at::softmax(get(t), d); }); }
plx_value log_softmax(plx_tensor t, int64_t d) { return tensor([&] { return at::log_softmax(get(t), d); }); }

plx_value matmul(plx_tensor a, plx_tensor b) { return tensor([&] { return at::matmul(get(a), get(b)); }); }
plx_value diagonal(plx_tensor t) { return tensor([&] { return at::diagonal(get(t)); }); }
plx_value svdvals(plx_tensor t) { return tensor([&] { return at::linalg_svdvals(get(t)); }); }
plx_value eigvalsh(plx_tensor t) { return tensor([&] { return at::linalg_eigvalsh(get(t)); }); }
plx_value eigh(plx_tensor t, plx_tensor *vectors) {
	return tensor([&] {
		auto [values, columns] = at::linalg_eigh(get(t));
		*vectors = put(columns);
		return values;
	});
}
plx_value cholesky(plx_tensor t, plx_tensor *info) {
	return tensor([&] {
		auto [factor, code] = at::linalg_cholesky_ex(get(t));
		*info = put(code);
		return factor;
	});
}
plx_value solve_triangular(plx_tensor a, plx_tensor b, int upper) { return tensor([&] { return at::linalg_solve_triangular(get(a), get(b), upper != 0); }); }

plx_value reshape(plx_tensor t, const int64_t *s, int n) { return tensor([&] { return get(t).reshape(ints(s, n)); }); }
plx_value transpose(plx_tensor t, int64_t a, int64_t b) { return tensor([&] { return get(t).transpose(a, b); }); }
plx_value unsqueeze(plx_tensor t, int64_t d) { return tensor([&] { return get(t).unsqueeze(d); }); }
plx_value expand(plx_tensor t, const int64_t *s, int n) { return tensor([&] { return get(t).expand(ints(s, n)); }); }
plx_value cat(const plx_tensor *t, int64_t n, int64_t d) { return tensor([&] { return at::cat(list(t, n), d); }); }
plx_value narrow(plx_tensor t, int64_t d, int64_t from, int64_t n) { return tensor([&] { return get(t).narrow(d, from, n); }); }
plx_value index_select(plx_tensor t, int64_t d, plx_tensor i) { return tensor([&] { return at::index_select(get(t), d, get(i)); }); }
plx_value gather(plx_tensor t, int64_t d, plx_tensor i) { return tensor([&] { return at::gather(get(t), d, get(i)); }); }
plx_value scatter_add(plx_tensor t, int64_t d, plx_tensor i, plx_tensor src) { return tensor([&] { return at::scatter_add(get(t), d, get(i), get(src)); }); }

}  // namespace ops
}  // namespace plx
