// SPDX-License-Identifier: Apache-2.0

package augment

// alongBoth filters a deep image along its rows and then along its columns, each times over. along filters places of so
// many lanes, which lie next to one another: the channels of a pixel, or the values of a row.
func alongBoth(img *Image, times int, along func(dst, src []float32, places, lanes int)) *Image {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	stride := img.C * img.W
	other := grow(&s.deep, len(img.Deep))
	for range times {
		for y := range img.H {
			along(other[y*stride:(y+1)*stride], img.Deep[y*stride:(y+1)*stride], img.W, img.C)
		}
		copy(img.Deep, other)
	}
	for range times {
		along(other, img.Deep, img.H, stride)
		copy(img.Deep, other)
	}
	if cap(s.deep) > keptScratch/4 {
		s.deep = nil
	}
	return img
}

// deep applies the box filter to a deep image, three times in each direction, with sums in float64.
func (b box) deep(img *Image) *Image {
	total := float64(2*b.radius+1)*float64(b.middle) + 2*float64(b.edge)
	middle, edge := float64(b.middle)/total, float64(b.edge)/total
	acc := make([]float64, img.C*img.W)
	return alongBoth(img, 3, func(dst, src []float32, places, lanes int) {
		last := places - 1
		at := func(i int) []float32 { i = min(max(i, 0), last); return src[i*lanes:][:lanes] }
		// The running sum begins one place before the first, where it covers that one radius+1 times.
		inner := min(b.radius, last)
		before, after := float64(b.radius+1), float64(b.radius-inner)
		sum := acc[:lanes]
		first, end := at(0), at(last)
		for i := range sum {
			sum[i] = before*float64(first[i]) + after*float64(end[i])
		}
		for k := range inner {
			for i, v := range at(k) {
				sum[i] += float64(v)
			}
		}
		for p := range places {
			left, in, right, out := at(p-b.radius-1), at(p+b.radius), at(p+b.radius+1), dst[p*lanes:][:lanes]
			for i := range sum {
				sum[i] += float64(in[i]) - float64(left[i])
				out[i] = float32(sum[i]*middle + (float64(left[i])+float64(right[i]))*edge)
			}
		}
	})
}

// convolve applies a kernel to a deep image in each direction, reflected at the border, with sums in float64.
func convolve(img *Image, weight []float32) *Image {
	reach := len(weight) / 2
	acc := make([]float64, img.C*img.W)
	return alongBoth(img, 1, func(dst, src []float32, places, lanes int) {
		sum := acc[:lanes]
		for p := range places {
			clear(sum)
			for k, w := range weight {
				from := src[reflect(p+k-reach, places)*lanes:][:lanes]
				for i, v := range from {
					sum[i] += float64(w) * float64(v)
				}
			}
			for i, v := range sum {
				dst[p*lanes+i] = float32(v)
			}
		}
	})
}
