// SPDX-License-Identifier: Apache-2.0
//
// The loops of kernels.h, for the instructions that the including file is compiled for. PLX_WIDTH is the size of a
// register in bytes. Everything here is local to that file; see kernels.h.
#include "kernels.h"

namespace plx {
namespace {

typedef float floats __attribute__((vector_size(PLX_WIDTH)));
typedef double doubles __attribute__((vector_size(PLX_WIDTH)));
typedef int32_t signs __attribute__((vector_size(PLX_WIDTH)));
typedef uint32_t words __attribute__((vector_size(PLX_WIDTH)));
typedef uint16_t halves __attribute__((vector_size(PLX_WIDTH / 2)));

template <typename To, typename From>
inline To bits(From v) {
	static_assert(sizeof(To) == sizeof(From), "not the same bits");
	To t;
	__builtin_memcpy(&t, &v, sizeof t);
	return t;
}

// How elements of a type are read as numbers and written: n of them in a register, or one.
template <typename N, typename V>
struct Plain {
	typedef N element;
	typedef N number;
	typedef V vector;
	static constexpr int64_t n = PLX_WIDTH / sizeof(N);
	static inline V load(const N *p) {
		V v;
		__builtin_memcpy(&v, p, sizeof v);
		return v;
	}
	static inline void store(N *p, V v) { __builtin_memcpy(p, &v, sizeof v); }
	static inline N read(const N *p) { return *p; }
	static inline void write(N *p, N v) { *p = v; }
};
typedef Plain<float, floats> F32;
typedef Plain<double, doubles> F64;

// A bfloat16 is the upper half of a float32; writing rounds to the nearest, ties to even, as libtorch does.
struct BF16 {
	typedef uint16_t element;
	typedef float number;
	typedef floats vector;
	static constexpr int64_t n = F32::n;
	static inline vector load(const element *p) {
		halves h;
		__builtin_memcpy(&h, p, sizeof h);
		return bits<floats>(__builtin_convertvector(h, words) << 16);
	}
	static inline void store(element *p, vector v) {
		words w = bits<words>(v);
		words rounded = (w + 0x7fff + ((w >> 16) & 1)) >> 16;
		words half = (v != v) ? (words{} + 0x7fc0) : rounded;
		halves h = __builtin_convertvector(half, halves);
		__builtin_memcpy(p, &h, sizeof h);
	}
	static inline number read(const element *p) { return bits<float>(static_cast<uint32_t>(*p) << 16); }
	static inline void write(element *p, number v) {
		uint32_t w = bits<uint32_t>(v);
		*p = v != v ? 0x7fc0 : (w + 0x7fff + ((w >> 16) & 1)) >> 16;
	}
};

// NaN stays NaN in both, as in libtorch's ReLU and its gradient.
template <typename T>
inline T positive(T v) { return v < 0 ? T{} : v; }
template <typename T>
inline T where_positive(T y, T g) { return y <= 0 ? T{} : g; }

// The columns of one register, or of one number. A loop over columns is written once, as a template over these two.
template <typename K>
struct Wide {
	typedef typename K::vector value;
	static constexpr int64_t n = K::n;
	static inline value load(const typename K::element *p) { return K::load(p); }
	static inline void store(typename K::element *p, value v) { K::store(p, v); }
	static inline value number(const typename K::number *p) {
		value v;
		__builtin_memcpy(&v, p, sizeof v);
		return v;
	}
	static inline double at(value v, int64_t i) { return v[i]; }
};
template <typename K>
struct One {
	typedef typename K::number value;
	static constexpr int64_t n = 1;
	static inline value load(const typename K::element *p) { return K::read(p); }
	static inline void store(typename K::element *p, value v) { K::write(p, v); }
	static inline value number(const typename K::number *p) { return *p; }
	static inline double at(value v, int64_t) { return v; }
};

// Calls f.template of<S, registers>(column) for all columns: four registers at a time, one, and single numbers.
template <typename K, typename F>
inline void columns(int64_t width, F &&f) {
	int64_t j = 0;
	for (; j + 4 * K::n <= width; j += 4 * K::n) f.template of<Wide<K>, 4>(j);
	for (; j + K::n <= width; j += K::n) f.template of<Wide<K>, 1>(j);
	for (; j < width; j++) f.template of<One<K>, 1>(j);
}

// A folded row has at most this many columns when it is more than one row.
constexpr int64_t folded = 128;

// Sums are shifted by the block's own first row. So their rounding error is at most about rows·ε of the variance,
// wherever the mean lies, and a constant channel has the variance 0.
template <typename K>
struct Moments {
	const typename K::element *x;
	int64_t rows, width;
	double *mean, *square;

	template <typename S, int V>
	inline void of(int64_t j) {
		typename S::value shift[V], sum[V], squares[V];
		for (int v = 0; v < V; v++) {
			shift[v] = S::load(x + j + v * S::n);
			sum[v] = squares[v] = typename S::value{};
		}
		for (int64_t r = 1; r < rows; r++) {
			const typename K::element *row = x + r * width + j;
			for (int v = 0; v < V; v++) {
				typename S::value d = S::load(row + v * S::n) - shift[v];
				sum[v] += d;
				squares[v] += d * d;
			}
		}
		double n = static_cast<double>(rows);
		for (int v = 0; v < V; v++)
			for (int64_t i = 0; i < S::n; i++) {
				double s = S::at(sum[v], i), q = S::at(squares[v], i) - s * s / n;
				mean[j + v * S::n + i] = S::at(shift[v], i) + s / n;
				square[j + v * S::n + i] = q < 0 ? 0 : q; // NaN stays
			}
	}
};

template <typename K>
void moments(const typename K::element *x, int64_t rows, int64_t c, double *mean, double *square) {
	int64_t f = fold(c), width = f * c, full = rows / f;
	if (f == 1) {
		columns<K>(width, Moments<K>{x, rows, width, mean, square});
		return;
	}
	double means[folded], squares[folded];
	if (full > 0) columns<K>(width, Moments<K>{x, full, width, means, squares});
	int64_t parts = full > 0 ? f : 0;
	for (int64_t i = 0; i < c; i++) {
		double sum = 0;
		for (int64_t k = 0; k < parts; k++) sum += static_cast<double>(full) * means[k * c + i];
		for (int64_t r = full * f; r < rows; r++) sum += static_cast<double>(K::read(x + r * c + i));
		double m = sum / static_cast<double>(rows), q = 0;
		for (int64_t k = 0; k < parts; k++) {
			double d = means[k * c + i] - m;
			q += squares[k * c + i] + static_cast<double>(full) * d * d;
		}
		for (int64_t r = full * f; r < rows; r++) {
			double d = static_cast<double>(K::read(x + r * c + i)) - m;
			q += d * d;
		}
		mean[i] = m;
		square[i] = q;
	}
}

template <typename K, bool relu, bool add>
struct Apply {
	const typename K::element *x, *residual;
	typename K::element *y;
	const typename K::number *mean, *scale, *shift;

	template <typename S, int V>
	inline void of(int64_t j) {
		for (int v = 0; v < V; v++, j += S::n) {
			typename S::value t = (S::load(x + j) - S::number(mean + j)) * S::number(scale + j) + S::number(shift + j);
			if (add) t += S::load(residual + j);
			S::store(y + j, relu ? positive(t) : t);
		}
	}
};

// Calls f(offset, columns) for every folded row, the last of which may be shorter.
template <typename F>
inline void rows_of(int64_t rows, int64_t c, F &&f) {
	int64_t width = fold(c) * c, end = rows * c;
	for (int64_t at = 0; at < end; at += width) f(at, at + width <= end ? width : end - at);
}

template <typename K, bool relu, bool add>
void apply_as(const typename K::element *x, const typename K::element *residual, typename K::element *y, int64_t rows, int64_t c, const typename K::number *mean, const typename K::number *scale, const typename K::number *shift) {
	rows_of(rows, c, [&](int64_t at, int64_t width) {
		columns<K>(width, Apply<K, relu, add>{x + at, add ? residual + at : nullptr, y + at, mean, scale, shift});
	});
}

template <typename K>
void apply(const typename K::element *x, const typename K::element *residual, typename K::element *y, int64_t rows, int64_t c, const typename K::number *mean, const typename K::number *scale, const typename K::number *shift, bool relu) {
	auto f = residual != nullptr ? (relu ? apply_as<K, true, true> : apply_as<K, false, true>) : (relu ? apply_as<K, true, false> : apply_as<K, false, false>);
	f(x, residual, y, rows, c, mean, scale, shift);
}

// Where a gradient passes a ReLU: everywhere if there is none, where its result is above 0, or where that would be, which
// is computed again from x because that costs less than to read it.
enum Mask { everywhere, by_result, by_input };

template <typename K, bool keep, Mask mask>
struct Sums {
	const typename K::element *dy, *y, *x;
	typename K::element *g;
	int64_t rows, width;
	const typename K::number *mean, *scale, *shift;
	double *sum, *product;

	template <typename S, int V>
	inline void of(int64_t j) {
		typename S::value centre[V], by[V], to[V], s[V], p[V];
		for (int v = 0; v < V; v++) {
			centre[v] = S::number(mean + j + v * S::n);
			if (mask == by_input) {
				by[v] = S::number(scale + j + v * S::n);
				to[v] = S::number(shift + j + v * S::n);
			}
			s[v] = p[v] = typename S::value{};
		}
		for (int64_t r = 0; r < rows; r++) {
			int64_t at = r * width + j;
			for (int v = 0; v < V; v++, at += S::n) {
				typename S::value t = S::load(dy + at), centred = S::load(x + at) - centre[v];
				if (mask == by_result) t = where_positive(S::load(y + at), t);
				if (mask == by_input) t = where_positive(centred * by[v] + to[v], t);
				if (keep) S::store(g + at, t);
				s[v] += t;
				p[v] += t * centred;
			}
		}
		for (int v = 0; v < V; v++)
			for (int64_t i = 0; i < S::n; i++) {
				sum[j + v * S::n + i] = S::at(s[v], i);
				product[j + v * S::n + i] = S::at(p[v], i);
			}
	}
};

template <typename K, bool keep, Mask mask>
void sums_as(const typename K::element *dy, const typename K::element *y, const typename K::element *x, typename K::element *g, int64_t rows, int64_t c, const typename K::number *mean, const typename K::number *scale, const typename K::number *shift, double *sum, double *product) {
	int64_t f = fold(c), width = f * c, full = rows / f;
	if (f == 1) {
		columns<K>(width, Sums<K, keep, mask>{dy, y, x, g, rows, width, mean, scale, shift, sum, product});
		return;
	}
	double s[folded], p[folded];
	for (int64_t i = 0; i < c; i++) sum[i] = product[i] = 0;
	auto add = [&](int64_t parts) {
		for (int64_t k = 0; k < parts; k++)
			for (int64_t i = 0; i < c; i++) {
				sum[i] += s[k * c + i];
				product[i] += p[k * c + i];
			}
	};
	if (full > 0) {
		columns<K>(width, Sums<K, keep, mask>{dy, y, x, g, full, width, mean, scale, shift, s, p});
		add(f);
	}
	int64_t left = rows - full * f, at = full * width;
	if (left > 0) {
		columns<K>(left * c, Sums<K, keep, mask>{dy + at, mask == by_result ? y + at : nullptr, x + at, keep ? g + at : nullptr, 1, left * c, mean, scale, shift, s, p});
		add(left);
	}
}

template <typename K>
void sums(const typename K::element *dy, const typename K::element *y, const typename K::element *x, typename K::element *g, int64_t rows, int64_t c, const typename K::number *mean, const typename K::number *scale, const typename K::number *shift, double *sum, double *product) {
	auto f = y != nullptr ? (g != nullptr ? sums_as<K, true, by_result> : sums_as<K, false, by_result>)
			 : scale != nullptr ? (g != nullptr ? sums_as<K, true, by_input> : sums_as<K, false, by_input>)
								: (g != nullptr ? sums_as<K, true, everywhere> : sums_as<K, false, everywhere>);
	f(dy, y, x, g, rows, c, mean, scale, shift, sum, product);
}

template <typename K, Mask mask>
struct Gradient {
	const typename K::element *dy, *y, *x;
	typename K::element *dx;
	const typename K::number *mean, *scale, *shift, *a, *b, *d;

	template <typename S, int V>
	inline void of(int64_t j) {
		for (int v = 0; v < V; v++, j += S::n) {
			typename S::value g = S::load(dy + j), centred = S::load(x + j) - S::number(mean + j);
			if (mask == by_result) g = where_positive(S::load(y + j), g);
			if (mask == by_input) g = where_positive(centred * S::number(scale + j) + S::number(shift + j), g);
			S::store(dx + j, S::number(a + j) * g + (S::number(b + j) * centred + S::number(d + j)));
		}
	}
};

template <typename K, Mask mask>
void gradient_as(const typename K::element *dy, const typename K::element *y, const typename K::element *x, typename K::element *dx, int64_t rows, int64_t c, const typename K::number *mean, const typename K::number *scale, const typename K::number *shift, const typename K::number *a, const typename K::number *b, const typename K::number *d) {
	rows_of(rows, c, [&](int64_t at, int64_t width) {
		columns<K>(width, Gradient<K, mask>{dy + at, mask == by_result ? y + at : nullptr, x + at, dx + at, mean, scale, shift, a, b, d});
	});
}

template <typename K>
void gradient(const typename K::element *dy, const typename K::element *y, const typename K::element *x, typename K::element *dx, int64_t rows, int64_t c, const typename K::number *mean, const typename K::number *scale, const typename K::number *shift, const typename K::number *a, const typename K::number *b, const typename K::number *d) {
	(y != nullptr ? gradient_as<K, by_result> : scale != nullptr ? gradient_as<K, by_input> : gradient_as<K, everywhere>)(dy, y, x, dx, rows, c, mean, scale, shift, a, b, d);
}

// The compiler makes vectors of these loops, since they have no sums.
template <typename G, typename N = typename G::number>
void sgd(N *__restrict p, const typename G::element *__restrict g, N *__restrict m, int64_t n, const SGDStep &s) {
	N rate = s.rate, momentum = s.momentum, decay = s.decay, trust = s.trust;
	if (m == nullptr)
		for (int64_t i = 0; i < n; i++) p[i] -= rate * (trust * (G::read(g + i) + decay * p[i]));
	else if (s.first)
		for (int64_t i = 0; i < n; i++) {
			N t = trust * (G::read(g + i) + decay * p[i]);
			m[i] = t;
			p[i] -= rate * (s.nesterov ? t + momentum * t : t);
		}
	else
		for (int64_t i = 0; i < n; i++) {
			N t = trust * (G::read(g + i) + decay * p[i]), moved = momentum * m[i] + t;
			m[i] = moved;
			p[i] -= rate * (s.nesterov ? t + momentum * moved : moved);
		}
}

inline float root(float v) { return __builtin_sqrtf(v); }
inline double root(double v) { return __builtin_sqrt(v); }

template <typename G, typename N = typename G::number>
void adam(N *__restrict p, const typename G::element *__restrict g, N *__restrict m, N *__restrict v, int64_t n, const AdamStep &s) {
	N rate = s.rate, beta1 = s.beta1, beta2 = s.beta2, rest1 = 1 - s.beta1, rest2 = 1 - s.beta2;
	N eps = s.eps, decay = s.decay, shrink = s.shrink, scale = s.root;
	for (int64_t i = 0; i < n; i++) {
		N at = shrink * p[i], t = G::read(g + i) + decay * at;
		m[i] = beta1 * m[i] + rest1 * t;
		v[i] = beta2 * v[i] + rest2 * t * t;
		p[i] = at - rate * m[i] / (root(v[i]) * scale + eps);
	}
}

// Added in double: eight sums at a time, whose order is fixed.
template <typename G>
double squares(const typename G::element *g, int64_t n) {
	double sums[8] = {};
	int64_t i = 0;
	for (; i + 8 <= n; i += 8)
		for (int k = 0; k < 8; k++) {
			double t = G::read(g + i + k);
			sums[k] += t * t;
		}
	for (; i < n; i++) {
		double t = G::read(g + i);
		sums[0] += t * t;
	}
	return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

template <typename G>
void scale(typename G::element *g, int64_t n, double by) {
	typename G::number s = by;
	for (int64_t i = 0; i < n; i++) G::write(g + i, G::read(g + i) * s);
}

template <typename N>
void lerp(N *__restrict a, const N *__restrict b, int64_t n, double weight) {
	N w = weight, rest = 1 - weight;
	if (weight < 0.5)
		for (int64_t i = 0; i < n; i++) a[i] += w * (b[i] - a[i]);
	else
		for (int64_t i = 0; i < n; i++) a[i] = b[i] - rest * (b[i] - a[i]);
}

template <typename G>
constexpr StepKernels<typename G::number, typename G::element> steps() { return {sgd<G>, adam<G>, squares<G>, scale<G>}; }

template <typename K>
constexpr NormKernels<typename K::element, typename K::number> norm() { return {moments<K>, apply<K>, sums<K>, gradient<K>}; }

constexpr Kernels all = {norm<F32>(), norm<BF16>(), norm<F64>(), steps<F32>(), steps<BF16>(), steps<F64>(), lerp<float>, lerp<double>};

}  // namespace
}  // namespace plx
