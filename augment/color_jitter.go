// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"math"
	"math/rand/v2"
)

// ColorJitter changes brightness, contrast, saturation and hue by random amounts in a random order, with probability P.
// The first three factors are drawn from U[max(0, 1-x), 1+x] and the hue shift from U[-Hue, Hue]; an amount of 0 leaves
// that change out. This is torchvision's ColorJitter; SimCLR's colour distortion of strength s is 0.8s, 0.8s, 0.8s,
// 0.2s (Chen et al. 2020, appendix A).
type ColorJitter struct {
	P                                     float64
	Brightness, Contrast, Saturation, Hue float64 // 0 or more; Hue at most 0.5
}

// Name returns "color_jitter".
func (ColorJitter) Name() string { return "color_jitter" }

// Validate checks P and the amounts.
func (o ColorJitter) Validate() error {
	return firstError(
		checkP(o.P),
		checkAmount("brightness", o.Brightness, math.MaxFloat64),
		checkAmount("contrast", o.Contrast, math.MaxFloat64),
		checkAmount("saturation", o.Saturation, math.MaxFloat64),
		checkAmount("hue", o.Hue, 0.5),
	)
}

// Draw returns a [Sequence] of [Brightness], [Contrast], [Saturation] and [Hue] in the drawn order, or nil.
func (o ColorJitter) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	order := [4]int{0, 1, 2, 3}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	around1 := func(x float64) float64 { return uniform(max(0, 1-x), 1+x, r) }
	changes := [4]Drawn{
		Brightness{Factor: around1(o.Brightness)},
		Contrast{Factor: around1(o.Contrast)},
		Saturation{Factor: around1(o.Saturation)},
		Hue{Shift: uniform(-o.Hue, o.Hue, r)},
	}
	if !applied {
		return nil
	}
	amounts := [4]float64{o.Brightness, o.Contrast, o.Saturation, o.Hue}
	var drawn Sequence
	for _, k := range order {
		if amounts[k] > 0 {
			drawn = append(drawn, changes[k])
		}
	}
	if len(drawn) == 0 {
		return nil
	}
	return drawn
}
