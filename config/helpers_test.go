// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// contrast has hyperparameters of every kind that a config can hold.
type contrast struct {
	Temperature float64
	QueueSize   int
	StopGrad    bool
	Projector   []int
	EMA         struct{ Start, End float64 }
	Note        string
	cached      float64 // not a hyperparameter
}

func newContrast() *contrast {
	m := &contrast{Temperature: 0.5, QueueSize: 4096, StopGrad: true, Projector: []int{512, 128}, Note: "", cached: 1}
	m.EMA.Start, m.EMA.End = 0.99, 1
	return m
}

func recipes() []augment.Recipe {
	r := augment.Recipe{
		augment.RandomResizedCrop{
			P: 1, Size: 32, Scale: [2]float64{0.2, 1}, Ratio: [2]float64{3. / 4, 4. / 3},
			Interpolation: augment.Bicubic,
		},
		augment.ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.2, Hue: 0.1},
		augment.Grayscale{P: 0.2},
		augment.HorizontalFlip{P: 0.5},
	}
	second := append(append(augment.Recipe{}, r...), augment.Solarize{P: 0.2, Threshold: 128})
	return []augment.Recipe{r, second}
}

func example(t testing.TB) *Layered {
	t.Helper()
	c := Default()
	c.Method = MethodConfig{Name: "contrast", Fields: newContrast()}
	c.Augment = recipes()
	c.Data = Data{Path: "photos:2024/summer", Labels: "none", Split: "train", Size: 32, Images: 50000,
		Channels: RGB, Mean: []float64{0.4914, 0.4822, 0.4465}, Std: []float64{0.247, 0.2435, 0.2616},
		Fingerprint: "sha256:0123", Hash: "sample", Decoder: "turbojpeg", MaxUnreadable: 0.01}
	c.Backbone.Stem, c.Backbone.Norm = "small", "batch"
	c.Train.Threads, c.Train.Workers = 2, 2
	c.Engine = Engine{Version: "2.11.0", CPU: "AVX512"}
	l, err := New(&c)
	must(t, err)
	for path, source := range map[string]string{
		"method": "paper", "augment": "paper", "data": "detected", "engine": "detected",
	} {
		must(t, l.Mark(path, source))
	}
	must(t, l.Mark("method.name", "flag --method"))
	must(t, l.Mark("data.path", "flag --data"))
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func encoded(t testing.TB, l *Layered) string {
	t.Helper()
	b, err := l.Encode()
	must(t, err)
	return string(b)
}

func readFile(t testing.TB, elements ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elements...))
	must(t, err)
	return string(b)
}

// wantError checks the exact text of an error: it is what a user reads.
func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want:\n%s", want)
	} else if err.Error() != want {
		t.Errorf("error is:\n%s\nwant:\n%s", err, want)
	}
}
