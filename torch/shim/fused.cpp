// SPDX-License-Identifier: Apache-2.0
//
// Operations that libtorch makes of several passes over memory, in one or two: batch norm with ReLU and an addition; and
// optimisers and moving averages in one call for all tensors.
// The loops are in kernels.inl. All sums are over fixed blocks of rows, added in their order, so that no result depends
// on the number of threads.
#include "handle.h"
#include "kernels.h"
#include "processes.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/add.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <torch/csrc/autograd/custom_function.h>
#include <utility>

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
	static constexpr auto steps = &Kernels::steps_f32;
	static constexpr at::ScalarType numbers = at::kFloat;
};
struct BF16 {
	typedef uint16_t element;
	typedef float number;
	static constexpr auto loops = &Kernels::bf16;
	static constexpr auto steps = &Kernels::steps_bf16;
	static constexpr at::ScalarType numbers = at::kFloat;
};
struct F64 {
	typedef double element, number;
	static constexpr auto loops = &Kernels::f64;
	static constexpr auto steps = &Kernels::steps_f64;
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

// The memory of N x C or N x C x H x W with the channels innermost: rows of c elements, in any order.
at::Tensor rows_of_channels(const at::Tensor &t) {
	if (t.dim() != 4) return t.contiguous();
	return t.stride(1) == 1 && t.is_non_overlapping_and_dense() ? t : t.contiguous(at::MemoryFormat::ChannelsLast);
}

// t with its rows in the order of x.
at::Tensor rows_as(const at::Tensor &t, const at::Tensor &x) { return t.strides() == x.strides() ? t : at::empty_like(x).copy_(t); }

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

// Sets the first three of tiles, the kernels' mean, scale and shift, for (x - mean)·weight·inverse + bias. Their mean is
// rounded, and the shift makes up for it.
template <typename K>
void affine(Tiles<typename K::number> &tiles, const double *mean, const double *inverse, const at::Tensor &weight, const at::Tensor &bias) {
	at::Tensor w = doubles(weight), b = doubles(bias);
	for (int64_t i = 0; i < tiles.c; i++) {
		double scale = at_or(data<double>(w), i, 1) * inverse[i];
		tiles.set(0, i, mean[i]);
		tiles.set(1, i, scale);
		tiles.set(2, i, at_or(data<double>(b), i, 0) - (mean[i] - static_cast<double>(tiles[0][i])) * scale);
	}
}

// y = (x - mean)·weight·inverse + bias [+ residual].
template <typename K>
at::Tensor normalized(const at::Tensor &x, const at::Tensor &residual, const double *mean, const double *inverse, const at::Tensor &weight, const at::Tensor &bias, bool relu) {
	typedef typename K::element E;
	const auto &loops = kernels().*K::loops;
	int64_t c = x.size(1);
	Blocks blocks(x.numel() / c, c);
	Tiles<typename K::number> tiles(c, 3);
	affine<K>(tiles, mean, inverse, weight, bias);
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

// The rows of all processes of a group, and the means and squares over them, as merge makes them of blocks.
double merge_processes(int64_t group, double rows, int64_t c, double *mean, double *square) {
	at::Tensor own = at::empty({2 * c + 1}, at::kDouble);
	std::copy_n(mean, c, data<double>(own));
	std::copy_n(square, c, data<double>(own) + c);
	data<double>(own)[2 * c] = rows;
	at::Tensor all = rows_of_all(group, own);
	const double *at = data<double>(all);
	int64_t n = all.size(0), width = 2 * c + 1;
	double total = 0;
	for (int64_t p = 0; p < n; p++) total += at[p * width + 2 * c];
	std::fill_n(mean, c, 0.0);
	std::fill_n(square, c, 0.0);
	for (int64_t p = 0; p < n; p++)
		for (int64_t i = 0; i < c; i++) mean[i] += at[p * width + 2 * c] / total * at[p * width + i];
	for (int64_t p = 0; p < n; p++)
		for (int64_t i = 0; i < c; i++) {
			double d = at[p * width + i] - mean[i];
			square[i] += at[p * width + c + i] + at[p * width + 2 * c] * d * d;
		}
	return total;
}

// Batch norm over x [+ residual, then ReLU]. Returns y and, without gradient, the mean and the unbiased variance of
// every channel. With a group, the statistics are those of all its processes.
struct BatchNormAct : torch::autograd::Function<BatchNormAct> {
	static variable_list forward(AutogradContext *ctx, at::Tensor x, Optional weight, Optional bias, Optional residual, bool relu, double eps, int64_t group) {
		auto or_none = [](const Optional &t) { return t.value_or(at::Tensor()); };
		return with_type(x.scalar_type(), [&](auto k) { return forward_as<decltype(k)>(ctx, x, or_none(weight), or_none(bias), or_none(residual), relu, eps, group); });
	}

	static variable_list backward(AutogradContext *ctx, variable_list gradients) {
		variable_list saved = ctx->get_saved_variables();
		return with_type(saved[0].scalar_type(), [&](auto k) { return backward_as<decltype(k)>(ctx, saved, gradients[0]); });
	}

	template <typename K>
	static variable_list forward_as(AutogradContext *ctx, at::Tensor x, const at::Tensor &weight, const at::Tensor &bias, at::Tensor residual, bool relu, double eps, int64_t group) {
		const auto &loops = kernels().*K::loops;
		x = rows_of_channels(x);
		if (residual.defined()) residual = rows_as(residual, x);
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
		if (group != 0) n = merge_processes(group, n, c, mean, inverse);
		for (int64_t i = 0; i < c; i++) {
			data<typename K::number>(mean_out)[i] = static_cast<typename K::number>(mean[i]);
			data<typename K::number>(variance)[i] = static_cast<typename K::number>(inverse[i] / (n - 1));
			inverse[i] = 1 / std::sqrt(inverse[i] / n + eps);
		}
		at::Tensor y = normalized<K>(x, residual, mean, inverse, weight, bias, relu);
		ctx->set_materialize_grads(false);
		ctx->mark_non_differentiable({mean_out, variance});
		ctx->save_for_backward({x, relu && residual.defined() ? y : at::Tensor(), statistics, weight, bias});
		ctx->saved_data["residual"] = residual.defined();
		ctx->saved_data["relu"] = relu;
		ctx->saved_data["group"] = group;
		ctx->saved_data["rows"] = n;
		return {y, mean_out, variance};
	}

	template <typename K>
	static variable_list backward_as(AutogradContext *ctx, const variable_list &saved, at::Tensor dy) {
		if (!dy.defined()) return variable_list(7);
		typedef typename K::element E;
		const auto &loops = kernels().*K::loops;
		const at::Tensor &x = saved[0], &y = saved[1], &weight = saved[3], &bias = saved[4];
		const double *mean = data<double>(saved[2]);
		int64_t c = x.size(1);
		Blocks blocks(x.numel() / c, c);
		const double *inverse = mean + c;
		dy = rows_as(dy.to(x.scalar_type()), x);
		// The gradient of the residual is that of y behind the ReLU. Once written, it serves the second pass as well.
		bool residual = ctx->saved_data["residual"].toBool();
		at::Tensor g = residual ? (y.defined() ? at::empty_like(x) : dy) : at::Tensor();
		E *in = data<E>(x), *out = data<E>(y), *up = data<E>(dy), *kept = y.defined() ? data<E>(g) : nullptr;

		Tiles<typename K::number> tiles(c, 6);
		affine<K>(tiles, mean, inverse, weight, bias);
		bool again = ctx->saved_data["relu"].toBool() && !residual; // the ReLU's argument is computed again
		std::vector<double> sums(blocks.n * c), products(blocks.n * c);
		blocks.run([&](int64_t block, int64_t at) {
			loops.sums(up + at, out == nullptr ? nullptr : out + at, in + at, kept == nullptr ? nullptr : kept + at, blocks.size(block), c, tiles[0], again ? tiles[1] : nullptr, tiles[2], sums.data() + block * c, products.data() + block * c);
		});
		for (int64_t b = 1; b < blocks.n; b++)
			for (int64_t i = 0; i < c; i++) {
				sums[i] += sums[b * c + i];
				products[i] += products[b * c + i];
			}

		at::Tensor w = doubles(weight);
		// x̂ = (x - mean)/σ; the gradients of weight and bias are Σ g·x̂ and Σ g over the own rows.
		at::Tensor own = at::empty({2, c}, x.options().dtype(at::kDouble)), dw = own[0], db = own[1];
		for (int64_t i = 0; i < c; i++) {
			double missing = mean[i] - static_cast<double>(tiles[0][i]);  // the products are with the rounded mean
			data<double>(dw)[i] = (products[i] - missing * sums[i]) * inverse[i];
			data<double>(db)[i] = sums[i];
		}
		int64_t group = ctx->saved_data["group"].toInt();
		at::Tensor whole = group == 0 ? own : rows_of_all(group, own).sum(0);
		double n = ctx->saved_data["rows"].toDouble();
		for (int64_t i = 0; i < c; i++) {
			// dx = w/σ·(g - Σg/n - x̂·Σ(g·x̂)/n), with sums over all rows.
			double missing = mean[i] - static_cast<double>(tiles[0][i]);
			double along = data<double>(whole)[i], total = data<double>(whole)[c + i];
			double a = at_or(data<double>(w), i, 1) * inverse[i], b = -a * inverse[i] * along / n;
			tiles.set(3, i, a);
			tiles.set(4, i, b);
			tiles.set(5, i, -a * total / n - b * missing);
		}
		at::Tensor dx;
		if (ctx->needs_input_grad(0)) {
			dx = at::empty_like(x);
			if (kept != nullptr) up = kept, out = nullptr;
			E *to = data<E>(dx);
			blocks.run([&](int64_t block, int64_t at) {
				loops.gradient(up + at, out == nullptr ? nullptr : out + at, in + at, to + at, blocks.size(block), c, tiles[0], again ? tiles[1] : nullptr, tiles[2], tiles[3], tiles[4], tiles[5]);
			});
		}
		return {dx, weight.defined() ? dw.to(weight.scalar_type()) : at::Tensor(),
				bias.defined() ? db.to(weight.defined() ? weight.scalar_type() : K::numbers) : at::Tensor(), g, at::Tensor(), at::Tensor(), at::Tensor()};
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

// Batch norm by the statistics of all processes of a group, of any tensor, in libtorch's operations.
at::Tensor norm_of_all(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, double eps, int64_t group, plx_tensor *mean, plx_tensor *variance) {
	auto wide = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
	at::Tensor in = x.to(wide);
	std::vector<int64_t> over{0}, shape(x.dim(), 1);
	for (int64_t d = 2; d < x.dim(); d++) over.push_back(d);
	shape[1] = x.size(1);
	double own = static_cast<double>(x.numel()) / static_cast<double>(x.size(1));
	double n = rows_of_all(group, at::full({1}, own, in.options())).sum().item<double>();
	at::Tensor m = sum_of_all(group, in.sum(over)).div(n);
	at::Tensor centred = at::sub(in, m.view(shape));
	at::Tensor v = sum_of_all(group, centred.square().sum(over));
	at::Tensor y = at::mul(centred, at::rsqrt(at::add(v.div(n), eps)).view(shape));
	if (weight.defined()) y = at::mul(y, weight.view(shape));
	if (bias.defined()) y = at::add(y, bias.view(shape));
	*mean = put(m.detach());
	*variance = put(v.detach().div(n - 1));
	return y.to(x.scalar_type());
}

// Tensors of one parameter: itself, its gradient, and what the optimiser keeps of it. All have the parameter's layout,
// so that loops run through their memory.
struct Moved {
	at::Tensor p, g, m, v;
	double trust = 1, square = 0, gradient_square = 0;

	// Pointers to the element at, in the types of K.
	template <typename K>
	typename K::number *number(const at::Tensor &t, int64_t at) const { return t.defined() ? data<typename K::number>(t) + at : nullptr; }
	template <typename K>
	typename K::element *gradient(int64_t at) const { return data<typename K::element>(g) + at; }
};

bool dense(const at::Tensor &t) {
	return t.is_cpu() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble) && t.is_non_overlapping_and_dense();
}

bool alike(const at::Tensor &t, const at::Tensor &p) {
	return t.is_cpu() && t.scalar_type() == p.scalar_type() && t.sizes() == p.sizes() && t.strides() == p.strides();
}

// The parameters with their gradients, those without left out.
std::vector<Moved> moved(const plx_tensor *p, const plx_tensor *m, const plx_tensor *v, int64_t n) {
	std::vector<Moved> all;
	all.reserve(n);
	for (int64_t i = 0; i < n; i++) {
		Moved t;
		t.p = get(p[i]);
		t.g = t.p.grad();
		if (!t.g.defined()) continue;
		if (m != nullptr) t.m = get(m[i]);
		if (v != nullptr) t.v = get(v[i]);
		bool type = t.g.scalar_type() == t.p.scalar_type() || (t.g.scalar_type() == at::kBFloat16 && t.p.scalar_type() == at::kFloat);
		if (!dense(t.p) || !type || (t.m.defined() && !alike(t.m, t.p)) || (t.v.defined() && !alike(t.v, t.p))) throw std::runtime_error("a fused optimiser takes parameters of float32 or float64 on the CPU, and what belongs to one must have its type and layout");
		t.p.unsafeGetTensorImpl()->bump_version(); // as in libtorch's operations in place
		if (t.g.strides() != t.p.strides()) t.g = at::empty_like(t.p, t.g.options()).copy_(t.g);
		all.push_back(std::move(t));
	}
	return all;
}

// Calls f(k, tensor, at, n) with the K of the tensor's gradient for pieces of all tensors, in parallel.
constexpr int64_t piece = 32768;
struct Piece {
	int64_t tensor, at, n;
};

template <typename Sizes>
std::vector<Piece> pieces(int64_t tensors, Sizes size) {
	std::vector<Piece> all;
	for (int64_t i = 0; i < tensors; i++)
		for (int64_t at = 0; at < size(i); at += piece) all.push_back({i, at, std::min(piece, size(i) - at)});
	return all;
}

template <typename F>
void each(const std::vector<Piece> &all, F f) {
	int64_t total = 0, n = static_cast<int64_t>(all.size());
	for (const auto &p : all) total += p.n;
	at::parallel_for(0, n, total == 0 ? 1 : (n * piece + total - 1) / total, [&](int64_t from, int64_t to) {
		for (int64_t i = from; i < to; i++) f(i, all[i]);
	});
}

// Sets the sums of squares of the gradients, and of the parameters too if asked.
void measure(std::vector<Moved> &ts, bool parameters) {
	auto all = pieces(ts.size(), [&](int64_t i) { return ts[i].p.numel(); });
	std::vector<double> g(all.size()), p(all.size());
	each(all, [&](int64_t i, const Piece &at) {
		const Moved &t = ts[at.tensor];
		with_type(t.g.scalar_type(), [&](auto k) {
			typedef decltype(k) K;
			g[i] = (kernels().*K::steps).squares(t.gradient<K>(at.at), at.n);
		});
		if (!parameters) return;
		if (t.p.scalar_type() == at::kFloat)
			p[i] = kernels().steps_f32.squares(t.number<F32>(t.p, at.at), at.n);
		else
			p[i] = kernels().steps_f64.squares(t.number<F64>(t.p, at.at), at.n);
	});
	for (size_t i = 0; i < all.size(); i++) {
		ts[all[i].tensor].gradient_square += g[i];
		ts[all[i].tensor].square += p[i];
	}
}

}  // namespace

namespace ops {

plx_value batch_norm_act(plx_tensor x, plx_tensor w, plx_tensor b, plx_tensor residual, int relu, double eps, int64_t group, plx_tensor *mean, plx_tensor *variance) {
	return tensor([&] {
		RECORD_FUNCTION("parallax::batch_norm_act", std::vector<c10::IValue>{});
		at::Tensor in = get(x), weight = maybe(w), bias = maybe(b), more = maybe(residual);
		for (const auto &t : {weight, bias}) check_channels(t, in);
		if (fits(in, more)) {
			variable_list out = BatchNormAct::apply(in, optional(weight), optional(bias), optional(more), relu != 0, eps, group);
			*mean = put(out[1]);
			*variance = put(out[2]);
			return out[0];
		}
		if (group != 0) {
			at::Tensor y = norm_of_all(in, weight, bias, eps, group, mean, variance);
			return then(y, more, relu != 0);
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
		RECORD_FUNCTION("parallax::norm_act", std::vector<c10::IValue>{});
		at::Tensor in = get(x), weight = maybe(w), bias = maybe(b), more = maybe(residual);
		bool recorded = c10::GradMode::is_enabled() && (in.requires_grad() || (weight.defined() && weight.requires_grad()) || (more.defined() && more.requires_grad()));
		for (const auto &t : {weight, bias, get(mean), get(variance)}) check_channels(t, in);
		if (recorded || !fits(in, more))
			return then(at::batch_norm(in, optional(weight), optional(bias), get(mean), get(variance), false, 0, eps, true), more, relu != 0);
		at::Tensor m = doubles(get(mean)), inverse = at::rsqrt(at::add(doubles(get(variance)), eps));
		return with_type(in.scalar_type(), [&](auto k) {
			at::Tensor rows = rows_of_channels(in);
			return normalized<decltype(k)>(rows, more.defined() ? rows_as(more, rows) : more, data<double>(m), data<double>(inverse), weight, bias, relu != 0);
		});
	});
}

plx_value sgd_all(const plx_tensor *p, const plx_tensor *m, int64_t n, double rate, double momentum, double decay, int nesterov, int first, double eta, double eps, int clip) {
	return done([&] {
		RECORD_FUNCTION("parallax::sgd_all", std::vector<c10::IValue>{});
		auto ts = moved(p, momentum == 0 ? nullptr : m, nullptr, n);
		bool lars = eta != 0;
		if (lars) measure(ts, true);
		for (auto &t : ts) {
			double w = std::sqrt(t.square), g = std::sqrt(t.gradient_square);
			if (!lars || w == 0 || g == 0) continue;
			t.trust = eta * w / (g + decay * w + eps);
			if (clip) t.trust = std::min(t.trust / rate, 1.0);
		}
		each(pieces(ts.size(), [&](int64_t i) { return ts[i].p.numel(); }), [&](int64_t, const Piece &at) {
			const Moved &t = ts[at.tensor];
			bool plain = lars && (t.square == 0 || t.gradient_square == 0); // moves without weight decay
			SGDStep s{rate, momentum, plain ? 0 : decay, t.trust, nesterov != 0, first != 0};
			with_type(t.g.scalar_type(), [&](auto k) {
				typedef decltype(k) K;
				(kernels().*K::steps).sgd(t.number<K>(t.p, at.at), t.gradient<K>(at.at), t.number<K>(t.m, at.at), at.n, s);
			});
		});
	});
}

plx_value adam_all(const plx_tensor *p, const plx_tensor *m, const plx_tensor *v, int64_t n, int64_t step, double rate, double beta1, double beta2, double eps, double decay, int decoupled) {
	return done([&] {
		RECORD_FUNCTION("parallax::adam_all", std::vector<c10::IValue>{});
		auto ts = moved(p, m, v, n);
		double first = 1 - std::pow(beta1, step), second = 1 - std::pow(beta2, step);
		AdamStep s{rate / first, beta1, beta2, eps, decoupled ? 0 : decay, decoupled ? 1 - rate * decay : 1, 1 / std::sqrt(second)};
		each(pieces(ts.size(), [&](int64_t i) { return ts[i].p.numel(); }), [&](int64_t, const Piece &at) {
			const Moved &t = ts[at.tensor];
			with_type(t.g.scalar_type(), [&](auto k) {
				typedef decltype(k) K;
				(kernels().*K::steps).adam(t.number<K>(t.p, at.at), t.gradient<K>(at.at), t.number<K>(t.m, at.at), t.number<K>(t.v, at.at), at.n, s);
			});
		});
	});
}

plx_number clip_norm(const plx_tensor *p, int64_t n, double limit) {
	return guard<plx_number>([&] {
		auto ts = moved(p, nullptr, nullptr, n);
		measure(ts, false);
		double square = 0;
		for (const auto &t : ts) square += t.gradient_square;
		double norm = std::sqrt(square);
		if (limit <= 0 || !(norm > limit) || std::isinf(norm)) return norm;
		each(pieces(ts.size(), [&](int64_t i) { return ts[i].p.numel(); }), [&](int64_t, const Piece &at) {
			const Moved &t = ts[at.tensor];
			with_type(t.g.scalar_type(), [&](auto k) {
				typedef decltype(k) K;
				(kernels().*K::steps).scale(t.gradient<K>(at.at), at.n, limit / (norm + 1e-6));
			});
		});
		for (const auto &t : ts)
			if (!t.g.is_same(t.p.grad())) t.p.mutable_grad() = t.g; // it was copied into the parameter's layout
		return norm;
	});
}

plx_value lerp_all(const plx_tensor *dst, const plx_tensor *src, int64_t n, double weight) {
	return done([&] {
		RECORD_FUNCTION("parallax::lerp_all", std::vector<c10::IValue>{});
		auto to = list(dst, n), from = list(src, n);
		bool fit = true;
		for (int64_t i = 0; i < n; i++) fit = fit && dense(to[i]) && from[i].is_cpu() && from[i].scalar_type() == to[i].scalar_type() && from[i].sizes() == to[i].sizes();
		if (!fit) {
			c10::AutoGradMode off(false);
			at::_foreach_lerp_(to, from, weight);
			return;
		}
		for (int64_t i = 0; i < n; i++) {
			to[i].unsafeGetTensorImpl()->bump_version();
			if (from[i].strides() != to[i].strides()) from[i] = at::empty_like(to[i]).copy_(from[i].detach());
		}
		each(pieces(n, [&](int64_t i) { return to[i].numel(); }), [&](int64_t, const Piece &at) {
			const auto &a = to[at.tensor], &b = from[at.tensor];
			if (a.scalar_type() == at::kFloat)
				kernels().lerp_f32(data<float>(a) + at.at, data<float>(b) + at.at, at.n, weight);
			else
				kernels().lerp_f64(data<double>(a) + at.at, data<double>(b) + at.at, at.n, weight);
		});
	});
}

}  // namespace ops
}  // namespace plx
