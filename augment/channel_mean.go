// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// ChannelMean replaces all channels by their mean, with probability P. It stands for [Grayscale] where channels are no
// colours, and takes away what the channels say by their differences, as SSL4EO-S12 does with the 13 bands of
// Sentinel-2 (Wang et al. 2023, arXiv:2211.07044; zhu-xlab/SSL4EO-S12@ab62e34 pretrain_moco_v2_s2c.py).
type ChannelMean struct {
	P float64
}

// Name returns "channel_mean".
func (ChannelMean) Name() string { return "channel_mean" }

// Validate checks P.
func (o ChannelMean) Validate() error { return checkP(o.P) }

// Draw returns an [Averaging], or nil.
func (o ChannelMean) Draw(w, h int, r *rand.Rand) Drawn {
	if !happens(o.P, r) {
		return nil
	}
	return Averaging{}
}

// Averaging sets all channels of a pixel to their mean.
type Averaging struct {
	inPlace
}

// Apply changes img in place.
func (Averaging) Apply(img *Image) *Image {
	return asDeep(img, func(m *Image) {
		for i := 0; i < len(m.Deep); i += m.C {
			px := m.Deep[i : i+m.C]
			mean := pixelMean(px)
			for c := range px {
				px[c] = mean
			}
		}
	})
}

// pixelMean is the mean of a pixel's channels.
func pixelMean(px []float32) float32 {
	sum := 0.0
	for _, v := range px {
		sum += float64(v)
	}
	return float32(sum / float64(len(px)))
}
