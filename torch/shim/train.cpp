// SPDX-License-Identifier: Apache-2.0
//
// Layers, autograd, and what changes tensors in place: optimisers, moving averages, queues.
#include "handle.h"

#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/slice.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>
#include <mutex>

namespace plx {
namespace ops {
namespace {

using Optional = std::optional<at::Tensor>;

Optional optional(plx_tensor t) { return t == 0 ? Optional() : Optional(get(t)); }

// The gradients of ps; one that backward did not reach counts as zero.
std::vector<at::Tensor> gradients(const std::vector<at::Tensor> &ps) {
	std::vector<at::Tensor> out;
	out.reserve(ps.size());
	for (const auto &p : ps) out.push_back(p.grad().defined() ? p.grad() : at::zeros_like(p));
	return out;
}

struct NoGrad {
	bool was = c10::GradMode::is_enabled();
	NoGrad() { c10::GradMode::set_enabled(false); }
	~NoGrad() { c10::GradMode::set_enabled(was); }
};

// Adds the gradients of several pieces of a graph, each computed in a thread, to the leaves' own, in the order of the
// pieces: a gradient waits for those of the pieces before it. So what is added depends neither on the threads nor on
// their speed, and a gradient is freed as soon as possible, long before its piece is done.
class Sums {
  public:
	Sums(std::vector<at::Tensor> of, int64_t pieces) : leaves(std::move(of)), slots(leaves.size()) {
		for (size_t i = 0; i < leaves.size(); i++) {
			slots[i].waiting.resize(pieces);
			bool alike = i > 0 && leaves[i].dtype() == leaves[i - 1].dtype() && leaves[i].device() == leaves[i - 1].device();
			slots[i].zero = alike ? slots[i - 1].zero : at::zeros({}, leaves[i].options().requires_grad(false));
			hooks.push_back(leaves[i].register_hook([this, i](const at::Tensor &g) { return arrived(i, g); }));
		}
	}
	~Sums() {
		for (size_t i = 0; i < hooks.size(); i++) leaves[i].remove_hook(hooks[i]);
	}
	Sums(const Sums &) = delete;
	Sums &operator=(const Sums &) = delete;

	// Adds what has waited in vain: a piece before it has no such gradient.
	void finish() {
		NoGrad off;
		for (size_t i = 0; i < leaves.size(); i++)
			for (Gradient &g : slots[i].waiting)
				if (g.value.defined()) add(leaves[i], g);
	}

	at::Tensor backward(int64_t piece, const at::Tensor &t, const at::Tensor &gradient, const at::Tensor &in) {
		running = piece;
		std::vector<at::Tensor> of = leaves;
		if (in.defined()) of.push_back(in);
		auto found = torch::autograd::grad({t}, of, {gradient}, false, false, true);
		return in.defined() ? found.back() : at::Tensor();
	}

  private:
	struct Gradient {
		at::Tensor value;
		bool shared = false;  // something else may use its memory
	};
	struct Slot {
		std::mutex lock;
		std::vector<Gradient> waiting;	// by piece
		size_t next = 0;				// the piece whose turn it is
		at::Tensor zero;
	};

	// A gradient that nothing else uses is in the engine's buffer, in the hooks' list, and among the hook's arguments.
	static constexpr size_t unshared = 3;

	std::vector<at::Tensor> leaves;
	std::vector<Slot> slots;
	std::vector<unsigned> hooks;
	static thread_local int64_t running;

	// Takes the gradient of the running piece. What it returns takes the gradient's place in the engine, which would
	// keep it until the piece is done: zeros that take no memory.
	at::Tensor arrived(size_t i, const at::Tensor &g) {
		NoGrad off;
		Slot &s = slots[i];
		{
			std::lock_guard<std::mutex> held(s.lock);
			s.waiting[running] = {g, g.use_count() > unshared};
			for (; s.next < s.waiting.size() && s.waiting[s.next].value.defined(); s.next++) {
				add(leaves[i], s.waiting[s.next]);
				s.waiting[s.next].value.reset();
			}
		}
		return s.zero.expand(g.sizes());
	}

	// A leaf without gradient takes over the memory of the first if it can.
	static void add(const at::Tensor &leaf, const Gradient &g) {
		at::Tensor &own = leaf.mutable_grad();
		if (own.defined()) own.add_(g.value);
		else if (!g.shared && g.value.dtype() == leaf.dtype() && g.value.is_non_overlapping_and_dense() && g.value.strides() == leaf.strides()) own = g.value;
		else own = at::empty_like(leaf).copy_(g.value);
	}
};
thread_local int64_t Sums::running = 0;

}  // namespace

plx_value linear(plx_tensor x, plx_tensor w, plx_tensor b) { return tensor([&] { return at::linear(get(x), get(w), optional(b)); }); }
// libtorch 2.11's oneDNN on AVX2 writes the gradient of a strided 1 x 1 kernel past its end, in channels-last with
// fewer than 8 channels (seen with 2, 4 and 6). So the stride is taken first: the kernel over every stride-th pixel
// has no stride.
plx_value conv2d(plx_tensor x, plx_tensor w, plx_tensor b, int64_t stride, int64_t pad, int64_t groups) {
	return tensor([&] {
		at::Tensor in = get(x);
		int64_t step = stride;
		if (stride > 1 && pad == 0 && get(w).size(2) == 1 && get(w).size(3) == 1 && get(w).size(1) % 8 != 0) {
			in = at::slice(at::slice(in, 2, 0, c10::nullopt, stride), 3, 0, c10::nullopt, stride);
			step = 1;
		}
		return at::conv2d(in, get(w), optional(b), {step, step}, {pad, pad}, {1, 1}, groups);
	});
}
plx_value batch_norm(plx_tensor x, plx_tensor w, plx_tensor b, plx_tensor mean, plx_tensor var, int train, double momentum, double eps) {
	return tensor([&] { return at::batch_norm(get(x), optional(w), optional(b), optional(mean), optional(var), train != 0, momentum, eps, true); });
}
plx_value max_pool2d(plx_tensor x, int64_t kernel, int64_t stride, int64_t pad) {
	return tensor([&] { return at::max_pool2d(get(x), {kernel, kernel}, {stride, stride}, {pad, pad}); });
}
plx_value layer_norm(plx_tensor x, plx_tensor w, plx_tensor b, double eps) {
	return tensor([&] { return at::layer_norm(get(x), get(w).sizes(), optional(w), optional(b), eps); });
}
plx_value group_norm(plx_tensor x, int64_t groups, plx_tensor w, plx_tensor b, double eps) {
	return tensor([&] { return at::group_norm(get(x), groups, optional(w), optional(b), eps); });
}
plx_value attention(plx_tensor q, plx_tensor k, plx_tensor v) { return tensor([&] { return at::scaled_dot_product_attention(get(q), get(k), get(v)); }); }

plx_value set_requires_grad(plx_tensor t, int on) { return done([&] { get(t).requires_grad_(on != 0); }); }
plx_value requires_grad(plx_tensor t) { return value([&] { return get(t).requires_grad(); }); }
plx_value detach(plx_tensor t) { return tensor([&] { return get(t).detach(); }); }
plx_value backward(plx_tensor t) { return done([&] { get(t).backward(); }); }
// Backward from several tensors at once, each with its gradient; 0 is that of a loss, 1. The graph stays: another part of it may follow.
plx_value backward_from(const plx_tensor *t, const plx_tensor *gradients, int64_t n) {
	return done([&] {
		std::vector<at::Tensor> from;
		for (int64_t i = 0; i < n; i++) from.push_back(maybe(gradients[i]));
		torch::autograd::backward(list(t, n), from, true);
	});
}
plx_value sums_begin(const plx_tensor *of, int64_t n, int64_t pieces) {
	return value([&] { return static_cast<int64_t>(reinterpret_cast<intptr_t>(new Sums(list(of, n), pieces))); });
}
// Adds the gradients of the leaves to sums. Returns the gradient of in, or 0 if there is no in or it has no gradient.
plx_value sums_of(int64_t sums, int64_t piece, plx_tensor t, plx_tensor gradient, plx_tensor in) {
	return tensor([&] { return reinterpret_cast<Sums *>(static_cast<intptr_t>(sums))->backward(piece, get(t), get(gradient), maybe(in)); });
}
plx_value sums_end(int64_t sums) {
	return done([&] {
		std::unique_ptr<Sums> s(reinterpret_cast<Sums *>(static_cast<intptr_t>(sums)));
		s->finish();
	});
}
plx_value grad(plx_tensor t) { return tensor([&] { return get(t).grad(); }); }
plx_value set_grad(plx_tensor t, plx_tensor g) { return done([&] { get(t).mutable_grad() = maybe(g); }); }

plx_value copy_into(plx_tensor dst, plx_tensor src) { return done([&] { NoGrad n; get(dst).copy_(get(src)); }); }
plx_value add_into(plx_tensor dst, plx_tensor src, double alpha) {
	return done([&] {
		NoGrad n;
		bool whole = at::isIntegralType(get(dst).scalar_type(), true);
		get(dst).add_(get(src), whole ? at::Scalar(static_cast<int64_t>(alpha)) : at::Scalar(alpha));
	});
}
plx_value scale_into(plx_tensor dst, double s) { return done([&] { NoGrad n; get(dst).mul_(s); }); }
plx_value index_copy_into(plx_tensor dst, plx_tensor index, plx_tensor src) { return done([&] { NoGrad n; get(dst).index_copy_(0, get(index), get(src)); }); }
plx_value lerp_into(const plx_tensor *dst, const plx_tensor *src, int64_t n, double weight) {
	return done([&] { NoGrad g; at::_foreach_lerp_(list(dst, n), list(src, n), weight); });
}

// The l2 norm of each gradient, as one vector.
plx_value grad_norms(const plx_tensor *t, int64_t n) {
	return tensor([&] { NoGrad g; return at::stack(at::_foreach_norm(gradients(list(t, n)), 2)); });
}

plx_value sgd(const plx_tensor *p, const plx_tensor *m, int64_t n, double rate, double momentum, double decay, int nesterov, int first) {
	return done([&] {
		NoGrad g;
		auto ps = list(p, n);
		at::_fused_sgd_(ps, gradients(ps), momentum == 0 ? std::vector<at::Tensor>() : list(m, n), decay, momentum, rate, 0, nesterov != 0, false, first != 0);
	});
}

plx_value adam(const plx_tensor *p, const plx_tensor *m, const plx_tensor *v, int64_t n, int64_t step, double rate, double beta1, double beta2, double eps, double decay, int decoupled) {
	return done([&] {
		NoGrad g;
		auto ps = list(p, n);
		std::vector<at::Tensor> steps(n, at::full({}, static_cast<double>(step), ps.at(0).options().dtype(at::kFloat)));
		auto fused = decoupled ? static_cast<void (*)(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, double, double, double, double, double, bool, bool, const Optional &, const Optional &)>(at::_fused_adamw_)
							   : static_cast<void (*)(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, double, double, double, double, double, bool, bool, const Optional &, const Optional &)>(at::_fused_adam_);
		fused(ps, gradients(ps), list(m, n), list(v, n), {}, steps, rate, beta1, beta2, decay, eps, false, false, Optional(), Optional());
	});
}

}  // namespace ops
}  // namespace plx
