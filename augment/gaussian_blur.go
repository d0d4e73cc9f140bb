// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// GaussianBlur blurs with a true Gaussian cut to Kernel by Kernel pixels, as torchvision's GaussianBlur does, with probability
// P and a standard deviation from U[Sigma]. SimCLR's kernel is a tenth of the image's side, its sigma U[0.1, 2] (Chen et al.
// 2020, appendix A). [PILBlur] is the cheaper approximation that most code bases use.
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

// GaussianKernel is the convolution with a normalised Gaussian of Kernel by Kernel pixels (odd; an even size counts as the next
// smaller odd one). Beyond the border the image is reflected without repeating the border pixel. Sums are rounded half to even.
type GaussianKernel struct {
	inPlace
	Kernel int
	Sigma  float64 // pixels; changes nothing when not positive
}

// Apply blurs img in place.
func (d GaussianKernel) Apply(img *Image) *Image {
	reach := (d.Kernel - 1) / 2
	if reach < 1 || !(d.Sigma > 0) || len(img.Pix) == 0 {
		return img
	}
	weight := gaussian(reach, float32(d.Sigma))
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
				middle[i] += w * float64(v)
			}
		}
		for k := 1; k <= reach; k++ {
			copy(line[3*(reach-k):][:3], middle[3*reflect(-k, img.W):])
			copy(line[3*(reach+img.W-1+k):][:3], middle[3*reflect(img.W-1+k, img.W):])
		}
		out := img.Pix[y*stride : (y+1)*stride]
		for i := range out {
			sum := 0.0
			p := line[i:]
			for k, w := range weight {
				sum += w * p[3*k]
			}
			out[i] = uint8(math.RoundToEven(min(sum, 255)))
		}
	}
	return img
}

// gaussian returns the 2*reach+1 weights exp(-x²/2σ²), normalised. They are rounded to float32 as torchvision's are.
func gaussian(reach int, sigma float32) []float64 {
	weight := make([]float64, 2*reach+1)
	var total float32
	for i := range weight {
		z := float32(i-reach) / sigma
		w := float32(math.Exp(float64(-0.5 * float32(z*z))))
		weight[i] = float64(w)
		total += w
	}
	for i := range weight {
		weight[i] = float64(float32(weight[i]) / total)
	}
	return weight
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
