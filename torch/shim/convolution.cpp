// SPDX-License-Identifier: Apache-2.0
//
// Convolutions without bias on processors with AVX-512, forward and backward, in float32 and bfloat16. Elsewhere, and
// for other shapes, libtorch's convolution is used.
//
// Activations have the batch second to innermost in memory: H x W x N x C. Then a pixel of the whole batch is a matrix
// N x C, a convolution is a sum of products of such matrices, one for each pixel of the kernel that lies within the
// image, and no pixel is padded or gathered. No sum depends on the number of threads.
#include "convolution.h"
#include "handle.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/cpu/Utils.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/slice.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>
#include <algorithm>
#include <array>
#include <torch/csrc/autograd/custom_function.h>

namespace plx {
namespace {

// Whether the processor has all of these, as libtorch names them. As libtorch, take orders from ATEN_CPU_CAPABILITY:
// default and avx2 hide what it has more.
bool has(std::initializer_list<const char *> names) {
	const char *given = std::getenv("ATEN_CPU_CAPABILITY");
	std::string most = given == nullptr ? "" : given;
	if (most == "default" || most == "avx2") return false;
	auto known = at::cpu::get_cpu_capabilities();
	return std::all_of(names.begin(), names.end(), [&](const char *name) {
		auto found = known.find(name);
		return found != known.end() && found->second.isBool() && found->second.toBool();
	});
}

template <typename E>
struct Type;
template <>
struct Type<float> {
	static constexpr at::ScalarType scalar = at::kFloat;
	static constexpr int64_t pair = 1;
	static const ConvolutionKernels<float> *kernels() {
		static const auto *chosen = has({"avx512_f"}) ? convolution_f32() : nullptr;
		return chosen;
	}
	static const WinogradKernels<float> *winograd() { return winograd_f32(); }
};
template <>
struct Type<uint16_t> {
	static constexpr at::ScalarType scalar = at::kBFloat16;
	static constexpr int64_t pair = 2;
	static const ConvolutionKernels<uint16_t> *kernels() {
		// Where there are tiles (AMX), libtorch multiplies bfloat16 by them.
		static const auto *chosen = has({"avx512_bw", "avx512_vl", "avx512_bf16"}) && !has({"amx_bf16"}) ? convolution_bf16() : nullptr;
		return chosen;
	}
	static const WinogradKernels<uint16_t> *winograd() { return winograd_bf16(); }
};

template <typename T>
T *data(const at::Tensor &t) { return static_cast<T *>(const_cast<void *>(t.const_data_ptr())); }

// Scratch memory of floats or bfloat16; its content is undefined.
template <typename T>
struct Scratch {
	at::Tensor held;
	explicit Scratch(int64_t n) : held(at::empty({n}, Type<T>::scalar)) {}
	T *at(int64_t i = 0) const { return data<T>(held) + i; }
};

struct Shape {
	int64_t n, ci, h, w, co, kernel, oh, ow, stride, padding;
	int64_t taps() const { return kernel * kernel; }
};

// N x C x H x W in memory H x W x N x C.
at::Tensor batch_inner(int64_t n, int64_t c, int64_t h, int64_t w, at::ScalarType type) {
	return at::empty({h, w, n, c}, type).permute({2, 3, 0, 1});
}

void set(float &to, float v) { to = v; }
void set(uint16_t &to, float v) { to = c10::BFloat16(v).x; }

// Images, whose numbers may lie in any order, in that layout with zeros for further channels up to channels. A few pixels
// of a few images at a time, so that what is read and written stays in the cache: images are often a power of two apart.
template <typename E>
void images(const at::Tensor &t, int64_t channels, E *to) {
	constexpr int64_t group = 64, run = 16;
	const float *from = data<float>(t);
	int64_t n = t.size(0), c = t.size(1), h = t.size(2), w = t.size(3);
	int64_t image = t.stride(0), channel = t.stride(1), line = t.stride(2), column = t.stride(3);
	auto pixels = [&](const float *x, int64_t count, E *y) {
		if (channels <= 4) return Type<E>::kernels()->pixels(x, count, column, channel, c, channels, y, n * channels);
		for (int64_t p = 0; p < count; p++, x += column, y += n * channels)
			for (int64_t k = 0; k < channels; k++) set(y[k], k < c ? x[k * channel] : 0);
	};
	at::parallel_for(0, (n + group - 1) / group * h, 1, [&](int64_t begin, int64_t end) {
		for (int64_t at = begin; at < end; at++) {
			int64_t first = at / h * group, y = at % h;
			for (int64_t x = 0; x < w; x += run)
				for (int64_t i = first; i < std::min(n, first + group); i++) pixels(from + i * image + y * line + x * column, std::min(run, w - x), to + ((y * w + x) * n + i) * channels);
		}
	});
}

// t in that layout and type, with zeros for further channels up to c.
template <typename E>
at::Tensor as_batch_inner(const at::Tensor &t, int64_t c) {
	auto type = Type<E>::scalar;
	if (t.scalar_type() == type && t.size(1) == c && t.permute({2, 3, 0, 1}).is_contiguous()) return t;
	at::Tensor to = batch_inner(t.size(0), c, t.size(2), t.size(3), type);
	if (t.scalar_type() == at::kFloat && c < 16) {
		images<E>(t, c, data<E>(to));
		return to;
	}
	if (c != t.size(1)) to.zero_();
	at::slice(to, 1, 0, t.size(1)).copy_(t);
	return to;
}

int64_t padded(int64_t c, int64_t to) { return (c + to - 1) / to * to; }

// The weight (co x ci x kernel x kernel) packed for products: for every block of 16 outputs and every tap, inputs x 16.
// Backward, outputs are the inputs of the convolution.
template <typename E>
struct Packed {
	int64_t inputs, block; // inputs with those added to make pairs; numbers of a block
	Scratch<E> all;

	Packed(const at::Tensor &weight, bool backward, int64_t taps)
		: inputs(padded(weight.size(backward ? 0 : 1), Type<E>::pair)), block(taps * inputs * 16), all(weight.size(backward ? 1 : 0) / 16 * block) {
		const auto &kernels = *Type<E>::kernels();
		const float *from = data<float>(weight);
		int64_t ci = weight.size(1), real = weight.size(backward ? 0 : 1);
		int64_t output = backward ? taps : ci * taps, input = backward ? ci * taps : taps;
		at::parallel_for(0, weight.size(backward ? 1 : 0) / 16, 1, [&](int64_t begin, int64_t end) {
			Scratch<float> scratch(256 * taps);
			for (int64_t b = begin; b < end; b++) kernels.pack(from + b * 16 * output, output, input, taps, real, scratch.at(), all.at(b * block));
		});
	}
};

// How many images to take at a time.
constexpr int64_t part = 256;

// Columns of the image to take at a time. Pixels are often a power of two apart, so that few of them fit into the cache.
constexpr int64_t strip = 8;

// Calls f(n0, n, y, x0, x1) for all pixels y, x0 to x1 of n images from n0 on, in parallel.
template <typename F>
void strips(int64_t n, int64_t h, int64_t w, F f) {
	int64_t parts = (n + part - 1) / part, wide = (w + strip - 1) / strip;
	at::parallel_for(0, parts * wide * h, 1, [&](int64_t from, int64_t to) {
		for (int64_t i = from; i < to; i++) {
			int64_t n0 = i / (wide * h) * part, x = i / h % wide * strip;
			f(n0, std::min(part, n - n0), i % h, x, std::min(w, x + strip));
		}
	});
}

// Calls f(tap, y, x) for the taps of a convolution's kernel at output (oy, ox) which lie within its input, or backward
// for the outputs that input (oy, ox) goes to.
template <typename F>
void taps_at(const Shape &s, bool backward, int64_t oy, int64_t ox, F f) {
	auto place = [&](int64_t o, int64_t k, int64_t size) -> int64_t {
		if (!backward) {
			int64_t i = o * s.stride - s.padding + k;
			return i < size ? i : -1;
		}
		int64_t i = o + s.padding - k;
		return i >= 0 && i % s.stride == 0 && i / s.stride < size ? i / s.stride : -1;
	};
	int64_t h = backward ? s.oh : s.h, w = backward ? s.ow : s.w;
	for (int64_t a = 0; a < s.kernel; a++) {
		int64_t y = place(oy, a, h);
		if (y < 0) continue;
		for (int64_t b = 0; b < s.kernel; b++) {
			int64_t x = place(ox, b, w);
			if (x >= 0) f(a * s.kernel + b, y, x);
		}
	}
}

// y of x, or backward the gradient of x (to) of that of y (from). Both have the layout batch_inner.
template <typename E>
void direct(const Shape &s, bool backward, const E *from, int64_t channels, const Packed<E> &weight, E *to) {
	const auto &kernels = *Type<E>::kernels();
	int64_t outputs = backward ? s.ci : s.co, blocks = outputs / 16;
	int64_t rows = backward ? s.h : s.oh, columns = backward ? s.w : s.ow, width = backward ? s.ow : s.w;
	strips(s.n, rows, columns, [&](int64_t n0, int64_t n, int64_t oy, int64_t x0, int64_t x1) {
		Term<E> terms[128];
		for (int64_t b = 0; b < blocks; b += 2)
			for (int64_t ox = x0; ox < x1; ox++) {
				int64_t count = 0;
				taps_at(s, backward, oy, ox, [&](int64_t tap, int64_t y, int64_t x) {
					terms[count++] = {from + ((y * width + x) * s.n + n0) * channels, weight.all.at(b * weight.block + tap * weight.inputs * 16)};
				});
				kernels.products(terms, count, n, weight.inputs, channels, std::min<int64_t>(2, blocks - b), weight.block, to + ((oy * columns + ox) * s.n + n0) * outputs + b * 16, outputs);
			}
	});
}

// A rectangle of a weight's gradient, and a part of the image's rows; the parts' sums are added in their order.
struct Piece {
	int64_t i, inputs, o, outputs, part;
};

std::vector<Piece> weight_pieces(int64_t ci, int64_t co, int64_t edge, int64_t *parts) {
	std::vector<Piece> all;
	int64_t rectangles = ((ci + edge - 1) / edge) * ((co + edge - 1) / edge);
	*parts = std::clamp<int64_t>(8 / rectangles, 1, 4);
	for (int64_t i = 0; i < ci; i += edge)
		for (int64_t o = 0; o < co; o += edge)
			for (int64_t part = 0; part < *parts; part++) all.push_back({i, std::min(edge, ci - i), o, std::min(edge, co - o), part});
	return all;
}

// dw of dy, the sum over pixels of what sums adds up: kinds matrices, of which finish makes the taps of dw.
template <typename Sums, typename Finish>
at::Tensor weight_gradient(const Shape &s, int64_t edge, int64_t kinds, Sums sums, Finish finish) {
	int64_t parts, taps = s.taps();
	auto pieces = weight_pieces(s.ci, s.co, edge, &parts);
	at::Tensor dw = at::empty({s.co, s.ci, s.kernel, s.kernel}, at::kFloat);
	float *to = data<float>(dw);
	auto unpack = Type<float>::kernels()->unpack;
	std::vector<Scratch<float>> all;
	for (const auto &p : pieces) all.emplace_back(kinds * p.inputs * p.outputs);
	at::parallel_for(0, pieces.size(), 1, [&](int64_t begin, int64_t end) {
		for (int64_t i = begin; i < end; i++) {
			std::fill_n(all[i].at(), all[i].held.numel(), 0.f);
			sums(pieces[i], parts, all[i].at());
		}
	});
	at::parallel_for(0, pieces.size() / parts, 1, [&](int64_t begin, int64_t end) {
		for (int64_t r = begin; r < end; r++) {
			const Piece &p = pieces[r * parts];
			float *sum = all[r * parts].at();
			int64_t size = p.inputs * p.outputs;
			for (int64_t other = 1; other < parts; other++) {
				const float *more = all[r * parts + other].at();
				for (int64_t i = 0; i < kinds * size; i++) sum[i] += more[i];
			}
			const float *w = finish(sum, size);
			for (int64_t o = 0; o < p.outputs; o += 16) unpack(w + o, size, p.outputs, taps, p.inputs, to + ((p.o + o) * s.ci + p.i) * taps, s.ci * taps);
		}
	});
	return dw;
}

constexpr int64_t together = 8; // pixels

template <typename E>
at::Tensor direct_weight_gradient(const Shape &s, const E *x, int64_t channels, const E *dy) {
	const auto &kernels = *Type<E>::kernels();
	constexpr int64_t pair = Type<E>::pair;
	return weight_gradient(s, 64, s.taps(), [&](const Piece &p, int64_t parts, float *dw) {
		int64_t pairs = (std::min(part, s.n) + pair - 1) / pair;
		// In pairs: the rows of x under the kernel, and the row of dy.
		int64_t x_pixel = pairs * pair * p.inputs, dy_pixel = pairs * pair * p.outputs;
		bool copied = pair > 1;
		Scratch<E> lines(copied ? s.kernel * s.w * x_pixel : 0), line(copied ? s.ow * dy_pixel : 0);
		std::vector<int64_t> held(s.kernel);
		for (int64_t n0 = 0; n0 < s.n; n0 += part) {
			int64_t n = std::min(part, s.n - n0);
			std::fill(held.begin(), held.end(), -1);
			for (int64_t oy = s.oh * p.part / parts; oy < s.oh * (p.part + 1) / parts; oy++) {
				auto at_x = [&](int64_t y, int64_t xx) { return x + ((y * s.w + xx) * s.n + n0) * channels + p.i; };
				auto at_dy = [&](int64_t ox) { return dy + ((oy * s.ow + ox) * s.n + n0) * s.co + p.o; };
				if (copied) {
					for (int64_t k = 0; k < s.kernel; k++) {
						int64_t y = oy * s.stride - s.padding + k;
						if (y < 0 || y >= s.h || held[y % s.kernel] == y) continue;
						held[y % s.kernel] = y;
						for (int64_t xx = 0; xx < s.w; xx++) kernels.pair(at_x(y, xx), channels, n, p.inputs, lines.at((y % s.kernel * s.w + xx) * x_pixel));
					}
					for (int64_t ox = 0; ox < s.ow; ox++) kernels.pair(at_dy(ox), s.co, n, p.outputs, line.at(ox * dy_pixel));
				}
				// The sums of a tap over some pixels at a time stay in registers.
				std::vector<std::array<Term<E>, together>> terms(s.taps());
				std::vector<int64_t> counts(s.taps());
				auto add = [&](int64_t tap) {
					kernels.outer(terms[tap].data(), counts[tap], copied ? pair * p.inputs : channels, copied ? pair * p.outputs : s.co, (n + pair - 1) / pair, p.inputs, p.outputs, dw + tap * p.inputs * p.outputs, p.outputs);
					counts[tap] = 0;
				};
				for (int64_t ox = 0; ox < s.ow; ox++)
					taps_at(s, false, oy, ox, [&](int64_t tap, int64_t y, int64_t xx) {
						terms[tap][counts[tap]++] = copied ? Term<E>{lines.at((y % s.kernel * s.w + xx) * x_pixel), line.at(ox * dy_pixel)} : Term<E>{at_x(y, xx), at_dy(ox)};
						if (counts[tap] == together) add(tap);
					});
				for (int64_t tap = 0; tap < s.taps(); tap++)
					if (counts[tap] > 0) add(tap);
			}
		}
	},
						   [](float *sum, int64_t) { return sum; });
}

// Winograd's tiles of 2 x 2 outputs, of kernels of 3 x 3 with stride 1 and padding 1: several tiles and a part of the
// batch at a time, so that their sums stay in the cache. bytes is what one sum
// of each of its 16 kinds takes with its inputs.
struct Tiles {
	int64_t h, w, n, rows, columns, part, group; // group tiles of part images at a time
	Tiles(const Shape &s, int64_t bytes) : h(s.h), w(s.w), n(s.n), rows((s.h + 1) / 2), columns((s.w + 1) / 2) {
		part = std::min<int64_t>(n, 64);
		int64_t at_a_time = std::max<int64_t>(64, (int64_t{512} << 10) / (16 * bytes));
		group = std::clamp<int64_t>(at_a_time / part, 1, rows * columns);
	}
	int64_t tiles() const { return rows * columns; }
	int64_t groups() const { return (tiles() + group - 1) / group; }
	int64_t most() const { return group * part; }
	// The size x size pixels of a tile, from y0, x0 on; outside the image they are none.
	template <typename T>
	void pixels(T *image, int64_t c, int64_t n0, int64_t tile, int64_t shift, int64_t size, T *none, T **to) const {
		int64_t y0 = tile / columns * 2 + shift, x0 = tile % columns * 2 + shift;
		for (int64_t a = 0; a < size; a++)
			for (int64_t b = 0; b < size; b++) {
				int64_t y = y0 + a, x = x0 + b;
				bool inside = y >= 0 && y < h && x >= 0 && x < w;
				*to++ = inside ? image + ((y * w + x) * n + n0) * c : none;
			}
	}
};

constexpr int64_t winograd_sums = 16;

// Whether Winograd's sums are fewer: the direct ones leave out the taps outside of small images.
bool by_tiles(const Shape &s) { return s.kernel == 3 && s.stride == 1 && s.padding == 1 && s.h >= 4 && s.w >= 4 && s.ci % 16 == 0 && s.co % 16 == 0 && s.ci + s.co >= 64; }

template <typename E>
void tiled(const Shape &s, bool backward, const E *from, const at::Tensor &weight, E *to) {
	const auto &kernels = *Type<E>::kernels();
	const auto &transform = *Type<E>::winograd();
	int64_t in = backward ? s.co : s.ci, out = backward ? s.ci : s.co, block = winograd_sums * in * 16;
	Packed<float> packed(weight, backward, 9);
	Scratch<E> u(out / 16 * block);
	at::parallel_for(0, out / 16, 1, [&](int64_t begin, int64_t end) {
		Scratch<float> exact(block);
		for (int64_t b = begin; b < end; b++) {
			winograd_weights()->weights(packed.all.at(b * packed.block), in * 16, in * 16, exact.at(), in * 16, backward);
			for (int64_t k = 0; k < winograd_sums; k++) kernels.pack_rows(exact.at(k * in * 16), in, u.at(b * block + k * in * 16));
		}
	});
	Tiles t(s, sizeof(E) * in + sizeof(float) * out);
	int64_t parts = (s.n + t.part - 1) / t.part;
	at::parallel_for(0, parts * t.groups(), 1, [&](int64_t begin, int64_t end) {
		Scratch<E> v(winograd_sums * t.most() * in), zeros(t.part * in);
		Scratch<float> m(winograd_sums * t.most() * out);
		std::fill_n(zeros.at(), zeros.held.numel(), E{});
		for (int64_t i = begin; i < end; i++) {
			int64_t n0 = i / t.groups() * t.part, n = std::min(t.part, s.n - n0), first = i % t.groups() * t.group;
			int64_t tiles = std::min(t.group, t.tiles() - first), rows = tiles * n;
			for (int64_t k = 0; k < tiles; k++) {
				const E *pixels[16];
				t.pixels(from, in, n0, first + k, -1, 4, static_cast<const E *>(zeros.at()), pixels);
				transform.inputs(pixels, n * in, v.at(k * n * in), rows * in);
			}
			for (int64_t k = 0; k < winograd_sums; k++)
				for (int64_t b = 0; b < out / 16; b += 2) {
					Term<E> term = {v.at(k * rows * in), u.at(b * block + k * in * 16)};
					kernels.sums(&term, 1, rows, in, in, std::min<int64_t>(2, out / 16 - b), block, m.at(k * rows * out + b * 16), out);
				}
			for (int64_t k = 0; k < tiles; k++) {
				E *pixels[4];
				t.pixels(to, out, n0, first + k, 0, 2, static_cast<E *>(nullptr), pixels);
				transform.outputs(m.at(k * n * out), rows * out, n * out, pixels);
			}
		}
	});
}

template <typename E>
at::Tensor tiled_weight_gradient(const Shape &s, const E *x, const E *dy) {
	const auto &kernels = *Type<E>::kernels();
	const auto &transform = *Type<E>::winograd();
	constexpr int64_t pair = Type<E>::pair;
	return weight_gradient(s, 128, winograd_sums, [&](const Piece &p, int64_t parts, float *du) {
		Tiles t(s, sizeof(E) * (p.inputs + p.outputs));
		int64_t most = t.group * padded(t.part, pair);
		Scratch<E> v(winograd_sums * most * p.inputs), g(winograd_sums * most * p.outputs), zeros(std::max(p.inputs, p.outputs));
		std::fill_n(zeros.at(), zeros.held.numel(), E{});
		const E *none = zeros.at();
		// Rows of a part of the channels are apart, so that each, or each pair, is transformed by itself.
		auto spread = [&](const E *image, int64_t channels, int64_t c0, int64_t c, int64_t n0, int64_t n, int64_t tile, int64_t shift, int64_t size, E *to, int64_t step) {
			const E *pixels[16], *second[16];
			t.pixels(image + c0, channels, n0, tile, shift, size, none, pixels);
			auto next = [&](int64_t rows) {
				for (int64_t k = 0; k < size * size; k++)
					if (pixels[k] != none) pixels[k] += rows * channels;
			};
			for (int64_t r = 0; r < n; r += pair, next(pair)) {
				bool whole = pair > 1 && r + 1 < n;
				for (int64_t k = 0; k < size * size; k++) second[k] = pixels[k] == none ? none : pixels[k] + channels;
				(size == 4 ? transform.row_inputs : transform.row_gradients)(pixels, whole ? second : nullptr, c, to + r * c, step);
			}
		};
		for (int64_t n0 = 0; n0 < s.n; n0 += t.part) {
			int64_t n = std::min(t.part, s.n - n0), pairs = padded(n, pair);
			for (int64_t group = t.groups() * p.part / parts; group < t.groups() * (p.part + 1) / parts; group++) {
				int64_t first = group * t.group, tiles = std::min(t.group, t.tiles() - first), rows = tiles * pairs;
				for (int64_t k = 0; k < tiles; k++) {
					spread(x, s.ci, p.i, p.inputs, n0, n, first + k, -1, 4, v.at(k * pairs * p.inputs), rows * p.inputs);
					spread(dy, s.co, p.o, p.outputs, n0, n, first + k, 0, 2, g.at(k * pairs * p.outputs), rows * p.outputs);
				}
				for (int64_t k = 0; k < winograd_sums; k++) {
					Term<E> term = {v.at(k * rows * p.inputs), g.at(k * rows * p.outputs)};
					kernels.outer(&term, 1, pair * p.inputs, pair * p.outputs, rows / pair, p.inputs, p.outputs, du + k * p.inputs * p.outputs, p.outputs);
				}
			}
		}
	},
						   [&](float *sum, int64_t size) {
							   winograd_weights()->weight_gradients(sum, size, size, sum, size); // each number's 16 are read before its 9 are written
							   return sum;
						   });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Convolution : torch::autograd::Function<Convolution> {
	static at::Tensor forward(AutogradContext *ctx, const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding, bool bf16) {
		ctx->saved_data["stride"] = stride;
		ctx->saved_data["padding"] = padding;
		return bf16 ? forward_as<uint16_t>(ctx, x, weight) : forward_as<float>(ctx, x, weight);
	}

	static Shape shape(AutogradContext *ctx, const at::Tensor &x, const at::Tensor &weight) {
		Shape s{x.size(0), weight.size(1), x.size(2), x.size(3), weight.size(0), weight.size(2), 0, 0, ctx->saved_data["stride"].toInt(), ctx->saved_data["padding"].toInt()};
		s.oh = (s.h + 2 * s.padding - s.kernel) / s.stride + 1;
		s.ow = (s.w + 2 * s.padding - s.kernel) / s.stride + 1;
		return s;
	}

	template <typename E>
	static at::Tensor forward_as(AutogradContext *ctx, const at::Tensor &x, const at::Tensor &weight) {
		Shape s = shape(ctx, x, weight);
		at::Tensor in = as_batch_inner<E>(x, padded(s.ci, Type<E>::pair)), w = weight.contiguous();
		at::Tensor y = batch_inner(s.n, s.co, s.oh, s.ow, Type<E>::scalar);
		if (by_tiles(s))
			tiled<E>(s, false, data<E>(in), w, data<E>(y));
		else
			direct<E>(s, false, data<E>(in), in.size(1), Packed<E>(w, false, s.taps()), data<E>(y));
		ctx->save_for_backward({in, weight});
		ctx->saved_data["type"] = x.scalar_type();
		ctx->set_materialize_grads(false);
		return y;
	}

	static variable_list backward(AutogradContext *ctx, variable_list gradients) {
		if (!gradients[0].defined()) return variable_list(5);
		variable_list saved = ctx->get_saved_variables();
		return saved[0].scalar_type() == at::kBFloat16 ? backward_as<uint16_t>(ctx, saved[0], saved[1], gradients[0]) : backward_as<float>(ctx, saved[0], saved[1], gradients[0]);
	}

	template <typename E>
	static variable_list backward_as(AutogradContext *ctx, const at::Tensor &in, const at::Tensor &weight, const at::Tensor &gradient) {
		Shape s = shape(ctx, in, weight);
		at::Tensor dy = as_batch_inner<E>(gradient, s.co), dx, dw;
		bool by = by_tiles(s);
		if (ctx->needs_input_grad(0)) {
			at::Tensor w = weight.contiguous();
			dx = batch_inner(s.n, s.ci, s.h, s.w, Type<E>::scalar);
			if (by)
				tiled<E>(s, true, data<E>(dy), w, data<E>(dx));
			else
				direct<E>(s, true, data<E>(dy), s.co, Packed<E>(w, true, s.taps()), data<E>(dx));
			dx = dx.to(ctx->saved_data["type"].toScalarType());
		}
		if (ctx->needs_input_grad(1)) {
			if (by)
				dw = tiled_weight_gradient<E>(s, data<E>(in), data<E>(dy));
			else
				dw = direct_weight_gradient<E>(s, data<E>(in), in.size(1), data<E>(dy));
		}
		return {dx, dw, at::Tensor(), at::Tensor(), at::Tensor()};
	}
};

// Whether the loops can take this convolution. A gradient of x needs whole blocks of inputs.
bool fits(const at::Tensor &x, const at::Tensor &w, int64_t stride, int64_t padding, bool bf16) {
	bool type = w.scalar_type() == at::kFloat && (x.scalar_type() == at::kFloat || (bf16 && x.scalar_type() == at::kBFloat16));
	return type && (bf16 ? Type<uint16_t>::kernels() != nullptr : Type<float>::kernels() != nullptr) && x.is_cpu() && w.is_cpu() && x.dim() == 4 && w.dim() == 4 && x.size(0) >= 8 && x.numel() > 0 &&
		   x.size(1) == w.size(1) && w.size(2) == w.size(3) && w.size(2) * w.size(3) <= 128 && w.size(0) % 16 == 0 && (w.size(1) % 16 == 0 || !x.requires_grad()) && stride >= 1 && padding >= 0 &&
		   x.size(2) + 2 * padding >= w.size(2) && x.size(3) + 2 * padding >= w.size(3);
}

// a·bᵀ of rows in float32.
at::Tensor row_products(const at::Tensor &a, const at::Tensor &b) {
	const auto &kernels = *Type<float>::kernels();
	int64_t m = a.size(0), k = a.size(1), n = b.size(0), whole = n / 16 * 16;
	at::Tensor y = at::empty({m, n}, at::kFloat);
	const float *x = data<float>(a), *rows = data<float>(b);
	float *to = data<float>(y);
	at::parallel_for(0, (whole / 16 + 1) / 2, 1, [&](int64_t begin, int64_t end) {
		Scratch<float> packed(2 * 16 * k), scratch(256);
		for (int64_t i = begin; i < end; i++) {
			int64_t first = 32 * i, blocks = std::min<int64_t>(2, (whole - first) / 16);
			for (int64_t block = 0; block < blocks; block++) kernels.pack(rows + (first + 16 * block) * k, k, 1, 1, k, scratch.at(), packed.at(block * 16 * k));
			Term<float> term = {x, packed.at()};
			kernels.products(&term, 1, m, k, k, blocks, 16 * k, to + first, n);
		}
	});
	if (whole < n) y.slice(1, whole, n).copy_(at::matmul(a, b.slice(0, whole, n).t()));
	return y;
}

}  // namespace

const char *own_convolutions() {
	if (Type<float>::kernels() == nullptr) return "none";
	return Type<uint16_t>::kernels() == nullptr ? "float32" : "float32 bf16";
}

namespace ops {

plx_value row_products(plx_tensor a, plx_tensor b) {
	return tensor([&] {
		at::Tensor x = get(a), rows = get(b);
		bool recorded = c10::GradMode::is_enabled() && (x.requires_grad() || rows.requires_grad());
		bool type = x.scalar_type() == at::kFloat && rows.scalar_type() == at::kFloat && x.is_cpu() && rows.is_cpu();
		bool fit = type && x.dim() == 2 && rows.dim() == 2 && x.size(1) == rows.size(1) && x.numel() > 0;
		if (recorded || !fit || Type<float>::kernels() == nullptr) return at::matmul(x, rows.t());
		RECORD_FUNCTION("parallax::row_products", std::vector<c10::IValue>{});
		return plx::row_products(x.contiguous(), rows.contiguous());
	});
}

plx_value convolution(plx_tensor x, plx_tensor w, int64_t stride, int64_t padding) {
	at::Tensor in, weight;
	bool own = false;
	plx_value y = tensor([&] {
		in = get(x), weight = get(w);
		bool bf16 = at::autocast::is_autocast_enabled(at::kCPU) || in.scalar_type() == at::kBFloat16;
		own = fits(in, weight, stride, padding, bf16);
		if (!own) return at::Tensor();
		RECORD_FUNCTION("parallax::convolution", std::vector<c10::IValue>{});
		return Convolution::apply(in, weight, stride, padding, bf16);
	});
	return own || y.error != nullptr ? y : conv2d(x, w, 0, stride, padding, 1);
}

}  // namespace ops
}  // namespace plx
