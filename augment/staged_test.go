// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// every is a recipe with every operation that a stage changes.
var every = Recipe{
	Resize{Size: 40}, RandomCrop{Size: 36}, CenterCrop{Size: 34},
	RandomResizedCrop{P: 1, Size: 32, Scale: [2]float64{0.2, 0.8}, Ratio: [2]float64{3. / 4, 4. / 3}},
	Cutout{P: 1, Size: 8, MinSize: 4},
	ColorJitter{P: 0.8, Brightness: 0.8, Contrast: 0.4, Saturation: 0.2, Hue: 0.1},
	ChannelJitter{P: 1, Brightness: 0.4, Contrast: 0.2}, HorizontalFlip{P: 0.5},
}

// TestStaged: sizes by the ratio, crops and jitters by the strength, the rest as it is; the recipe does not change.
func TestStaged(t *testing.T) {
	want := Recipe{
		Resize{Size: 20}, RandomCrop{Size: 18}, CenterCrop{Size: 17},
		RandomResizedCrop{P: 1, Size: 16, Scale: [2]float64{0.5, 0.8}, Ratio: [2]float64{3. / 4, 4. / 3}},
		Cutout{P: 1, Size: 4, MinSize: 2},
		ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.2, Saturation: 0.1, Hue: 0.05},
		ChannelJitter{P: 1, Brightness: 0.2, Contrast: 0.1}, HorizontalFlip{P: 0.5},
	}
	before := append(Recipe{}, every...)
	if got := every.Staged(32, 16, 0.5); !cmp.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !cmp.Equal(every, before) {
		t.Error("the recipe has changed")
	}
	if got := every.Staged(32, 32, 1); !cmp.Equal(got, every) {
		t.Errorf("full size and strength give %v", got)
	}
	if got := every.Staged(32, 24, 0); got[3].(RandomResizedCrop).Scale != [2]float64{0.8, 0.8} ||
		got[5].(ColorJitter) != (ColorJitter{P: 0.8}) {
		t.Errorf("strength 0 gives %v", got)
	}
}

// TestStagedDraws: a staged recipe takes as many random numbers, so what follows, such as the flip, is the same.
func TestStagedDraws(t *testing.T) {
	for image := range 50 {
		full, small := ViewRand(1, 2, image, 0), ViewRand(1, 2, image, 0)
		every[3:].Draw(32, 32, full)
		every[3:].Staged(32, 16, 0.5).Draw(32, 32, small)
		if full.Uint64() != small.Uint64() {
			t.Fatalf("image %d: the generators are at different places", image)
		}
	}
}
