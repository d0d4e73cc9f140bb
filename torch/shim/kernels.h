// SPDX-License-Identifier: Apache-2.0
//
// Loops over plain memory that libtorch has no operation for. kernels.inl is compiled once for each set of
// instructions; kernels() chooses at run time. Files compiled for newer instructions share no inline function with the
// others: the linker would keep only one copy, which might be the one that an older processor cannot run.
#pragma once
#include <cstdint>

namespace plx {

// How many rows of c channels the loops of batch norm treat as one, so that a row of few channels fills a register.
static inline int64_t fold(int64_t c) { return c < 64 ? 64 / c : 1; }

// Batch norm of rows x c elements of type E, in numbers of type N. Arrays called tiled hold a number for each channel,
// fold(c) times in a row. A sum is over the given rows alone; the caller adds the sums in a fixed order.
template <typename E, typename N>
struct NormKernels {
	// The mean of each channel, and the sum of the squared deviations from it.
	void (*moments)(const E *x, int64_t rows, int64_t c, double *mean, double *square);
	// y = (x - mean)·scale + shift [+ residual], at least 0 if relu. residual may be null. Tiled: mean, scale, shift.
	void (*apply)(const E *x, const E *residual, E *y, int64_t rows, int64_t c, const N *mean, const N *scale, const N *shift, bool relu);
	// For each channel Σ g and Σ g·(x - mean), where g is dy wherever the ReLU's result y is above 0, else 0. Without y
	// that result is (x - mean)·scale + shift; without scale there is no ReLU, and g is dy. Writes g unless it is null.
	// Tiled: mean, scale, shift.
	void (*sums)(const E *dy, const E *y, const E *x, E *g, int64_t rows, int64_t c, const N *mean, const N *scale, const N *shift, double *sum, double *product);
	// dx = a·g + b·(x - mean) + d, g as in sums. Tiled: mean, scale, shift, a, b, d.
	void (*gradient)(const E *dy, const E *y, const E *x, E *dx, int64_t rows, int64_t c, const N *mean, const N *scale, const N *shift, const N *a, const N *b, const N *d);
};

// One step of SGD: g' = trust·(g + decay·p); m = momentum·m + g', or g' in the first step; p -= rate·m, or
// rate·(g' + momentum·m) with Nesterov. m is null without momentum.
struct SGDStep {
	double rate, momentum, decay, trust;
	bool nesterov, first;
};

// One step of Adam: p *= shrink; g' = g + decay·p; m and v are the running means of g' and its square;
// p -= rate·m / (√v·root + eps), the corrections of the first steps within rate and root.
struct AdamStep {
	double rate, beta1, beta2, eps, decay, shrink, root;
};

// The optimisers over n numbers with gradients of type E.
template <typename N, typename E>
struct StepKernels {
	void (*sgd)(N *p, const E *g, N *m, int64_t n, const SGDStep &s);
	void (*adam)(N *p, const E *g, N *m, N *v, int64_t n, const AdamStep &s);
	double (*squares)(const E *g, int64_t n); // Σ g²
	void (*scale)(E *g, int64_t n, double by);
};

struct Kernels {
	NormKernels<float, float> f32;
	NormKernels<uint16_t, float> bf16; // the bits of a bfloat16
	NormKernels<double, double> f64;
	StepKernels<float, float> steps_f32;
	StepKernels<float, uint16_t> steps_bf16;
	StepKernels<double, double> steps_f64;
	// a += weight·(b - a)
	void (*lerp_f32)(float *a, const float *b, int64_t n, double weight);
	void (*lerp_f64)(double *a, const double *b, int64_t n, double weight);
};

// The kernels of one set of instructions; null if the compiler or the machine's architecture has none.
const Kernels *kernels_avx512();
const Kernels *kernels_avx2();
const Kernels *kernels_base();

}  // namespace plx
