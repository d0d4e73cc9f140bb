// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/augment"
)

// greyFiles writes n PNG images of w by h pixels that hardly compress into a folder.
func greyFiles(t *testing.T, n, w, h int) string {
	t.Helper()
	root := t.TempDir()
	for k := range n {
		img := image.NewGray(image.Rect(0, 0, w, h))
		for i := range img.Pix {
			img.Pix[i] = uint8(i * i * (k + 3) / 7)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, string(rune('a'+k))+".png"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestBudgetChangesNoPixel reads with a budget for one image at a time, in pairs, and compares with a wide one. A
// worker that held two images while it waited would stand still.
func TestBudgetChangesNoPixel(t *testing.T) {
	root := greyFiles(t, 8, 100, 80)
	read := func(budget *Budget) []*Batch {
		s := opened(t, root, Options{Budget: budget})
		l := loaderOf(s, 4, 4)
		l.Recipes = []augment.Recipe{augment.EvalRecipe(32), augment.EvalRecipe(32)}
		l.Pair = func(i int, _ *rand.Rand) int { return (i + 3) % 8 }
		got, err := batches(t, l.Epoch(t.Context(), 0, 0), false)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	done := time.AfterFunc(time.Minute, func() { panic("the workers wait for one another") })
	defer done.Stop()
	if !same(read(NewBudget(4*100*80*4/3+1)), read(nil)) {
		t.Error("the batches depend on the budget")
	}
}

// TestTooLargeForTheBudget ends the reading: whether an image is there must not depend on the machine.
func TestTooLargeForTheBudget(t *testing.T) {
	s := opened(t, greyFiles(t, 8, 100, 80), Options{Budget: NewBudget(10_000)})
	l := loaderOf(s, 4, 2)
	l.Recipes = []augment.Recipe{augment.EvalRecipe(32)}
	_, err := batches(t, l.Epoch(t.Context(), 0, 0), true)
	_, statsErr := ChannelStats(t.Context(), s, 0)
	_, sizeErr := s.ViewSize()
	for _, err := range []error{err, statsErr, sizeErr} {
		if !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), ".png: 100x80 pixels") ||
			!strings.Contains(err.Error(), "--memory") {
			t.Errorf("an image that needs more than the budget: %v", err)
		}
	}
}

// TestThinImageOfAnOwnRecipe quarantines an image of which a recipe would make gigabytes on the way.
func TestThinImageOfAnOwnRecipe(t *testing.T) {
	root := greyFiles(t, 8, 100, 80)
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 9000, 1))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "thin.png"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	s := opened(t, root, Options{})
	l := loaderOf(s, 9, 2)
	l.Recipes = []augment.Recipe{{augment.Resize{Size: 128, Interpolation: augment.Bilinear},
		augment.HorizontalFlip{P: 1}, augment.CenterCrop{Size: 32}}}
	l.Quarantine, _ = NewQuarantine(s.Len(), "")
	got, err := batches(t, l.Epoch(t.Context(), 0, 0), false)
	if err != nil || len(got) != 1 {
		t.Fatal(err)
	}
	list := l.Quarantine.list()
	if len(list) != 1 || list[0].Name != "thin.png" || !strings.Contains(list[0].Reason, "center_crop") {
		t.Errorf("quarantined: %v", list)
	}
}
