// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/config"
)

func TestOperations(t *testing.T) {
	for _, e := range backbone.All {
		if operations(config.Backbone{Name: e.Name, Width: 64, Stem: string(e.Stem(224))}, 224) == 0 {
			t.Errorf("%s: nothing is known of its cost", e.Name)
		}
	}
	for _, c := range []struct {
		b    config.Backbone
		size int
		want float64 // published, in multiplications and additions
	}{
		{config.Backbone{Name: "resnet50", Width: 64, Stem: "imagenet"}, 224, 4.1e9},
		{config.Backbone{Name: "resnet18", Width: 64, Stem: "small"}, 32, 0.56e9},
		{config.Backbone{Name: "resnet20", Width: 16, Stem: "small"}, 32, 0.041e9},
		{config.Backbone{Name: "wrn28", Width: 160}, 32, 5.2e9}, // WRN-28-10
		{config.Backbone{Name: "vit_small", Width: 64, Stem: "patch32"}, 224, 1.15e9},
	} {
		if got := operations(c.b, c.size); got < c.want*0.9 || got > c.want*1.1 {
			t.Errorf("%+v at %d px: %.3g, want %.3g", c.b, c.size, got, c.want)
		}
	}
}

func TestPaceCountsWhatViewsCost(t *testing.T) {
	c := config.Default()
	c.Data.Size, c.Train.Threads, c.Backbone.Stem = 224, 1, "imagenet"
	c.Augment = []augment.Recipe{augment.SimCLRRecipe(224), augment.SimCLRRecipe(224)}
	two := pace(&c, c.Backbone)
	for range 4 {
		c.Augment = append(c.Augment, augment.SimCLRRecipe(112))
	}
	if three := pace(&c, c.Backbone); two/three < 1.49 || two/three > 1.51 {
		t.Errorf("four quarter views make the pace %g of %g, want two thirds", three, two)
	}
}

func TestDigitAndAbout(t *testing.T) {
	for v, want := range map[float64]string{0.034: "0.03", 8.9: "9", 12: "10", 387: "400", 4499: "4000", 9.7: "10"} {
		if got := digit(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		90 * time.Minute: "90 minutes", 3 * time.Hour: "3 hours", 80 * time.Hour: "3 days", 30 * time.Second: "30s",
	} {
		if got := about(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}

func TestSlowNamesTinyCPU(t *testing.T) {
	job := func(change func(c *config.Config)) *Job {
		c := config.Default()
		c.Data.Size, c.Data.Images, c.Train.Threads, c.Train.Epochs, c.Backbone.Stem = 224, 100, 2, 400, "imagenet"
		c.Augment = []augment.Recipe{augment.SimCLRRecipe(224), augment.SimCLRRecipe(224)}
		change(&c)
		return &Job{Config: &config.Layered{Config: &c}, Chosen: "preset imagenet100"}
	}
	want := "on this CPU the run processes roughly 5 images/s and takes 2 hours; --preset tiny-cpu, " +
		"a smaller network for 5 epochs, processes roughly 70 images/s"
	if got := job(func(*config.Config) {}).Slow(); got != want {
		t.Errorf("100 photographs: %q, want %q", got, want)
	}
	for why, change := range map[string]func(c *config.Config){
		"a GPU":         func(c *config.Config) { c.Train.Device = "cuda" },
		"a short run":   func(c *config.Config) { c.Train.MaxSteps, c.Train.Batch = 5, 16 },
		"small images":  func(c *config.Config) { c.Data.Size, c.Train.Epochs = 32, 5 },
		"no known cost": func(c *config.Config) { c.Backbone.Name = "another" },
	} {
		if got := job(change).Slow(); got != "" {
			t.Errorf("%s: %q, want nothing", why, got)
		}
	}
	asked := job(func(*config.Config) {})
	asked.Chosen = ""
	if got := asked.Slow(); got != "" {
		t.Errorf("a preset that was asked for: %q, want nothing", got)
	}
}
