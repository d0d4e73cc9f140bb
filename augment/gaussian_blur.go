// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// GaussianBlur blurs with a true Gaussian truncated to Kernel by Kernel pixels, as torchvision's GaussianBlur does,
// with probability P and a standard deviation from U[Sigma]. SimCLR's kernel is a tenth of the image's side, its sigma
// U[0.1, 2] (Chen et al. 2020, appendix A). [PILBlur] is the cheaper approximation that most code bases use.
type GaussianBlur struct {
	P      float64
	Kernel int        // pixels; odd
	Sigma  [2]float64 // pixels
}

// Name returns "gaussian_blur".
func (GaussianBlur) Name() string { return "gaussian_blur" }

// Validate checks every field.
func (o GaussianBlur) Validate() error {
	return firstError(checkP(o.P), checkKernel(o.Kernel), checkRange("sigma", o.Sigma, 1e-3, maxSide))
}

// checkKernel checks a kernel's size.
func checkKernel(size int) error {
	if size < 1 || size > maxSide || size%2 == 0 {
		return fmt.Errorf("kernel is %d: give an odd number of pixels, so that it has a middle", size)
	}
	return nil
}

// Draw returns a [GaussianKernel], or nil.
func (o GaussianBlur) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	d := GaussianKernel{Kernel: o.Kernel, Sigma: uniform(o.Sigma[0], o.Sigma[1], r)}
	if !applied {
		return nil
	}
	return d
}

// GaussianKernel is the convolution with a normalised Gaussian of Kernel by Kernel pixels (odd; an even number counts
// as the next smaller odd one). Beyond the border the image is reflected without repeating the border pixel. Sums are
// rounded half to even.
type GaussianKernel struct {
	inPlace
	Kernel int
	Sigma  float64 // pixels; changes nothing when not positive
}

// doubtful is how near to the middle of two levels a sum must be for its last bits, which depend on the order of the
// additions, to matter. The largest error seen in float32 sums of 23 by 23 weights was 0.0002 levels.
const doubtful = 1. / 256

// Apply blurs img in place. It sums along columns and then along rows in float64, and repeats only the doubtful sums
// as torchvision makes them.
func (d GaussianKernel) Apply(img *Image) *Image {
	reach := (d.Kernel - 1) / 2
	if reach < 1 || !(d.Sigma > 0) || img.W <= 0 || img.H <= 0 {
		return img
	}
	weight := gaussian(reach, float32(d.Sigma))
	if img.Deep != nil {
		return convolve(img, weight)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)

	src := grow(&s.pix, len(img.Pix))
	copy(src, img.Pix)
	stride := 3 * img.W
	line := grow(&s.value, stride+6*reach) // one row after the vertical sums, with its reflections
	middle := line[3*reach : 3*reach+stride]
	for y := range img.H {
		clear(middle)
		for k, w := range weight {
			from := reflect(y+k-reach, img.H)
			for i, v := range src[from*stride:][:len(middle)] {
				middle[i] += float64(w) * float64(v)
			}
		}
		for k := 1; k <= reach; k++ {
			copy(line[3*(reach-k):][:3], middle[3*reflect(-k, img.W):])
			copy(line[3*(reach+img.W-1+k):][:3], middle[3*reflect(img.W-1+k, img.W):])
		}
		for i := range stride {
			sum := 0.0
			p := line[i:]
			for k, w := range weight {
				sum += float64(w) * p[3*k]
			}
			if math.Abs(sum-math.Floor(sum)-0.5) < doubtful {
				sum = float64(torchSum(src, img.W, img.H, i, y, weight))
			}
			img.Pix[y*stride+i] = uint8(math.RoundToEven(min(sum, 255)))
		}
	}
	return img
}

// torchSum is the weighted sum about byte i of row y as torchvision's convolution makes it on the CPU: float32 products
// of the two axes' weights, added row by row with fused multiply-adds.
func torchSum(src []uint8, w, h, i, y int, weight []float32) float32 {
	reach := len(weight) / 2
	x, channel := i/3, i%3
	var sum float32
	for ky, wy := range weight {
		row := src[3*w*reflect(y+ky-reach, h)+channel:]
		for kx, wx := range weight {
			v := row[3*reflect(x+kx-reach, w)]
			sum = float32(float64(wy*wx)*float64(v) + float64(sum)) // float64 holds the product exactly
		}
	}
	return sum
}

// gaussian returns the 2*reach+1 weights exp(-x²/2σ²), normalised, in float32 as torchvision computes them.
func gaussian(reach int, sigma float32) []float32 {
	weight := make([]float32, 2*reach+1)
	for i := range weight {
		z := float32(i-reach) / sigma
		weight[i] = float32(math.Exp(float64(-0.5 * float32(z*z))))
	}
	total := torchTotal(weight)
	for i := range weight {
		weight[i] /= total
	}
	return weight
}

// torchTotal adds v in the order of torch.sum on the CPU, for fewer than 512 values: eight lanes, each of four
// interleaved sums, after the values that do not fill the lanes. Fewer than eight values make one lane.
func torchTotal(v []float32) float32 {
	lanes := 8
	if len(v) < lanes {
		lanes = 1
	}
	rows := len(v) / lanes
	var total float32
	for _, x := range v[rows*lanes:] {
		total += x
	}
	for lane := range lanes {
		var part [4]float32
		for row := range rows {
			k := row % 4
			if row >= rows-rows%4 {
				k = 0
			}
			part[k] += v[row*lanes+lane]
		}
		total += part[0] + part[1] + part[2] + part[3]
	}
	return total
}

// reflect returns where place i of a line of n pixels lies when the line is mirrored at its first and last pixel.
func reflect(i, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	i = ((i % period) + period) % period
	return min(i, period-i)
}
