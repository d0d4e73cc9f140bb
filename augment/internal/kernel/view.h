// SPDX-License-Identifier: Apache-2.0

// Views in vectors of any size. avx2.c and avx512.c define the vectors and include this file, whose results equal those
// of package augment's Go code to the byte; each function names what it stands for there.
//
// Between the resize and the end a pixel is four bytes, R, G, B and 0, so that a vector of 32-bit numbers is as many
// pixels and no bytes need to move between lanes. Rows are padded to a multiple of 16 pixels; what is in the padding
// does not matter.
#include "kernel.h"

#include <string.h>

#define PIXELS (SIZE / 4) // of a vector
#define LANES (SIZE / 16)

enum { WEIGHT_BITS = 22, LOW_BITS = 11, HALF = 1 << (WEIGHT_BITS - 1) };

// A weight w is high(w) * 2^11 + low(w), and both halves fit 16 bits, for which there are fast products: two weights'
// halves are one 32-bit number here.
static inline int32_t low_halves(int32_t w0, int32_t w1) { return (w0 & 2047) | (w1 & 2047) << 16; }
static inline int32_t high_halves(int32_t w0, int32_t w1) {
	return (int32_t)((uint32_t)(w0 >> LOW_BITS & 0xffff) | (uint32_t)(w1 >> LOW_BITS) << 16);
}

// level is clip in resample.go, but for the end of the range, which packing to bytes does.
FN vi level(vi high, vi low) {
	return right32(add32(add32(left32(high, LOW_BITS), low), all32(HALF)), WEIGHT_BITS);
}

// rows_of is taps.row of several rows. The weights of a vector of pixels are four vectors of high halves and four of
// low ones for each two inputs; lane j of vector i belongs to pixel 4j+i, so that packing brings the pixels into order.
FN void rows_of(uint8_t *dst, int64_t dst_stride, const uint8_t *src, int64_t src_stride, int rows, int w,
                const uint8_t *end, const int32_t *at, const uint8_t *weights, const int two, int width,
                uint8_t *spare) {
	const vi front = repeat(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
	const vi back = repeat(_mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
	for (int y = 0; y < rows; y++) {
		const uint8_t *row = src + y * src_stride;
		if (end - row < 3 * (int64_t)w + 16) { // 16 bytes are read from the last pixel on
			memcpy(spare, row, 3 * (size_t)w);
			row = spare;
		}
		const uint8_t *k = weights;
		for (int x = 0; x < width; x += PIXELS) {
			vi out[4];
			for (int i = 0; i < 4; i++) {
				vi high = zero(), low = zero();
				const uint8_t *p = row;
				int left = two;
				for (; left > 1; left -= 2, p += 12, k += 4 * SIZE) {
					vi four = lanes(p, at + x + i), a = shuffle(four, front), b = shuffle(four, back);
					high = add32(high, add32(pairs(a, load(k)), pairs(b, load(k + 2 * SIZE))));
					low = add32(low, add32(pairs(a, load(k + SIZE)), pairs(b, load(k + 3 * SIZE))));
				}
				if (left) {
					vi a = shuffle(lanes(p, at + x + i), front);
					high = add32(high, pairs(a, load(k)));
					low = add32(low, pairs(a, load(k + SIZE)));
					k += 2 * SIZE;
				}
				out[i] = level(high, low);
			}
			store(dst + y * dst_stride + 4 * x, pack16(pack32(out[0], out[1]), pack32(out[2], out[3])));
		}
	}
}

// resize_rows is resizeRows in resample.go, to rows of four bytes a pixel.
PART void resize_rows(uint8_t *dst, int width, const uint8_t *src, int64_t stride, int rows, int w, const uint8_t *end,
                      int out_w, const plx_taps *t, const int64_t *first, const int32_t *weight, int32_t *at,
                      uint8_t *weights, uint8_t *spare) {
	const int n = t->n, two = (n + 1) / 2;
	uint8_t *k = weights;
	for (int x = 0; x < width; x += PIXELS) {
		int count = out_w - x < PIXELS ? out_w - x : PIXELS;
		for (int i = 0; i < PIXELS; i++) at[x + i] = i < count ? 3 * (int32_t)(first[x + i] - t->from) : 0;
		for (int p = 0; p < two; p++) {
			int32_t high[PIXELS] = {0}, low[PIXELS] = {0};
			for (int i = 0; i < count; i++) {
				const int32_t *of = weight + (int64_t)(x + i) * n + 2 * p;
				int32_t second = 2 * p + 1 < n ? of[1] : 0;
				high[i] = high_halves(of[0], second);
				low[i] = low_halves(of[0], second);
			}
			for (int i = 0; i < 4; i++) {
				store(k + (2 * (i * two + p)) * SIZE, fours(high + i));
				store(k + (2 * (i * two + p) + 1) * SIZE, fours(low + i));
			}
		}
		k += 8 * (int64_t)two * SIZE;
	}
	const int64_t dst_stride = 4 * (int64_t)width;
	switch (two) {
	case 1: rows_of(dst, dst_stride, src, stride, rows, w, end, at, weights, 1, width, spare); break;
	case 2: rows_of(dst, dst_stride, src, stride, rows, w, end, at, weights, 2, width, spare); break;
	default: rows_of(dst, dst_stride, src, stride, rows, w, end, at, weights, two, width, spare);
	}
}

// some loads count bytes.
FN vi some(const uint8_t *p, int64_t count) {
	uint8_t all[SIZE] = {0};
	memcpy(all, p, (size_t)count);
	return load(all);
}

// columns_at resizes up to SIZE columns of bytes to one row.
FN vi columns_at(const uint8_t *src, int64_t stride, int64_t count, const int32_t *weights, int n) {
	vi high[4], low[4];
	for (int i = 0; i < 4; i++) high[i] = low[i] = zero();
	for (int j = 0; j < n; j += 2, weights += 2) {
		const uint8_t *p = src + j * stride, *q = j + 1 < n ? p + stride : p; // the weight of a missing row is 0
		vi a = count < SIZE ? some(p, count) : load(p), b = count < SIZE ? some(q, count) : load(q);
		vi even = low8(a, b), odd = high8(a, b), kh = all32(weights[0]), kl = all32(weights[1]);
		vi of[4] = {low8(even, zero()), high8(even, zero()), low8(odd, zero()), high8(odd, zero())};
		for (int i = 0; i < 4; i++) {
			high[i] = add32(high[i], pairs(of[i], kh));
			low[i] = add32(low[i], pairs(of[i], kl));
		}
	}
	for (int i = 0; i < 4; i++) high[i] = level(high[i], low[i]);
	return pack16(pack32(high[0], high[1]), pack32(high[2], high[3]));
}

// resize_columns is resizeColumns in resample.go, of rows of bytes.
PART void resize_columns(uint8_t *dst, int64_t dst_stride, int rows, const uint8_t *src, int64_t stride, int64_t bytes,
                         const plx_taps *t, const int64_t *first, const int32_t *weight, int32_t *weights) {
	for (int y = 0; y < rows; y++) {
		const int32_t *of = weight + (int64_t)y * t->n;
		for (int j = 0; j < t->n; j += 2) {
			int32_t second = j + 1 < t->n ? of[j + 1] : 0;
			weights[j] = high_halves(of[j], second);
			weights[j + 1] = low_halves(of[j], second);
		}
		const uint8_t *from = src + (first[y] - t->from) * stride;
		uint8_t *to = dst + y * dst_stride;
		if (bytes < SIZE) {
			uint8_t out[SIZE];
			store(out, columns_at(from, stride, bytes, weights, t->n));
			memcpy(to, out, (size_t)bytes);
			continue;
		}
		for (int64_t i = 0; i < bytes; i += SIZE) {
			if (i > bytes - SIZE) i = bytes - SIZE; // the last vector overlaps the one before
			if (t->n == 2) { // growth by bilinear interpolation, which is most of the work on small images
				store(to + i, columns_at(from + i, stride, SIZE, weights, 2));
			} else {
				store(to + i, columns_at(from + i, stride, SIZE, weights, t->n));
			}
		}
	}
}

// spread copies rows of three bytes a pixel to rows of four.
PART void spread(uint8_t *dst, int width, const uint8_t *src, int64_t stride, int rows, int w, const uint8_t *end,
                 uint8_t *spare) {
	const __m128i apart = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
	for (int y = 0; y < rows; y++) {
		const uint8_t *row = src + y * stride;
		if (end - row < 3 * (int64_t)w + 16) {
			memcpy(spare, row, 3 * (size_t)w);
			row = spare;
		}
		for (int x = 0; x < w; x += 4) {
			__m128i four = _mm_loadu_si128((const __m128i *)(row + 3 * x));
			_mm_storeu_si128((__m128i *)(dst + 4 * ((int64_t)y * width + x)), _mm_shuffle_epi8(four, apart));
		}
	}
}

// join is the inverse of spread, without gaps between rows.
PART void join(uint8_t *dst, const uint8_t *src, int width, int rows, int w) {
	const __m128i together = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
	const uint8_t *end = dst + 3 * (int64_t)w * rows;
	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < w; x += 4) {
			const uint8_t *four = src + 4 * ((int64_t)y * width + x);
			uint8_t *to = dst + 3 * ((int64_t)y * w + x);
			__m128i v = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)four), together);
			if (w - x >= 4 && end - to >= 16) {
				_mm_storeu_si128((__m128i *)to, v);
				continue;
			}
			uint8_t out[16];
			_mm_storeu_si128((__m128i *)out, v);
			memcpy(to, out, 3 * (size_t)(w - x < 4 ? w - x : 4));
		}
	}
}

// The colours of a vector of pixels: whole numbers from 0 to 255.
typedef struct {
	vf r, g, b;
} colours;

// luma in blend.go. All of its numbers are below 2^24, so that they are exact in float32.
FN vf luma(colours c) {
	vf sum = add(add(mul(c.r, all(19595)), mul(c.g, all(38470))), add(mul(c.b, all(7471)), all(1 << 15)));
	return whole(mul(sum, all(1.0f / (1 << 16))));
}

// truncate in blend.go.
FN vf truncated(vf v) { return whole(least(most(v, all(0)), all(255))); }

// blend in blend.go. The barrier keeps a compiler from fusing the product with the sum, which would round differently.
FN vf blend(vf a, vf b, vf factor) {
	vf product = mul(factor, sub(b, a));
	__asm__("" : "+x"(product));
	return truncated(add(a, product));
}

FN colours blended(vf base, colours c, vf factor) {
	return (colours){blend(base, c.r, factor), blend(base, c.g, factor), blend(base, c.b, factor)};
}

FN vf scaled(vf v, vf factor) { return truncated(mul(v, factor)); }

FN vf inverted(vf v, vf threshold) { return choose(reaches(v, threshold), sub(all(255), v), v); }

// between is a channel of Pillow's HSV to RGB: value * (1 - saturation * share), rounded half up. saturation and share
// go from 0 to 255. The product of the three is below 2^24, and no result is near enough to a half for the last bit of
// the quotient to matter.
FN vf between(vf value, vf saturation, vf share) {
	share = least(most(share, all(0)), all(255));
	vf left = mul(value, sub(all(65025), mul(saturation, share)));
	return whole(add(mul(left, all(1.0f / 65025)), all(0.5f)));
}

// turned is Hue.Apply in hue.go. Of an exact fraction it would be a multiple of 1/510, so float32's errors matter only
// where it is a whole number: there the order of these operations gives Pillow's result. hue_test.go tries all colours.
FN colours turned(colours c, vf shift) {
	vf high = most(most(c.r, c.g), c.b), low = least(least(c.r, c.g), c.b);
	vf chroma = most(sub(high, low), all(1)); // without chroma the saturation is 0, and the hue does not matter
	vf middle = sub(add(add(c.r, c.g), c.b), add(high, low));
	vf saturation = whole(quotient(mul(sub(high, low), all(255)), most(high, all(1))));
	vf d = quotient(sub(high, middle), chroma);
	vf red = choose(reaches(c.g, c.b), sub(all(1), d), sub(d, all(1)));
	vf green = choose(reaches(c.r, c.b), add(all(1), d), sub(all(3), d));
	vf blue = choose(reaches(c.g, c.r), add(all(3), d), sub(all(5), d));
	vf hue = quotient(choose(same(c.r, high), red, choose(same(c.g, high), green, blue)), all(6));
	hue = choose(reaches(hue, all(0)), hue, add(hue, all(1)));
	hue = add(whole(mul(hue, all(255))), shift);
	hue = choose(reaches(hue, all(256)), sub(hue, all(256)), hue);
	vf six = mul(hue, all(6)); // 255 is a sixth of the circle
	vf share_r = sub(all(510), size(sub(six, all(765))));
	vf share_g = sub(size(sub(six, all(510))), all(255));
	vf share_b = sub(size(sub(six, all(1020))), all(255));
	return (colours){between(high, saturation, share_r), between(high, saturation, share_g),
	                 between(high, saturation, share_b)};
}

// apply applies operations on single pixels.
FN colours apply(colours c, const plx_op *ops, int n) {
	for (const plx_op *o = ops; o < ops + n; o++) {
		vf factor = all(o->factor), number = all((float)o->level);
		switch (o->kind) {
		case BRIGHTNESS: c = (colours){scaled(c.r, factor), scaled(c.g, factor), scaled(c.b, factor)}; break;
		case CONTRAST: c = blended(number, c, factor); break;
		case SATURATION: c = blended(luma(c), c, factor); break;
		case HUE: c = turned(c, number); break;
		case GRAY: c.r = c.g = c.b = luma(c); break;
		case INVERT: c = (colours){inverted(c.r, number), inverted(c.g, number), inverted(c.b, number)}; break;
		}
	}
	return c;
}

// The statistics of a channel, and what makes its divisions fast.
typedef struct {
	vf mean, std, by; // by is 1/std
} statistics;

// divided is a/b, by its inverse and one step of correction: exact unless the inverse's error is in the way.
// Normalize.divides in kernel.go tries all levels.
FN vf divided(vf a, vf b, vf inverse) {
	vf q = mul(a, inverse);
	return fused(rest(q, b, a), inverse, q);
}

// normal is Normalize.CHW of one channel.
FN vf normal(vf v, statistics s, const int divide) {
	if (divide) return quotient(sub(quotient(v, all(255)), s.mean), s.std);
	return divided(sub(divided(v, all(255), all(1.0f / 255)), s.mean), s.std, s.by);
}

FN colours split(vi px) {
	const vi byte = all32(255);
	return (colours){real(both(px, byte)), real(both(right32u(px, 8), byte)), real(both(right32u(px, 16), byte))};
}

// A pass over the pixels of an image.
typedef struct {
	uint8_t *image;
	int w, h, width; // rows are width pixels apart
	const plx_op *ops;
	int n;
	int measure;          // whether the sum of the luma is wanted
	float *planes;        // where the normalised result goes; if null, it goes back to the image
	int divide;           // see plx_view
	statistics stats[3];
} pass;

// run makes a pass. It returns the sum of the luma, or 0.
FN int64_t run(const pass *s, const int measure, const int planes, const int divide) {
	int64_t total = 0, area = (int64_t)s->w * s->h, count = s->w, lines = s->h;
	if (s->w == s->width && area <= 1 << 20) count = area, lines = 1; // sums of 2^20 levels fit 32 bits
	for (int64_t y = 0; y < lines; y++) {
		uint8_t *line = s->image + 4 * y * s->width;
		vi sum = zero();
		for (int64_t x = 0; x < count; x += PIXELS) {
			colours c = apply(split(load(line + 4 * x)), s->ops, s->n);
			int left = count - x < PIXELS ? (int)(count - x) : PIXELS;
			if (planes) {
				float *to = s->planes + y * s->w + x;
				vf r = normal(c.r, s->stats[0], divide), g = normal(c.g, s->stats[1], divide),
				   b = normal(c.b, s->stats[2], divide);
				if (left == PIXELS) {
					save(to, r), save(to + area, g), save(to + 2 * area, b);
				} else {
					save_first(to, left, r), save_first(to + area, left, g), save_first(to + 2 * area, left, b);
				}
				continue;
			}
			if (measure) {
				vi l = integer(luma(c));
				sum = add32(sum, left == PIXELS ? l : keep_first(left, l));
			}
			if (s->n) {
				vi px = either(integer(c.r), either(left32(integer(c.g), 8), left32(integer(c.b), 16)));
				store(line + 4 * x, px);
			}
		}
		int32_t part[PIXELS];
		store(part, sum);
		for (int i = 0; i < PIXELS; i++) total += part[i];
	}
	return total;
}

PART int64_t measured(const pass *s) { return run(s, 1, 0, 0); }
PART void changed(const pass *s) { run(s, 0, 0, 0); }
PART void normalised(const pass *s) { run(s, 0, 1, 0); }
PART void normalised_by_division(const pass *s) { run(s, 0, 1, 1); }

// colour applies operations on single pixels, contrast among them, and writes the planes if s has some.
PART void colour(pass s, plx_op *ops, int n) {
	float *planes = s.planes;
	s.planes = NULL;
	s.ops = ops, s.n = 0;
	for (int i = 0; i < n; i++) {
		if (ops[i].kind == CONTRAST) { // Contrast.Apply
			double mean = (double)measured(&s) / (double)((int64_t)s.w * s.h);
			ops[i].level = (int32_t)(mean + 0.5);
			s.ops = ops + i, s.n = 0;
		}
		s.n++;
	}
	s.planes = planes;
	if (!planes) {
		if (s.n) changed(&s);
	} else if (s.divide) {
		normalised_by_division(&s);
	} else {
		normalised(&s);
	}
}

// flip is Flip.Apply.
PART void flip(uint8_t *image, int w, int h, int width, uint8_t *line) {
	for (int y = 0; y < h; y++) {
		uint8_t *row = image + 4 * (int64_t)y * width;
		for (int x = 0; x < w; x += PIXELS) // before the first pixel of an image there are SIZE bytes
			store(line + 4 * x, reversed(load(row + 4 * (w - x - PIXELS))));
		memcpy(row, line, 4 * (size_t)w);
	}
}

// upend is Flip.Apply of a vertical flip.
PART void upend(uint8_t *image, int h, int width, uint8_t *line) {
	size_t bytes = 4 * (size_t)width;
	for (int y = 0, z = h - 1; y < z; y++, z--) {
		uint8_t *top = image + bytes * y, *bottom = image + bytes * z;
		memcpy(line, top, bytes);
		memcpy(top, bottom, bytes);
		memcpy(bottom, line, bytes);
	}
}

// box filters n numbers of 16 bits, whose neighbours are step numbers away: box.small in pil_blur.go, in whose sums a
// weight of 24 bits is in two halves of 12.
FN void box(uint16_t *dst, const uint16_t *src, int n, int step, const int wide, vi high, vi low) {
	const vi half = all32(1 << 23);
	for (int i = 0; i < n; i += SIZE / 2) {
		const uint16_t *p = src + i;
		vi inside = load(p), ends, out[2];
		if (wide) {
			inside = add16(inside, add16(load(p - step), load(p + step)));
			ends = add16(load(p - 2 * step), load(p + 2 * step));
		} else {
			ends = add16(load(p - step), load(p + step));
		}
		vi of[2] = {low16(inside, ends), high16(inside, ends)};
		for (int k = 0; k < 2; k++) {
			vi carry = right32u(add32(pairs(of[k], low), half), 12);
			out[k] = right32u(add32(pairs(of[k], high), carry), 12);
		}
		store(dst + i, pack32(out[0], out[1]));
	}
}

// thrice filters the n numbers of a line three times. Beyond its ends the first and last step numbers repeat.
FN uint16_t *thrice(uint16_t *a, uint16_t *b, int n, int step, const plx_op *o) {
	const vi high = all32(o->middle >> 12 | o->edge >> 12 << 16);
	const vi low = all32((o->middle & 4095) | (o->edge & 4095) << 16);
	for (int k = 0; k < 3; k++) {
		for (int i = 1; i <= 2; i++) {
			memcpy(a - i * step, a, 2 * (size_t)step);
			memcpy(a + n + (i - 1) * step, a + n - step, 2 * (size_t)step);
		}
		if (o->level) {
			box(b, a, n, step, 1, high, low);
		} else {
			box(b, a, n, step, 0, high, low);
		}
		uint16_t *other = a;
		a = b, b = other;
	}
	return a;
}

// blur is BoxBlur.Apply with a radius below 2. a and b are lines of numbers with room for two steps before and after.
PART void blur(uint8_t *image, int w, int h, int width, const plx_op *o, uint16_t *a, uint16_t *b) {
	for (int y = 0; y < h; y++) {
		uint8_t *row = image + 4 * (int64_t)y * width;
		for (int i = 0; i < 4 * w; i += SIZE / 2) store(a + i, widen(row + i));
		uint16_t *out = thrice(a, b, 4 * w, 4, o);
		for (int i = 0; i < 4 * w; i += SIZE / 2) narrow(row + i, load(out + i));
	}
	enum { STRIP = SIZE / 2 };
	for (int x = 0; x < 4 * w; x += STRIP) {
		uint8_t *column = image + x;
		for (int y = 0; y < h; y++) store(a + y * STRIP, widen(column + 4 * (int64_t)y * width));
		uint16_t *out = thrice(a, b, h * STRIP, STRIP, o);
		for (int y = 0; y < h; y++) narrow(column + 4 * (int64_t)y * width, load(out + y * STRIP));
	}
}

enum { MOST_OPS = 64 };

// VIEW is documented in kernel.h.
ENTRY PLX_VIEW(VIEW) {
	const int w = v->out_w, h = v->out_h, width = (w + 15) & ~15;
	const int64_t x_pairs = (v->x.n + 1) / 2, row = 4 * (int64_t)width;
	int64_t line = row > 64 * (int64_t)h ? row : 64 * (int64_t)h; // numbers of 16 bits, so twice as many bytes
	int64_t mid = 0;
	if (v->x.n && v->y.n && !v->columns_first) {
		mid = row * (v->y.to - v->y.from);
	} else if (v->y.n) {
		mid = 3 * (int64_t)(v->x.n ? v->x.to - v->x.from : w) * h;
	}
	int64_t sizes[] = {row * h, mid, 32 * x_pairs * width, row, 3 * (int64_t)v->w + 16, 8 * (int64_t)(v->y.n + 1),
	                   2 * line, 2 * line};
	enum { ROOM = 256 }; // before and after each part
	uint8_t *parts[8], *next = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63) + ROOM;
	int64_t need = 64 + ROOM;
	for (int i = 0; i < 8; i++) {
		int64_t n = ((sizes[i] + 63) & ~(int64_t)63) + ROOM;
		parts[i] = next, next += n, need += n;
	}
	if (need > scratch_size) return need;
	uint8_t *image = parts[0], *middle = parts[1], *weights = parts[2], *spare = parts[4];
	int32_t *at = (int32_t *)parts[3], *column = (int32_t *)parts[5];
	const uint8_t *end = src + src_size;

	if (!v->x.n && !v->y.n) {
		spread(image, width, src, v->stride, h, w, end, spare);
	} else if (!v->y.n) {
		plx_taps t = v->x;
		t.from = 0;
		resize_rows(image, width, src, v->stride, h, v->w, end, w, &t, x_first, x_weight, at, weights, spare);
	} else if (!v->x.n) {
		plx_taps t = v->y;
		t.from = 0;
		resize_columns(middle, 3 * (int64_t)w, h, src, v->stride, 3 * (int64_t)w, &t, y_first, y_weight, column);
		spread(image, width, middle, 3 * (int64_t)w, h, w, weights, spare);
	} else if (v->columns_first) {
		plx_taps t = v->y;
		t.from = 0;
		int64_t bytes = 3 * (int64_t)(v->x.to - v->x.from);
		resize_columns(middle, bytes, h, src + 3 * v->x.from, v->stride, bytes, &t, y_first, y_weight, column);
		resize_rows(image, width, middle, bytes, h, v->x.to - v->x.from, weights, w, &v->x, x_first, x_weight, at,
		            weights, spare);
	} else {
		plx_taps t = v->x;
		t.from = 0;
		resize_rows(middle, width, src + v->y.from * v->stride, v->stride, v->y.to - v->y.from, v->w, end, w, &t,
		            x_first, x_weight, at, weights, spare);
		resize_columns(image, row, h, middle, row, row, &v->y, y_first, y_weight, column);
	}

	// Flips change places with the operations on single pixels, so that those make one pass.
	pass s = {.image = image, .w = w, .h = h, .width = width, .divide = v->divide};
	plx_op waiting[MOST_OPS];
	int n = 0;
	for (int i = 0; i < v->ops; i++) {
		switch (ops[i].kind) {
		case FLIP: flip(image, w, h, width, parts[6]); break;
		case UPEND: upend(image, h, width, parts[6]); break;
		case BLUR:
			colour(s, waiting, n);
			n = 0;
			blur(image, w, h, width, &ops[i], (uint16_t *)parts[6], (uint16_t *)parts[7]);
			break;
		default: waiting[n++] = ops[i];
		}
	}
	s.planes = planes;
	for (int c = 0; c < 3; c++) s.stats[c] = (statistics){all(v->mean[c]), all(v->std[c]), all(1.0f / v->std[c])};
	colour(s, waiting, n);
	if (!planes) join(rgb, image, width, h, w);
	return 0;
}
