// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// Solarize inverts the levels from Threshold up, with probability P. BYOL introduced it (Grill et al. 2020, appendix B)
// with threshold 128.
type Solarize struct {
	P               float64
	Threshold       int  // 0 to 256; 128 in the literature
	RandomThreshold bool // draw the threshold uniformly from 0 to Threshold-1 instead
}

// Name returns "solarize".
func (Solarize) Name() string { return "solarize" }

// Validate checks P and Threshold.
func (o Solarize) Validate() error {
	return firstError(checkP(o.P), checkAmount("threshold", float64(o.Threshold), 256))
}

// Draw returns an [Inversion], or nil.
func (o Solarize) Draw(w, h int, r *rand.Rand) Drawn {
	applied, threshold := happens(o.P, r), o.Threshold
	if o.RandomThreshold {
		threshold = r.IntN(max(1, o.Threshold))
	}
	if !applied {
		return nil
	}
	return Inversion{Threshold: threshold}
}

// Inversion replaces each level v >= Threshold by 255-v. Of a deep image, whose levels go from 0 to 1, it replaces each
// v >= Threshold/255 by 1-v.
type Inversion struct {
	inPlace
	Threshold int
}

// Apply inverts img in place.
func (d Inversion) Apply(img *Image) *Image {
	if img.Deep != nil {
		threshold := float32(d.Threshold) / 255
		for i, v := range img.Deep {
			if v >= threshold {
				img.Deep[i] = 1 - v
			}
		}
		return img
	}
	var lut [256]uint8
	for v := range lut {
		lut[v] = uint8(v)
		if v >= d.Threshold {
			lut[v] = uint8(255 - v)
		}
	}
	return lookUp(img, &lut)
}

// lookUp replaces every level of img with its entry in lut, in place.
func lookUp(img *Image, lut *[256]uint8) *Image {
	for i, v := range img.Pix {
		img.Pix[i] = lut[v]
	}
	return img
}
