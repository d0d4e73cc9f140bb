// SPDX-License-Identifier: Apache-2.0
//
// Operations that libtorch makes of several passes over memory, in one or two: batch norm with ReLU and an addition.
// The loops are in kernels.inl. All sums are over fixed blocks of rows, added in their order, so that no result depends
// on the number of threads.
#include "handle.h"
#include "kernels.h"

#include <ATen/Parallel.h>
#include <ATen/ops/add.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <torch/csrc/autograd/custom_function.h>

namespace plx {
namespace {

// As libtorch, take orders from ATEN_CPU_CAPABILITY: default or avx2 hide what the processor has more.
const Kernels *choose() {
	const char *given = std::getenv("ATEN_CPU_CAPABILITY");
	std::string most = given == nullptr ? "" : given;
#if defined(__x86_64__)
	__builtin_cpu_init();
	bool avx2 = most != "default" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
	bool avx512 = avx2 && most != "avx2" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
				  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
	if (avx512 && kernels_avx512() != nullptr) return kernels_avx512();
	if (avx2 && kernels_avx2() != nullptr) return kernels_avx2();
#endif
	return kernels_base();
}

const Kernels &kernels() {
	static const Kernels *chosen = choose();
	return *chosen;
}

// How a type of elements is computed: the loops, the type of their numbers, and how tensors hold both.
struct F32 {
	typedef float element, number;
	static constexpr auto loops = &Kernels::f32;
	static constexpr at::ScalarType numbers = at::kFloat;
};
struct BF16 {
	typedef uint16_t element;
	typedef float number;
	static constexpr auto loops = &Kernels::bf16;
	static constexpr at::ScalarType numbers = at::kFloat;
};
struct F64 {
	typedef double element, number;
	static constexpr auto loops = &Kernels::f64;
	static constexpr at::ScalarType numbers = at::kDouble;
};

template <typename F>
auto with_type(at::ScalarType t, F f) {
	if (t == at::kFloat) return f(F32());
	if (t == at::kBFloat16) return f(BF16());
	return f(F64());
}

template <typename T>
T *data(const at::Tensor &t) { return t.defined() ? static_cast<T *>(const_cast<void *>(t.const_data_ptr())) : nullptr; }

// The memory of N x C or N x C x H x W with the channels innermost: rows of c elements.
at::Tensor rows_of_channels(const at::Tensor &t) { return t.dim() == 4 ? t.contiguous(at::MemoryFormat::ChannelsLast) : t.contiguous(); }

// A number for each channel, as the loops read them: fold(c) times in a row.
template <typename N>
struct Tiles {
	std::vector<N> all;
	int64_t width, c;
	Tiles(int64_t c, int kinds) : all(fold(c) * c * kinds), width(fold(c) * c), c(c) {}
	N *operator[](int kind) { return all.data() + kind * width; }
	void set(int kind, int64_t channel, double v) {
		for (int64_t at = channel; at < width; at += c) (*this)[kind][at] = static_cast<N>(v);
	}
};

// Fixed blocks of rows: a block's sums have at most 256 terms in a register, whatever the number of threads.
struct Blocks {
	int64_t rows, c, each, n;
	Blocks(int64_t rows, int64_t c) : rows(rows), c(c), each(fold(c) * std::clamp<int64_t>(16384 / (fold(c) * c), 64, 256)), n((rows + each - 1) / each) {}
	int64_t size(int64_t block) const { return std::min(each, rows - block * each); }
	// Calls f(block, its first element) for all blocks, in parallel.
	template <typename F>
	void run(F f) const {
		at::parallel_for(0, n, 1, [&](int64_t from, int64_t to) {
			for (int64_t b = from; b < to; b++) f(b, b * each * c);
		});
	}
};

// The mean of every channel and the sum of squared deviations from it, of the blocks' means and sums.
void merge(const Blocks &blocks, const std::vector<double> &means, const std::vector<double> &squares, double *mean, double *square) {
	int64_t c = blocks.c;
	std::fill_n(mean, c, 0.0);
	for (int64_t b = 0; b < blocks.n; b++) {
		double weight = static_cast<double>(blocks.size(b)) / static_cast<double>(blocks.rows);
		for (int64_t i = 0; i < c; i++) mean[i] += weight * means[b * c + i];
	}
	std::fill_n(square, c, 0.0);
	for (int64_t b = 0; b < blocks.n; b++) {
		double n = static_cast<double>(blocks.size(b));
		for (int64_t i = 0; i < c; i++) {
			double d = means[b * c + i] - mean[i];
			square[i] += squares[b * c + i] + n * d * d;
		}
	}
}

double at_or(const double *p, int64_t i, double otherwise) { return p == nullptr ? otherwise : p[i]; }

at::Tensor doubles(const at::Tensor &t) { return t.defined() ? t.detach().to(at::kDouble).contiguous() : t; }

// y = (x - mean)·weight·inverse + bias [+ residual], where the kernels' mean is rounded and the shift makes up for it.
template <typename K>
at::Tensor normalized(const at::Tensor &x, const at::Tensor &residual, const double *mean, const double *inverse, const at::Tensor &weight, const at::Tensor &bias, bool relu) {
	typedef typename K::element E;
	const auto &loops = kernels().*K::loops;
	int64_t c = x.size(1);
	Blocks blocks(x.numel() / c, c);
	Tiles<typename K::number> tiles(c, 3);
	at::Tensor w = doubles(weight), b = doubles(bias);
	for (int64_t i = 0; i < c; i++) {
		double scale = at_or(data<double>(w), i, 1) * inverse[i];
		tiles.set(0, i, mean[i]);
		tiles.set(1, i, scale);
		tiles.set(2, i, at_or(data<double>(b), i, 0) - (mean[i] - static_cast<double>(tiles[0][i])) * scale);
	}
	at::Tensor y = at::empty_like(x);
	E *from = data<E>(x), *more = data<E>(residual), *to = data<E>(y);
	blocks.run([&](int64_t block, int64_t at) {
		loops.apply(from + at, more == nullptr ? nullptr : more + at, to + at, blocks.size(block), c, tiles[0], tiles[1], tiles[2], relu);
	});
	return y;
}

using Optional = std::optional<at::Tensor>;

Optional optional(const at::Tensor &t) { return t.defined() ? Optional(t) : Optional(); }

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Batch norm over x [+ residual, then ReLU]. Returns y and, without gradient, the mean and the unbiased variance of
// every channel.
struct BatchNormAct : torch::autograd::Function<BatchNormAct> {
	static variable_list forward(AutogradContext *ctx, at::Tensor x, Optional weight, Optional bias, Optional residual, bool relu, double eps) {
		auto or_none = [](const Optional &t) { return t.value_or(at::Tensor()); };
		return with_type(x.scalar_type(), [&](auto k) { return forward_as<decltype(k)>(ctx, x, or_none(weight), or_none(bias), or_none(residual), relu, eps); });
	}

	static variable_list backward(AutogradContext *ctx, variable_list gradients) {
		variable_list saved = ctx->get_saved_variables();
		return with_type(saved[0].scalar_type(), [&](auto k) { return backward_as<decltype(k)>(ctx, saved, gradients[0]); });
	}

	template <typename K>
	static variable_list forward_as(AutogradContext *ctx, at::Tensor x, const at::Tensor &weight, const at::Tensor &bias, at::Tensor residual, bool relu, double eps) {
		const auto &loops = kernels().*K::loops;
		x = rows_of_channels(x);
		if (residual.defined()) residual = rows_of_channels(residual);
		int64_t c = x.size(1);
		Blocks blocks(x.numel() / c, c);
		std::vector<double> means(blocks.n * c), squares(blocks.n * c);
		const auto *from = data<typename K::element>(x);
		blocks.run([&](int64_t block, int64_t at) {
			loops.moments(from + at, blocks.size(block), c, means.data() + block * c, squares.data() + block * c);
		});
		// Row 0: the means, and row 1: 1/σ. Backward needs them unrounded.
		at::Tensor statistics = at::empty({2, c}, x.options().dtype(at::kDouble));
		double *mean = data<double>(statistics), *inverse = mean + c;
		merge(blocks, means, squares, mean, inverse);
		at::Tensor mean_out = at::empty({c}, x.options().dtype(K::numbers)), variance = at::empty_like(mean_out);
		double n = static_cast<double>(blocks.rows);
		for (int64_t i = 0; i < c; i++) {
			data<typename K::number>(mean_out)[i] = static_cast<typename K::number>(mean[i]);
			data<typename K::number>(variance)[i] = static_cast<typename K::number>(inverse[i] / (n - 1));
			inverse[i] = 1 / std::sqrt(inverse[i] / n + eps);
		}
		at::Tensor y = normalized<K>(x, residual, mean, inverse, weight, bias, relu);
		ctx->set_materialize_grads(false);
		ctx->mark_non_differentiable({mean_out, variance});
		ctx->save_for_backward({x, relu ? y : at::Tensor(), statistics, weight});
		ctx->saved_data["residual"] = residual.defined();
		ctx->saved_data["bias"] = bias.defined();
		return {y, mean_out, variance};
	}

	template <typename K>
	static variable_list backward_as(AutogradContext *ctx, const variable_list &saved, at::Tensor dy) {
		if (!dy.defined()) return variable_list(6);
		typedef typename K::element E;
		const auto &loops = kernels().*K::loops;
		const at::Tensor &x = saved[0], &y = saved[1], &weight = saved[3];
		const double *mean = data<double>(saved[2]);
		int64_t c = x.size(1);
		Blocks blocks(x.numel() / c, c);
		const double *inverse = mean + c;
		dy = rows_of_channels(dy.to(x.scalar_type()));
		// The gradient of the residual is that of y behind the ReLU. Once written, it serves the second pass as well.
		bool residual = ctx->saved_data["residual"].toBool();
		at::Tensor g = residual ? (y.defined() ? at::empty_like(x) : dy) : at::Tensor();
		E *in = data<E>(x), *out = data<E>(y), *up = data<E>(dy), *kept = y.defined() ? data<E>(g) : nullptr;

		Tiles<typename K::number> tiles(c, 4);
		for (int64_t i = 0; i < c; i++) tiles.set(0, i, mean[i]);
		std::vector<double> sums(blocks.n * c), products(blocks.n * c);
		blocks.run([&](int64_t block, int64_t at) {
			loops.sums(up + at, out == nullptr ? nullptr : out + at, in + at, kept == nullptr ? nullptr : kept + at, blocks.size(block), c, tiles[0], sums.data() + block * c, products.data() + block * c);
		});
		for (int64_t b = 1; b < blocks.n; b++)
			for (int64_t i = 0; i < c; i++) {
				sums[i] += sums[b * c + i];
				products[i] += products[b * c + i];
			}

		at::Tensor w = doubles(weight);
		at::Tensor dw = at::empty({c}, x.options().dtype(at::kDouble)), db = at::empty_like(dw);
		double n = static_cast<double>(blocks.rows);
		for (int64_t i = 0; i < c; i++) {
			// x̂ = (x - mean)/σ; dx = w/σ·(g - Σg/n - x̂·Σ(g·x̂)/n). The sums used the rounded mean.
			double missing = mean[i] - static_cast<double>(tiles[0][i]);
			double along = (products[i] - missing * sums[i]) * inverse[i]; // Σ g·x̂
			double a = at_or(data<double>(w), i, 1) * inverse[i], b = -a * inverse[i] * along / n;
			tiles.set(1, i, a);
			tiles.set(2, i, b);
			tiles.set(3, i, -a * sums[i] / n - b * missing);
			data<double>(dw)[i] = along;
			data<double>(db)[i] = sums[i];
		}
		at::Tensor dx;
		if (ctx->needs_input_grad(0)) {
			dx = at::empty_like(x);
			if (kept != nullptr) up = kept, out = nullptr;
			E *to = data<E>(dx);
			blocks.run([&](int64_t block, int64_t at) {
				loops.gradient(up + at, out == nullptr ? nullptr : out + at, in + at, to + at, blocks.size(block), c, tiles[0], tiles[1], tiles[2], tiles[3]);
			});
		}
		return {dx, weight.defined() ? dw.to(weight.scalar_type()) : at::Tensor(),
				ctx->saved_data["bias"].toBool() ? db.to(weight.defined() ? weight.scalar_type() : K::numbers) : at::Tensor(), g, at::Tensor(), at::Tensor()};
	}
};

// Whether the loops can take x: others go through libtorch's operations.
bool fits(const at::Tensor &x, const at::Tensor &residual) {
	bool type = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kDouble;
	return type && x.is_cpu() && (x.dim() == 2 || x.dim() == 4) && x.numel() > 0 &&
		   (!residual.defined() || (residual.sizes() == x.sizes() && residual.scalar_type() == x.scalar_type()));
}

void check_channels(const at::Tensor &t, const at::Tensor &x) {
	if (t.defined() && t.numel() != x.size(1)) throw std::runtime_error("weight, bias and statistics must have an element for each channel");
}

at::Tensor then(at::Tensor y, const at::Tensor &residual, bool relu) {
	if (residual.defined()) y = at::add(y, residual);
	return relu ? at::relu(y) : y;
}

}  // namespace

namespace ops {

plx_value batch_norm_act(plx_tensor x, plx_tensor w, plx_tensor b, plx_tensor residual, int relu, double eps, plx_tensor *mean, plx_tensor *variance) {
	return tensor([&] {
		at::Tensor in = get(x), weight = maybe(w), bias = maybe(b), more = maybe(residual);
		for (const auto &t : {weight, bias}) check_channels(t, in);
		if (fits(in, more)) {
			variable_list out = BatchNormAct::apply(in, optional(weight), optional(bias), optional(more), relu != 0, eps);
			*mean = put(out[1]);
			*variance = put(out[2]);
			return out[0];
		}
		// Running statistics that move all the way are those of the batch.
		auto numbers = in.options().dtype(in.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
		at::Tensor m = at::zeros({in.size(1)}, numbers), v = at::zeros({in.size(1)}, numbers);
		at::Tensor y = then(at::batch_norm(in, optional(weight), optional(bias), m, v, true, 1, eps, true), more, relu != 0);
		*mean = put(m);
		*variance = put(v);
		return y;
	});
}

plx_value norm_act(plx_tensor x, plx_tensor w, plx_tensor b, plx_tensor mean, plx_tensor variance, plx_tensor residual, int relu, double eps) {
	return tensor([&] {
		at::Tensor in = get(x), weight = maybe(w), bias = maybe(b), more = maybe(residual);
		bool recorded = c10::GradMode::is_enabled() && (in.requires_grad() || (weight.defined() && weight.requires_grad()) || (more.defined() && more.requires_grad()));
		for (const auto &t : {weight, bias, get(mean), get(variance)}) check_channels(t, in);
		if (recorded || !fits(in, more))
			return then(at::batch_norm(in, optional(weight), optional(bias), get(mean), get(variance), false, 0, eps, true), more, relu != 0);
		at::Tensor m = doubles(get(mean)), inverse = at::rsqrt(at::add(doubles(get(variance)), eps));
		return with_type(in.scalar_type(), [&](auto k) {
			return normalized<decltype(k)>(rows_of_channels(in), more.defined() ? rows_of_channels(more) : more, data<double>(m), data<double>(inverse), weight, bias, relu != 0);
		});
	});
}

}  // namespace ops
}  // namespace plx
