// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// kept is a configuration of images of 5 channels.
func kept(t *testing.T) *Layered {
	l := example(t)
	d := &l.Data
	d.Channels, d.Samples = Keep, "uint16"
	d.Mean, d.Std = []float64{1, 2, 300, 4, -5}, []float64{1, 2, 3, 4, 500}
	d.Low, d.High = []float64{0, 0, 0, 0, -1e5}, []float64{1, 1, 1, 1, 1}
	for i, r := range l.Augment {
		l.Augment[i], _ = augment.PerChannel(r)
	}
	return l
}

func TestChannelsAreValidated(t *testing.T) {
	l := kept(t)
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	n := l.Data.Normalize()
	if n.Channels() != 5 || n.Mean[4] != -5 || n.High[4] != 1 || n.Low[4] != -1e5 {
		t.Errorf("%+v", n)
	}
	if f := l.Data.Format(); f != (augment.Format{Channels: 5, Samples: "uint16"}) {
		t.Error(f)
	}
	jitter := augment.ColorJitter{P: 0.8, Hue: 0.1}
	for want, change := range map[string]func(l *Layered){
		"data.mean is [1 2], want a list of 5":           func(l *Layered) { l.Data.Mean = []float64{1, 2} },
		"data.std[1] is 0, want above 0":                 func(l *Layered) { l.Data.Std[1] = 0 },
		"data.low is [], want a list of 5":               func(l *Layered) { l.Data.Low = nil },
		"data.low[0] is 1, want less than data.high":     func(l *Layered) { l.Data.Low[0] = 1 },
		`data.samples is "", want the type`:              func(l *Layered) { l.Data.Samples = "" },
		`data.channels is "kept": did you mean keep?`:    func(l *Layered) { l.Data.Channels = "kept" },
		"data.std is [], want a number for each channel": func(l *Layered) { l.Data.Std = nil },
		"augment.0.color_jitter.hue is 0.1, and channels that are kept are no colours": func(l *Layered) {
			l.Augment[0] = augment.Recipe{jitter}
		},
		"augment.0.equalize.p is 0.5": func(l *Layered) { l.Augment[0] = augment.Recipe{augment.Equalize{P: 0.5}} },
	} {
		l := kept(t)
		change(l)
		if err := l.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	l = kept(t)
	if err := l.Set("data.std", "["+strings.Repeat("1, ", 256)+"1]", "--set"); err == nil ||
		!strings.Contains(err.Error(), "data.std is a list of 257, want at most 256") {
		t.Error(err)
	}
}

// A configuration of channels reads back as it was written.
func TestChannelsAreWritten(t *testing.T) {
	l := kept(t)
	text, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Load(text, newContrast())
	if err != nil {
		t.Fatal(err)
	}
	changes, err := Diff(l.Config, back.Config)
	if err != nil || len(changes) > 0 {
		t.Error(changes, err)
	}
	// A run of an older format had 8-bit RGB.
	old := strings.ReplaceAll(string(text), fmt.Sprintf("format: %d", keys.format), "format: 4")
	old = strings.Join(slices.DeleteFunc(strings.Split(old, "\n"), func(line string) bool {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		return slices.Contains([]string{"channels", "low", "high", "samples"}, key)
	}), "\n")
	if back, err = Load([]byte(old), newContrast()); err != nil {
		t.Fatal(err)
	}
	if d := back.Data; d.Channels != RGB || len(d.Low)+len(d.High) > 0 || d.Samples != "" {
		t.Errorf("an older run has %+v", d)
	}
}
