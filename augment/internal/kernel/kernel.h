// SPDX-License-Identifier: Apache-2.0

// The kernels of package augment: what avx2.c and avx512.c make of view.h.
#ifndef PARALLAX_AUGMENT_KERNEL_H
#define PARALLAX_AUGMENT_KERNEL_H

#include <stddef.h>
#include <stdint.h>

// The kinds of operations, as in kernel.go.
enum { BRIGHTNESS, CONTRAST, SATURATION, HUE, GRAY, INVERT, FLIP, UPEND, BLUR };

// One operation after the resize.
typedef struct {
	int32_t kind;
	float factor;         // of BRIGHTNESS, CONTRAST and SATURATION
	int32_t level;        // INVERT: the threshold; HUE: what is added to an 8-bit hue; BLUR: the radius, 0 or 1
	int32_t middle, edge; // BLUR: the weights of whole and partial pixels, in 24-bit fixed point
} plx_op;

// The weights of a resize along one axis: output i is the sum over j < n of weight[i*n+j] * input[first[i]+j], in
// 22-bit fixed point. n is 0 where the size stays.
typedef struct {
	int32_t n;
	int32_t from, to; // the inputs that the outputs depend on, without the last
} plx_taps;

// A view to make of a window of w by h pixels of 8-bit RGB, whose rows are stride bytes apart.
typedef struct {
	int64_t stride;
	int32_t w, h;
	int32_t out_w, out_h; // after the resize
	plx_taps x, y;
	int32_t columns_first; // whether the resize makes rows of the right number before rows of the right length
	int32_t ops;
	int32_t divide;       // whether to normalise by division, which is exact for all statistics
	float mean[3], std[3]; // of levels from 0 to 1
} plx_view;

// plx_view_... makes a view. The window begins at src; src_size bytes may be read from there. The result goes to planes
// (out_w x out_h floats of each channel, normalised), or, if that is null, to rgb. It needs memory of its own: if
// scratch_size bytes are too few, nothing happens and what is needed is returned. Otherwise it returns 0.
#define PLX_VIEW(name)                                                                                                 \
	int64_t name(const plx_view *v, const uint8_t *src, int64_t src_size, const int64_t *x_first,                  \
	             const int32_t *x_weight, const int64_t *y_first, const int32_t *y_weight, const plx_op *ops,      \
	             float *planes, uint8_t *rgb, uint8_t *scratch, int64_t scratch_size)
PLX_VIEW(plx_view_avx2);
PLX_VIEW(plx_view_avx512);

#endif
