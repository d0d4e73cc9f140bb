// SPDX-License-Identifier: Apache-2.0

package corrupt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
)

// A Kind is one way to corrupt an image, by its name in the benchmark's folders.
type Kind string

// The kinds, in the paper's order: noise, blur, weather, digital; then the four further ones.
const (
	GaussianNoise Kind = "gaussian_noise"
	ShotNoise     Kind = "shot_noise"
	ImpulseNoise  Kind = "impulse_noise"
	DefocusBlur   Kind = "defocus_blur"
	GlassBlur     Kind = "glass_blur"
	MotionBlur    Kind = "motion_blur"
	ZoomBlur      Kind = "zoom_blur"
	Snow          Kind = "snow"
	Frost         Kind = "frost"
	Fog           Kind = "fog"
	Brightness    Kind = "brightness"
	Contrast      Kind = "contrast"
	Elastic       Kind = "elastic_transform"
	Pixelate      Kind = "pixelate"
	JPEG          Kind = "jpeg_compression"
	SpeckleNoise  Kind = "speckle_noise"
	GaussianBlur  Kind = "gaussian_blur"
	Spatter       Kind = "spatter"
	Saturate      Kind = "saturate"
)

// Strengths is how many strengths each kind has: 1 to Strengths.
const Strengths = 5

// SmallSide is the largest side, in pixels, of an image that is corrupted with CIFAR-10-C's parameters, which are
// those for 32 pixels. Larger images have those of ImageNet-C, for 224.
const SmallSide = 64

// Kinds returns the 15 kinds over which the paper's mean corruption error is a mean.
func Kinds() []Kind {
	return []Kind{GaussianNoise, ShotNoise, ImpulseNoise, DefocusBlur, GlassBlur, MotionBlur, ZoomBlur, Snow, Frost,
		Fog, Brightness, Contrast, Elastic, Pixelate, JPEG}
}

// Extra returns the four further kinds, which the paper proposes for choosing settings.
func Extra() []Kind { return []Kind{SpeckleNoise, GaussianBlur, Spatter, Saturate} }

// corrupt are the programs of the kinds. Each changes p, or returns another picture of its size.
var corrupt = map[Kind]func(p *picture, s setting) *picture{
	GaussianNoise: gaussianNoise, ShotNoise: shotNoise, ImpulseNoise: impulseNoise, SpeckleNoise: speckleNoise,
	DefocusBlur: defocusBlur, GlassBlur: glassBlur, MotionBlur: motionBlur, ZoomBlur: zoomBlur,
	GaussianBlur: gaussianBlur, Snow: snow, Frost: frost, Fog: fog, Spatter: spatter, Brightness: brightness,
	Contrast: contrast, Saturate: saturate, Elastic: elastic, Pixelate: pixelate, JPEG: jpegCompression,
}

// setting is what a program needs beside the picture.
type setting struct {
	*rand.Rand
	small bool // the parameters of CIFAR-10-C
	level int  // the strength, from 0
}

// levels are the parameters of a kind: small for CIFAR-10-C, large for ImageNet-C.
type levels[T any] struct{ small, large [Strengths]T }

func (l levels[T]) at(s setting) T {
	if s.small {
		return l.small[s.level]
	}
	return l.large[s.level]
}

// A Corruption corrupts an image in one way at one strength. It is an [augment.Op] that is always applied.
type Corruption struct {
	Kind     Kind
	Strength int // 1 to Strengths
}

// Name returns "corruption".
func (Corruption) Name() string { return "corruption" }

// Validate checks both fields.
func (c Corruption) Validate() error {
	if corrupt[c.Kind] == nil {
		return fmt.Errorf("kind is %q: it must be one of %s", string(c.Kind), names(append(Kinds(), Extra()...)))
	}
	if c.Strength < 1 || c.Strength > Strengths {
		return fmt.Errorf("strength is %d: it must be between 1 and %d", c.Strength, Strengths)
	}
	return nil
}

func names(kinds []Kind) string {
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = string(k)
	}
	return strings.Join(all, ", ")
}

// Draw takes the seed of the random numbers from r.
func (c Corruption) Draw(_, _ int, r *rand.Rand) augment.Drawn { return Drawn{c, r.Uint64()} }

// Drawn is a Corruption with the seed of its random numbers. Equal values make equal pixels.
type Drawn struct {
	Corruption
	Seed uint64
}

// Size returns w, h.
func (Drawn) Size(w, h int) (int, int) { return w, h }

// Apply returns the corrupted image and leaves img as it is. A Corruption that is not valid changes nothing, and no
// Corruption changes an image that is not 8-bit RGB.
func (d Drawn) Apply(img *augment.Image) *augment.Image {
	if d.Validate() != nil || img.Deep != nil || img.W < 1 || img.H < 1 {
		return img.Clone()
	}
	all := append(Kinds(), Extra()...)
	s := setting{
		rand.New(rand.NewPCG(d.Seed, uint64(slices.Index(all, d.Kind)*Strengths+d.Strength))),
		max(img.W, img.H) <= SmallSide, d.Strength - 1,
	}
	return corrupt[d.Kind](fromImage(img), s).image()
}
