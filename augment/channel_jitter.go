// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"math"
	"math/rand/v2"
)

// ChannelJitter changes the brightness and then the contrast of every channel by amounts of its own, with probability
// P. The factors are drawn from U[max(0, 1-x), 1+x]. It stands for [ColorJitter] where channels are no colours: such
// channels have no hue and no saturation. SSL4EO-S12 changes brightness and contrast of its 13 bands (see
// [ChannelMean]).
type ChannelJitter struct {
	P                    float64
	Brightness, Contrast float64 // 0 or more
}

// Name returns "channel_jitter".
func (ChannelJitter) Name() string { return "channel_jitter" }

// Validate checks P and the amounts.
func (o ChannelJitter) Validate() error {
	return firstError(
		checkP(o.P),
		checkAmount("brightness", o.Brightness, math.MaxFloat64),
		checkAmount("contrast", o.Contrast, math.MaxFloat64),
	)
}

// Draw returns a [ChannelShift], or nil.
func (o ChannelJitter) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	d := ChannelShift{Brightness: o.Brightness, Contrast: o.Contrast, Seed: r.Uint64()}
	if !applied || o.Brightness == 0 && o.Contrast == 0 {
		return nil
	}
	return d
}

// ChannelShift scales the levels of channel c by a factor, and then spreads them about the channel's mean by another.
// Both follow from Seed and c alone, so that the operation fits any number of channels.
type ChannelShift struct {
	inPlace
	Brightness, Contrast float64 // the factors lie within 1 ± these, and are not negative
	Seed                 uint64
}

// Apply changes img in place.
func (d ChannelShift) Apply(img *Image) *Image {
	return asDeep(img, func(m *Image) {
		for c := range m.C {
			r := rand.New(rand.NewPCG(splitMix(d.Seed), uint64(c)))
			scale := uniform(max(0, 1-d.Brightness), 1+d.Brightness, r)
			spread := uniform(max(0, 1-d.Contrast), 1+d.Contrast, r)
			mean := scale * meanOf(m, c)
			for i := c; i < len(m.Deep); i += m.C {
				m.Deep[i] = float32(mean + spread*(scale*float64(m.Deep[i])-mean))
			}
		}
	})
}

// meanOf is the mean of a channel of a deep image.
func meanOf(m *Image, c int) float64 {
	sum := 0.0
	for i := c; i < len(m.Deep); i += m.C {
		sum += float64(m.Deep[i])
	}
	return sum / float64(max(1, m.W*m.H))
}

// asDeep applies change to an image, in place: of 8-bit RGB to its levels, which are then rounded.
func asDeep(img *Image, change func(m *Image)) *Image {
	deep := img.Deepen()
	change(deep)
	if img.Deep == nil {
		for i, v := range deep.Deep {
			img.Pix[i] = level(v)
		}
	}
	return img
}
