// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// An Op is one augmentation with its ranges, as plain data: a struct whose exported fields are its settings.
type Op interface {
	// Name is the op's name in configuration files, in snake_case.
	Name() string

	// Draw picks the op's random numbers for an image of w by h pixels. A nil Drawn means that the op is not applied
	// this time. An op takes equally many numbers from r whether it is applied or not, so that changing the probability
	// of one op does not change what the other ops of a recipe draw.
	Draw(w, h int, r *rand.Rand) Drawn
}

// A Drawn is an exact operation: an op whose random numbers have been picked. Its exported fields are its whole state,
// so recording them is enough to make the same pixels again.
type Drawn interface {
	// Apply returns the image after the operation. It may change img and return it, or return a new image and leave img
	// as it is.
	Apply(img *Image) *Image

	// Size returns the size of the image that Apply returns for an image of w by h pixels.
	Size(w, h int) (int, int)
}

// A Validator is an Op that can check its settings. Every op of this package is one. The error is one line that begins
// with the field's name in snake_case.
type Validator interface {
	Validate() error
}

// Ops returns the zero value of every op, in the order in which recipes usually apply them. A configuration decoder
// looks up the op for a key here.
func Ops() []Op {
	return []Op{
		RandomResizedCrop{}, Resize{}, CenterCrop{}, RandomCrop{}, ColorJitter{}, Grayscale{}, PILBlur{},
		GaussianBlur{}, Solarize{}, Equalize{}, HorizontalFlip{}, VerticalFlip{}, RandAugment{}, Cutout{},
		ChannelJitter{}, ChannelMean{},
	}
}

// inPlace is what an operation that keeps the image's size embeds.
type inPlace struct{}

// Size returns w, h: the operation keeps the size.
func (inPlace) Size(w, h int) (int, int) { return w, h }

// happens draws whether an op of probability p is applied.
func happens(p float64, r *rand.Rand) bool { return r.Float64() < p }

// uniform draws from U[lo, hi).
func uniform(lo, hi float64, r *rand.Rand) float64 { return lo + (hi-lo)*r.Float64() }
